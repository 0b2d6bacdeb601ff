{#- Incremental strategies that compare what a model says now with what it said before, and write the difference. -#}

{#-
    replace_differences: the model gives all of its rows; those that are gone or say something else are replaced.
    The columns of unique_key are never null. meta.changes.at (a column) logs the customers of these rows, with
    meta.changes.touch (a condition) as changes of touches; meta.changes.on (a column) logs their days, meta.changes.in
    (a list of relation, key, day) the days on which these relations have rows of that key.
-#}
{% macro get_incremental_replace_differences_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set temp_relation = arg_dict['temp_relation'] -%}
    {%- set keys = [arg_dict['unique_key']] if arg_dict['unique_key'] is string else arg_dict['unique_key'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set changes = config.get('meta', {}).get('changes') -%}
    {%- set producer = target_relation.identifier %}

    create temporary table rows_before on commit drop as
    select {{ columns }} from {{ target_relation }}
    except
    select {{ columns }} from {{ temp_relation }};

    create temporary table rows_after on commit drop as
    select {{ columns }} from {{ temp_relation }}
    except
    select {{ columns }} from {{ target_relation }};

    {% if changes %}
    {{ prune_changes(producer) }}
    {% endif %}

    {% if changes and (changes.get('on') or changes.get('in')) %}
    insert into {{ change_table('day_changes') }} (producer, change_id, changed_on)
    select distinct '{{ producer }}', {{ next_change(producer) }}, different.changed_on
    from (
        {%- for rows in ['rows_before', 'rows_after'] %}
        {%- if not loop.first %}
        union all
        {%- endif %}
        {%- if changes.get('on') %}
        select {{ changes['on'] }} as changed_on from {{ rows }}
        {%- else %}
        {%- for known_by in changes['in'] %}
        select counted.{{ known_by['day'] }} as changed_on
        from {{ ref(known_by['relation']) }} as counted
        where counted.{{ known_by['key'] }} in (select {{ known_by['key'] }} from {{ rows }})
        {{ 'union all' if not loop.last }}
        {%- endfor %}
        {%- endif %}
        {%- endfor %}
    ) as different
    where different.changed_on is not null;
    {% endif %}

    {% if changes and changes.get('at') %}
    insert into {{ change_table('customer_changes') }} (producer, change_id, customer_id, changed_from, touch_from)
    select
        '{{ producer }}', {{ next_change(producer) }}, customer_id, min(changed_at),
        min(case when {{ changes.get('touch', 'false') }} then changed_at end)
    from (
        select customer_id, {{ changes['at'] }} as changed_at from rows_before
        union all
        select customer_id, {{ changes['at'] }} as changed_at from rows_after
    ) as different
    where customer_id is not null
    group by customer_id;

    {{ refresh_statistics(change_table('customer_changes')) }};
    {% endif %}

    delete from {{ target_relation }} as present
    where exists (
        select 1 from rows_before
        where {% for key in keys %}rows_before.{{ key }} = present.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
    );

    insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from rows_after;

    drop table rows_before;
    drop table rows_after
{%- endmacro %}

{#-
    keep_history: the model gives what holds now, with valid_from the run's day; a row whose `value` is no longer true of
    its `key` is closed (valid_to, is_current), never deleted. What began and ended on one day never was, so that a day
    may run again. meta.history: key, value.
-#}
{% macro get_incremental_keep_history_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set temp_relation = arg_dict['temp_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set history = config.get('meta')['history'] -%}
    {%- set still_true -%}
        exists (
            select 1 from {{ temp_relation }} as fresh
            where
                fresh.{{ history['key'] }} = {{ target_relation }}.{{ history['key'] }}
                and fresh.{{ history['value'] }} = {{ target_relation }}.{{ history['value'] }}
        )
    {%- endset %}

    delete from {{ target_relation }}
    where is_current and valid_from >= {{ as_of_date() }} and not {{ still_true }};

    update {{ target_relation }} set valid_to = null, is_current = true
    where
        valid_to >= {{ as_of_date() }}
        and {{ still_true }}
        and {{ history['key'] }} not in (
            select held.{{ history['key'] }} from {{ target_relation }} as held where held.is_current
        );

    update {{ target_relation }} set valid_to = {{ as_of_date() }}, is_current = false
    where is_current and not {{ still_true }};

    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }} from {{ temp_relation }}
    where {{ history['key'] }} not in (
        select held.{{ history['key'] }} from {{ target_relation }} as held where held.is_current
    )
{%- endmacro %}
