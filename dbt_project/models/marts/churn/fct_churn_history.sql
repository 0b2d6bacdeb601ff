-- History of churn risk: intervals in which the band of a customer stayed the same, by business
-- date. What earlier runs said cannot be computed again: never rebuilt.
{{ config(
    materialized='incremental',
    incremental_strategy='keep_states',
    full_refresh=false,
    tags=['after_scores'],
    meta={'history': {
        'days': 'churn_days',
        'key': ['customer_id'],
        'states': ['risk_band'],
        'measures': ['p_alive', 'p_active', 'expected_loss'],
    }},
    indexes=[
        {'columns': ['customer_id', 'valid_from'], 'unique': true},
        {'columns': ['valid_to']},
    ],
    pre_hook=["{{ forget_run_days('churn_days') }}"],
    post_hook=[
        "{{ record_run_day('churn_days', source('scores', 'churn_customer')) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

with

scored as (

    select * from {{ source('scores', 'churn_customer') }}
    where as_of = {{ as_of_date() }}

),

final as (

    select
        customer_id,
        as_of as valid_from,
        cast(null as date) as valid_to,
        risk_band,
        p_alive,
        p_active,
        expected_loss
    from scored

)

select * from final
