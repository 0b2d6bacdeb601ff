-- Hours at which a customer comes by himself, once a day and hour. Not in stores: there opening
-- hours decide.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_touchpoint'], 'kind': 'touch'}},
    indexes=[{'columns': ['customer_id', 'hour'], 'unique': true}],
    post_hook=["{{ record_changes(['fct_touchpoint']) }}", '{{ refresh_statistics() }}'],
) }}

with

touchpoints as (

    select * from {{ ref('fct_touchpoint') }}
    where
        is_touch
        and not is_machine
        and direction = 'in'
        and event_type in ('visit', 'chat')
        and {{ is_touched(['fct_touchpoint'], 'touch') if is_incremental() else 'true' }}

),

channels as (

    select channel from {{ ref('channel_profiles') }}
    where
        (channel_family in ('demand', 'owned') or channel = 'chat')
        and channel not in {{ text_list(var('store_sales_channels')) }}

),

hours as (

    select distinct
        touchpoints.customer_id,
        touchpoints.occurred_on,
        {{ business_hour('touchpoints.occurred_at') }} as hour
    from touchpoints
    inner join channels on touchpoints.channel = channels.channel

),

final as (

    select
        customer_id,
        hour,
        count(*) as visits
    from hours
    group by customer_id, hour

)

select * from final
