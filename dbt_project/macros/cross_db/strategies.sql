{#- Incremental strategies: how rows of an incremental table are replaced, in one transaction. -#}

{#-
    logged_replace: rows with the same key are replaced, rows a corrected file removed are deleted, and the customers
    and days of all of them are logged. meta.changes names the columns: feed, at, on, touch, contact, and day_columns:
    a row that is the same in these before and after only went to another customer: its day is logged as a move.
-#}
{% macro get_incremental_logged_replace_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set temp_relation = arg_dict['temp_relation'] -%}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set changes = config.get('meta')['changes'] -%}
    {%- set producer = target_relation.identifier -%}
    {%- set gone -%}
        {{ key }} in (
            select {{ key }} from {{ temp_relation }}
            union all
            {{ removed_rows(changes['feed']) }}
        )
    {%- endset -%}
    {%- set changed -%}
        select customer_id, {{ changes['at'] }} as changed_at, {{ changes['on'] }} as changed_on,
            {{ changes['touch'] }} as is_touch, {{ changes['contact'] }} as is_contact
    {%- endset -%}

    {%- set day_key -%}
        select {{ key }}, {{ changes['on'] }} as changed_on, {{ changes['day_columns'] | join(', ') }}
    {%- endset %}

    {{ prune_changes(producer) }}

    create temporary table changed_rows on commit drop as
    {{ changed }} from {{ target_relation }} where {{ gone }}
    union all
    {{ changed }} from {{ temp_relation }};

    insert into {{ change_table('day_changes') }} (producer, change_id, changed_on, is_move)
    select '{{ producer }}', {{ next_change(producer) }}, changed_on, min(copies) > 1
    from (
        select changed_on, count(*) as copies
        from (
            {{ day_key }} from {{ target_relation }} where {{ gone }}
            union all
            {{ day_key }} from {{ temp_relation }}
        ) as versions
        group by {{ key }}, changed_on, {{ changes['day_columns'] | join(', ') }}
    ) as told
    group by changed_on;

    insert into {{ change_table('customer_changes') }}
        (producer, change_id, customer_id, changed_from, touch_from, contact_from)
    select
        '{{ producer }}', {{ next_change(producer) }}, customer_id, min(changed_at),
        min(case when is_touch then changed_at end), min(case when is_contact then changed_at end)
    from changed_rows
    group by customer_id;

    drop table changed_rows;

    -- what a model changed is joined by all that follow: without statistics the plans go astray
    {{ refresh_statistics(change_table('customer_changes')) }};
    {{ refresh_statistics(change_table('day_changes')) }};

    delete from {{ target_relation }} where {{ gone }};

    insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from {{ temp_relation }}
{%- endmacro %}

{#- Number of the change a producer is logging: days before customers. -#}
{% macro next_change(producer) -%}
    1 + greatest(
        {%- for table in ['customer_changes', 'consumed_changes'] %}
        coalesce((
            select max(change_id) from {{ change_table(table) }} where producer = '{{ producer }}'
        ), 0){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{#- Changes every consumer has read are of no more use. -#}
{% macro prune_changes(producer) -%}
    {%- for table in ['day_changes', 'customer_changes'] %}
    delete from {{ change_table(table) }}
    where
        producer = '{{ producer }}'
        and change_id <= (
            select min(furthest.change_id) from (
                select consumer, max(change_id) as change_id from {{ change_table('consumed_changes') }}
                where producer = '{{ producer }}'
                group by consumer
            ) as furthest
        );
    {%- endfor %}
{%- endmacro %}

{#-
    replace_touched: what the touched customers (or days) had is deleted, also when nothing takes its place.
    meta.touched: by (producers), kind (changed, touch, contact), key (the column compared),
    from (a column: only rows at or after the first change go; absent: all of them), moves (days of rows that only went to
    another customer, too), followers (days whose usual figures look back on a touched one, too).
-#}
{% macro get_incremental_replace_touched_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set touched = config.get('meta')['touched'] -%}

    {%- if touched.get('key', 'customer_id') == 'customer_id' and not touched.get('from') %}
    delete from {{ target_relation }}
    where customer_id in (
        select customer_id from ({{ touched_customers(touched['by'], touched.get('kind', 'changed')) }}) as touched
    );
    {%- elif touched.get('from') %}
    delete from {{ target_relation }} as present
    using ({{ touched_customers(touched['by'], touched.get('kind', 'changed')) }}) as touched
    where
        present.customer_id = touched.customer_id
        and present.{{ touched['from'] }} >= {{ business_date('touched.changed_from') }};
    {%- else %}
    delete from {{ target_relation }}
    where {{ touched['key'] }} in (
        {%- if touched.get('followers') -%}
        {{ touched_days_and_their_followers(touched['by']) }}
        {%- else -%}
        {{ touched_days(touched['by'], touched.get('moves', false)) }}
        {%- endif -%}
    );
    {%- endif %}

    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }}
{%- endmacro %}
