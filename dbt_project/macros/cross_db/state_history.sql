{#-
    keep_states: history of what the model says at each business date, by intervals [valid_from, valid_to) in which the
    states of a key stay the same; valid_to is null while they hold. meta.history: days (a table of the change log's
    schema: the days that were run), key, states (null is one of them), measures
    (kept as they were when the interval began).

    A run of day D speaks for D up to the next day that was run, or for all time to come when D is the newest: what was
    told of the days before and after stays. So the table is a function of what each day said, in whatever order the days
    were run, and a day may run again. A key the day does not know has no state then. A day on which nothing was scored
    changes nothing.
-#}
{% macro get_incremental_keep_states_sql(arg_dict) -%}
    {%- set target_relation = arg_dict['target_relation'] -%}
    {%- set fresh_relation = arg_dict['temp_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set history = config.get('meta')['history'] -%}
    {%- set told = history['key'] + history['states'] + history['measures'] -%}
    {%- set next_day -%}
        (select min(run_days.day) from {{ change_table(history['days']) }} as run_days where run_days.day > {{ as_of_date() }})
    {%- endset %}

    create temporary table states_held on commit drop as
    select * from {{ target_relation }}
    where valid_from <= {{ as_of_date() }} and (valid_to is null or valid_to > {{ as_of_date() }});

    create temporary table states_changed on commit drop as
    select {% for column in history['key'] %}coalesce(held.{{ column }}, fresh.{{ column }}) as {{ column }}
        {{- ', ' if not loop.last }}{% endfor %}
    from states_held as held
    full join {{ fresh_relation }} as fresh on {{ same('held', 'fresh', history['key']) }}
    where
        exists (select 1 from {{ fresh_relation }})
        and (
            held.valid_from is null
            or fresh.valid_from is null
            or {{ any_differs('held', 'fresh', history['states']) }}
            or (held.valid_from = {{ as_of_date() }} and {{ any_differs('held', 'fresh', history['measures']) }})
        );

    delete from {{ target_relation }} as present
    using states_held as held, states_changed as changed
    where
        {{ same('present', 'held', history['key'] + ['valid_from']) }}
        and {{ same('held', 'changed', history['key']) }};

    insert into {{ target_relation }} ({{ told | join(', ') }}, valid_from, valid_to)
    select {{ columns_of('held', told) }}, held.valid_from, {{ as_of_date() }}
    from states_held as held
    inner join states_changed as changed on {{ same('held', 'changed', history['key']) }}
    where held.valid_from < {{ as_of_date() }}
    union all
    select {{ columns_of('held', told) }}, {{ next_day }}, held.valid_to
    from states_held as held
    inner join states_changed as changed on {{ same('held', 'changed', history['key']) }}
    where {{ next_day }} is not null and (held.valid_to is null or held.valid_to > {{ next_day }});

    -- an interval that ends here or begins at the next day run, in the same state, is the same interval
    create temporary table states_opened on commit drop as
    select
        {{ columns_of('fresh', history['key'] + history['states']) }},
        {%- for column in history['measures'] %}
        case when earlier.valid_from is null then fresh.{{ column }} else earlier.{{ column }} end as {{ column }},
        {%- endfor %}
        coalesce(earlier.valid_from, fresh.valid_from) as valid_from,
        case when later.valid_from is null then {{ next_day }} else later.valid_to end as valid_to
    from {{ fresh_relation }} as fresh
    inner join states_changed as changed on {{ same('fresh', 'changed', history['key']) }}
    left join {{ target_relation }} as earlier
        on
            {{ same('fresh', 'earlier', history['key']) }}
            and not {{ any_differs('fresh', 'earlier', history['states']) }}
            and earlier.valid_to = {{ as_of_date() }}
    left join {{ target_relation }} as later
        on
            {{ same('fresh', 'later', history['key']) }}
            and not {{ any_differs('fresh', 'later', history['states']) }}
            and later.valid_from = {{ next_day }};

    delete from {{ target_relation }} as present
    using states_opened as opened
    where
        {{ same('present', 'opened', history['key']) }}
        and present.valid_from >= opened.valid_from
        and (opened.valid_to is null or present.valid_from < opened.valid_to);

    insert into {{ target_relation }} ({{ columns }}) select {{ columns }} from states_opened;

    drop table states_held;
    drop table states_changed;
    drop table states_opened
{%- endmacro %}

{#- Condition: the columns, never null, are the same in two relations. -#}
{% macro same(left, right, columns) -%}
    {%- for column in columns -%}
        {{ left }}.{{ column }} = {{ right }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Condition: some of the columns differ in two relations, null being a value of its own. -#}
{% macro any_differs(left, right, columns) -%}
    (
    {%- for column in columns -%}
        {{ differs(left ~ '.' ~ column, right ~ '.' ~ column) }}{{ ' or ' if not loop.last }}
    {%- endfor -%}
    )
{%- endmacro %}

{#- pre_hook: a history that begins anew has no days yet. -#}
{% macro forget_run_days(days) -%}
    {%- if execute and not is_incremental() -%}
        delete from {{ change_table(days) }}
    {%- endif -%}
{%- endmacro %}

{#- post_hook: the business date has been told, if it told anything. -#}
{% macro record_run_day(days, relation) -%}
    insert into {{ change_table(days) }} (day)
    select {{ as_of_date() }}
    where
        exists (select 1 from {{ relation }} as scored where scored.as_of = {{ as_of_date() }})
        and not exists (
            select 1 from {{ change_table(days) }} as known where known.day = {{ as_of_date() }}
        )
{%- endmacro %}
