with

health as (

    select * from {{ ref('fct_channel_health_daily') }}
    where
        segment = 'all'
        and day > {{ add_days(as_of_date(), -1 * var('pressure_history_days')) }}
        and day <= {{ as_of_date() }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

final as (

    select
        {{ as_of_date() }} as as_of,
        health.day,
        health.channel,
        {{ channel_label('health.channel', 'channels') }} as channel_label,
        health.contacts,
        health.human_opens as opens,
        health.opens - health.human_opens as machine_opens,
        health.human_clicks,
        health.unsubscribes,
        health.spam_complaints,
        health.complaints,
        health.orders,
        health.revenue,
        health.orders_baseline,
        health.revenue_baseline,
        {{ share('health.opens - health.human_opens', 'health.opens') }} as machine_open_share,
        health.open_rate,
        health.open_rate_baseline,
        health.click_rate,
        health.click_rate_baseline,
        health.unsubscribe_rate,
        health.unsubscribe_rate_baseline,
        health.spam_complaint_rate,
        health.spam_complaint_rate_baseline,
        health.complaint_rate,
        health.complaint_rate_baseline,
        health.negative_comment_rate,
        health.negative_comment_rate_baseline,
        health.return_rate,
        health.return_rate_baseline
    from health
    left join channels on health.channel = channels.channel

)

select * from final
