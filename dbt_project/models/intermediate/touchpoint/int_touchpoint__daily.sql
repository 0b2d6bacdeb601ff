-- Counts by day, channel, campaign and device. Days that changed are counted again.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_touchpoint'], 'key': 'day'}},
    indexes=[{'columns': ['day']}],
    post_hook=["{{ record_changes(['fct_touchpoint']) }}", '{{ refresh_statistics() }}'],
) }}

with

touchpoints as (

    select * from {{ ref('fct_touchpoint') }}
    {% if is_incremental() %}
    where occurred_on in ({{ touched_days(['fct_touchpoint']) }})
    {% endif %}

),

final as (

    select
        occurred_on as day,
        channel,
        campaign_id,
        device,
        message_type,
        theme,
        count(*) as touchpoints,
        {{ count_if('is_contact') }} as contacts,
        {{ count_if("event_type = 'send'") }} as sends,
        {{ count_if("event_type = 'delivery'") }} as deliveries,
        {{ count_if("event_type = 'bounce'") }} as bounces,
        {{ count_if("event_type = 'impression'") }} as impressions,
        {{ count_if("event_type = 'open'") }} as opens,
        {{ count_if("event_type = 'open' and not is_machine") }} as human_opens,
        {{ count_if("event_type = 'click' and not is_machine") }} as human_clicks,
        {{ count_if('is_response and not is_machine') }} as human_responses,
        {{ count_if("event_type = 'unsubscribe'") }} as unsubscribes,
        {{ count_if("event_type = 'spam_complaint'") }} as spam_complaints,
        {{ count_if("event_type = 'complaint'") }} as complaints,
        {{ count_if("event_type = 'comment'") }} as comments,
        {{ count_if("event_type = 'comment' and resolution = 'negative'") }} as negative_comments,
        coalesce(sum(cost), 0) as cost,
        max(occurred_at) as last_event_at
    from touchpoints
    group by occurred_on, channel, campaign_id, device, message_type, theme

)

select * from final
