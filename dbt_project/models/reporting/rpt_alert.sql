with

signals as (

    select * from {{ ref('fct_pressure_signal') }} where alert or incident

),

labels as (

    select * from {{ ref('sign_labels') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

plans as (

    select * from {{ ref('dim_action_plan') }}

),

final as (

    select
        signals.as_of,
        signals.sign,
        coalesce(labels.sign_label, signals.sign) as sign_label,
        signals.channel,
        case
            when signals.channel = 'all' then 'All channels'
            else coalesce(channels.channel_label, signals.channel)
        end as channel_label,
        signals.segment,
        signals.observed,
        signals.expected,
        signals.effect,
        signals.p_value,
        signals.q_value,
        signals.severity,
        signals.alert,
        signals.incident,
        signals.cause,
        signals.action_code,
        plans.action,
        plans.owner
    from signals
    left join labels on signals.sign = labels.sign
    left join channels on signals.channel = channels.channel
    left join plans on signals.action_code = plans.action_code

)

select * from final
