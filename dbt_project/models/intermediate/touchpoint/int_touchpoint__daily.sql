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
        {{ count_if("event_type = 'impression'") }} as impressions,
        {%- for name, condition in touchpoint_counts().items() %}
        {{ count_if(condition) }} as {{ name }},
        {%- endfor %}
        coalesce(sum(cost), 0) as cost,
        max(occurred_at) as last_event_at
    from touchpoints
    group by occurred_on, channel, campaign_id, device, message_type, theme

)

select * from final
