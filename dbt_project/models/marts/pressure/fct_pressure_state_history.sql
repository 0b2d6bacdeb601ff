-- History of states: intervals in which state and severity of a customer and channel stayed the
-- same, by business date. What earlier runs said cannot be computed again: never rebuilt.
{{ config(
    materialized='incremental',
    incremental_strategy='keep_states',
    full_refresh=false,
    tags=['after_scores'],
    meta={'history': {
        'days': 'pressure_state_days',
        'key': ['customer_id', 'channel'],
        'states': ['state', 'severity'],
        'measures': ['probability_over', 'ratio'],
    }},
    indexes=[
        {'columns': ['customer_id', 'channel', 'valid_from'], 'unique': true},
        {'columns': ['valid_to']},
    ],
    pre_hook=["{{ forget_run_days('pressure_state_days') }}"],
    post_hook=[
        "{{ record_run_day('pressure_state_days', source('scores', 'pressure_state')) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

with

states as (

    select * from {{ source('scores', 'pressure_state') }}
    where as_of = {{ as_of_date() }}

),

final as (

    select
        customer_id,
        channel,
        as_of as valid_from,
        cast(null as date) as valid_to,
        cast(state as {{ dbt.type_string() }}) as state,
        cast(severity as {{ dbt.type_string() }}) as severity,
        probability_over,
        {{ share('pressure_index', 'tolerance') }} as ratio
    from states

)

select * from final
