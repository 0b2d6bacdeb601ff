with

drivers as (

    select * from {{ ref('fct_pressure_signal_driver') }}

),

alerts as (

    select * from {{ ref('rpt_alert') }} where alert or incident

),

final as (

    select
        drivers.as_of,
        drivers.sign,
        alerts.sign_label,
        drivers.channel,
        alerts.channel_label,
        drivers.segment,
        drivers.rank,
        drivers.kind,
        drivers.driver,
        drivers.contribution,
        drivers.share,
        drivers.detail
    from drivers
    inner join alerts
        on
            drivers.sign = alerts.sign
            and drivers.channel = alerts.channel
            and drivers.segment = alerts.segment

)

select * from final
