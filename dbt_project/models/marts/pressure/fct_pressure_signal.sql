{{ config(tags=['after_scores']) }}

with

signals as (

    select * from {{ source('scores', 'pressure_signal') }}
    where as_of = {{ newest_as_of('pressure_signal') }}

),

final as (

    select
        as_of,
        sign,
        channel,
        segment,
        observed,
        expected,
        effect,
        p_value,
        q_value,
        severity,
        alert,
        incident,
        cause,
        action_code
    from signals

)

select * from final
