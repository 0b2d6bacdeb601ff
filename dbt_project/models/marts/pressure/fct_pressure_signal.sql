{{ config(tags=['after_scores']) }}

with

signals as (

    select * from {{ source('scores', 'pressure_signal') }}
    where as_of = {{ newest_as_of('pressure_signal') }}

),

final as (

    select
        as_of,
        judged_on,
        sign,
        channel,
        segment,
        observed,
        expected,
        baseline,
        exposure,
        effect,
        p_value,
        q_value,
        probability_real,
        customers,
        value_at_risk,
        severity,
        severity_level,
        verdict,
        alert,
        incident,
        shifted_to,
        since,
        detector,
        statistic,
        threshold,
        false_alarms_per_100_series_years,
        cause,
        action_code
    from signals

)

select * from final
