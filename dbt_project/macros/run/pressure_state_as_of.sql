{#-
    A query that gives the state of every customer and channel on a day (a SQL date): that of the last run up to it. For
    an analyst:

        dbt show --inline "select * from ({{ pressure_state_as_of("cast('2025-02-14' as date)") }}) as states"
-#}
{% macro pressure_state_as_of(day) -%}
    select
        customer_id,
        channel,
        state,
        severity,
        probability_over,
        ratio,
        valid_from
    from {{ ref('fct_pressure_state_history') }}
    where valid_from <= {{ day }} and (valid_to is null or valid_to > {{ day }})
{%- endmacro %}
