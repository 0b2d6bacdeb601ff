with

signals as (

    select * from {{ ref('int_pressure__told_signal') }}
    where alert or incident or verdict in ('shifted', 'expected', 'trend')

),

final as (

    select
        as_of,
        judged_on,
        sign,
        sign_label,
        channel,
        channel_label,
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
        false_alarms_per_100_series_years,
        cause,
        action_code,
        action,
        owner,
        effort_days,
        expected_return,
        expires_on
    from signals

)

select * from final
