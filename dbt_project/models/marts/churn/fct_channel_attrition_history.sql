-- History of channel attrition: intervals in which the verdict on a customer and channel stayed the
-- same, by business date. What earlier runs said cannot be computed again: never rebuilt.
{{ config(
    materialized='incremental',
    incremental_strategy='keep_states',
    full_refresh=false,
    tags=['after_scores'],
    meta={'history': {
        'days': 'channel_attrition_days',
        'key': ['customer_id', 'channel'],
        'states': ['verdict', 'shifted_to'],
        'measures': ['p_disengaged'],
    }},
    indexes=[
        {'columns': ['customer_id', 'channel', 'valid_from'], 'unique': true},
        {'columns': ['valid_to']},
    ],
    pre_hook=["{{ forget_run_days('channel_attrition_days') }}"],
    post_hook=[
        "{{ record_run_day('channel_attrition_days', source('scores', 'channel_attrition')) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

with

scored as (

    select * from {{ source('scores', 'channel_attrition') }}
    where as_of = {{ as_of_date() }}

),

final as (

    select
        customer_id,
        channel,
        as_of as valid_from,
        cast(null as date) as valid_to,
        verdict,
        shifted_to,
        p_disengaged
    from scored

)

select * from final
