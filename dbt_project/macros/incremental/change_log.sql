{#-
    The change log tells incremental models which customers and days the models before them changed.

    A producer (strategy logged_replace) writes, in the transaction that changes it, each customer whose rows came, went or
    changed, with the earliest moment affected. A consumer (strategy replace_touched) recomputes these customers only,
    and records how far it has read. A killed run loses nothing: what a consumer has not read is still there.
-#}

{% macro change_table(name) -%}
    {{ return(api.Relation.create(database=target.database, schema='intermediate', identifier=name)) }}
{%- endmacro %}

{#- on-run-start -#}
{% macro create_change_log() -%}
    create schema if not exists intermediate;
    create table if not exists {{ change_table('customer_changes') }} (
        producer {{ dbt.type_string() }} not null,
        change_id {{ dbt.type_bigint() }} not null,
        customer_id {{ dbt.type_string() }} not null,
        changed_from {{ type_timestamp_utc() }} not null,
        touch_from {{ type_timestamp_utc() }},
        contact_from {{ type_timestamp_utc() }}
    );
    create table if not exists {{ change_table('day_changes') }} (
        producer {{ dbt.type_string() }} not null,
        change_id {{ dbt.type_bigint() }} not null,
        changed_on date not null,
        is_move boolean not null default false
    );
    {#- warehouses made before days of moved rows were logged -#}
    alter table {{ change_table('day_changes') }}
    add column if not exists is_move boolean not null default false;
    {%- for days in ['pressure_state_days', 'churn_days', 'channel_attrition_days'] %}
    create table if not exists {{ change_table(days) }} (day date not null primary key);
    {%- endfor %}
    create table if not exists {{ change_table('consumed_changes') }} (
        consumer {{ dbt.type_string() }} not null,
        producer {{ dbt.type_string() }} not null,
        change_id {{ dbt.type_bigint() }} not null
    );
    {#- a model that is no more would hold back for ever what the others have read -#}
    {%- if execute %}
    delete from {{ change_table('consumed_changes') }}
    where consumer not in {{ text_list(
        graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | map(attribute='name') | list
    ) }}
    {%- endif %}
{%- endmacro %}

{#- How far the model has read a producer's changes. A literal, so that the planner knows how little is left. -#}
{% macro changes_read(producer) -%}
    {%- if not execute or not is_incremental() -%}
        {{ return('0') }}
    {%- endif -%}
    {%- set query -%}
        select coalesce(max(consumed.change_id), 0)
        from {{ change_table('consumed_changes') }} as consumed
        where consumed.consumer = '{{ this.identifier }}' and consumed.producer = '{{ producer }}'
    {%- endset -%}
    {{ return(run_query(query).columns[0].values()[0] | string) }}
{%- endmacro %}

{#-
    post_hook of a consumer: everything its producers logged has been read. A consumer that found nothing yet is noted,
    too: what is logged later stays until it has read it.
-#}
{% macro record_changes(producers) -%}
    {%- for producer in producers %}
    insert into {{ change_table('consumed_changes') }} (consumer, producer, change_id)
    select
        '{{ this.identifier }}',
        '{{ producer }}',
        coalesce(max(logged.change_id), 0)
    from (
        {%- for table in ['customer_changes', 'day_changes'] %}
        select change_id from {{ change_table(table) }} where producer = '{{ producer }}'
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as logged;
    {%- endfor %}
    {{ compact_consumed() }}
{%- endmacro %}

{#- Keep the newest row of each consumer and producer. -#}
{% macro compact_consumed() -%}
    delete from {{ change_table('consumed_changes') }}
    where
        consumer = '{{ this.identifier }}'
        and exists (
            select 1 from {{ change_table('consumed_changes') }} as newer
            where
                newer.consumer = consumed_changes.consumer
                and newer.producer = consumed_changes.producer
                and newer.change_id > consumed_changes.change_id
        )
{%- endmacro %}

{#- Customers changed since the model last read. kind: changed (any row), touch, contact. -#}
{% macro touched_customers(producers, kind='changed') -%}
    select
        logged.customer_id,
        min(logged.{{ kind }}_from) as changed_from
    from {{ change_table('customer_changes') }} as logged
    where
        logged.{{ kind }}_from is not null
        and (
            {%- for producer in producers %}
            (logged.producer = '{{ producer }}' and logged.change_id > {{ changes_read(producer) }})
            {% if not loop.last %}or{% endif %}
            {%- endfor %}
        )
    group by logged.customer_id
{%- endmacro %}

{#-
    Days changed since the model last read. moves: also the days of rows that only went to another customer, for models
    that count by what the customer is.
-#}
{% macro touched_days(producers, moves=false) -%}
    select distinct logged.changed_on
    from {{ change_table('day_changes') }} as logged
    where
        {{ 'true' if moves else 'not logged.is_move' }}
        and (
            {%- for producer in producers %}
            (logged.producer = '{{ producer }}' and logged.change_id > {{ changes_read(producer) }})
            {% if not loop.last %}or{% endif %}
            {%- endfor %}
        )
{%- endmacro %}

{#-
    These days, and those whose usual figures (of the baseline_days that ended baseline_gap_days before) look back on
    them.
-#}
{% macro touched_days_and_their_followers(producers) -%}
    select days.date_day
    from ({{ touched_days(producers, moves=true) }}) as touched
    cross join lateral (
        select touched.changed_on as date_day
        union all
        {{ days_table(
            add_days('touched.changed_on', var('baseline_gap_days')),
            add_days('touched.changed_on', var('baseline_gap_days') + var('baseline_days') - 1)
        ) }}
    ) as days
{%- endmacro %}

{#- post_hook: every signature whose customer changed has been looked at. -#}
{% macro record_signature_changes() -%}
    insert into {{ change_table('consumed_changes') }} (consumer, producer, change_id)
    select
        '{{ this.identifier }}',
        'int_identity__signature_customers',
        max(change_id)
    from {{ ref('int_identity__signature_customers') }}
    having max(change_id) is not null;
    {{ compact_consumed() }}
{%- endmacro %}

{#- Condition: the row's customer changed since the model last read. -#}
{% macro is_touched(producers, kind='changed') -%}
    customer_id in (
        select touched.customer_id
        from ({{ touched_customers(producers, kind) }}) as touched
    )
{%- endmacro %}
