-- Signs of pressure, and of churn models that no longer hold, at the newest business date scored.
{{ config(tags=['after_scores']) }}

with

{% for producer in ['pressure', 'churn'] %}
{{ producer }} as (

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
    from {{ source('scores', producer ~ '_signal') }}
    where as_of = {{ newest_as_of('pressure_signal') }}

),

{% endfor %}
final as (

    select * from pressure
    union all
    select * from churn

)

select * from final
