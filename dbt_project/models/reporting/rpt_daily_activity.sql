with

activity as (

    select
        day,
        channel,
        sum(contacts) as contacts,
        sum(human_clicks) as human_clicks,
        sum(unsubscribes) as unsubscribes,
        sum(complaints + spam_complaints) as complaints
    from {{ ref('int_touchpoint__daily') }}
    group by day, channel

),

last_touch as (

    select
        converted_on as day,
        channel,
        sum(credit_last) as orders,
        sum(credit_last * value) as revenue
    from {{ ref('int_attribution__credits') }}
    group by converted_on, channel

),

channels as (

    select * from {{ ref('dim_channel') }}

),

seen as (

    select
        day,
        channel
    from activity
    union
    select
        day,
        channel
    from last_touch

),

final as (

    select
        {{ as_of_date() }} as as_of,
        seen.day,
        seen.channel,
        coalesce(channels.channel_label, seen.channel) as channel_label,
        cast(coalesce(activity.contacts, 0) as {{ dbt.type_bigint() }}) as contacts,
        cast(coalesce(activity.human_clicks, 0) as {{ dbt.type_bigint() }}) as human_clicks,
        cast(coalesce(activity.unsubscribes, 0) as {{ dbt.type_bigint() }}) as unsubscribes,
        cast(coalesce(activity.complaints, 0) as {{ dbt.type_bigint() }}) as complaints,
        coalesce(last_touch.orders, 0) as orders,
        coalesce(last_touch.revenue, 0) as revenue
    from seen
    left join activity on seen.day = activity.day and seen.channel = activity.channel
    left join last_touch on seen.day = last_touch.day and seen.channel = last_touch.channel
    left join channels on seen.channel = channels.channel

)

select * from final
