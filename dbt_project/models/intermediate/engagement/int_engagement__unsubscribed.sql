-- The last time a customer unsubscribed from a channel.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_touchpoint'], 'kind': 'changed'}},
    indexes=[{'columns': ['customer_id', 'channel'], 'unique': true}],
    post_hook=["{{ record_changes(['fct_touchpoint']) }}", '{{ refresh_statistics() }}'],
) }}

with

touchpoints as (

    select * from {{ ref('fct_touchpoint') }}
    where
        event_type = 'unsubscribe'
        and {{ is_touched(['fct_touchpoint']) if is_incremental() else 'true' }}

),

final as (

    select
        customer_id,
        channel,
        max(occurred_at) as unsubscribed_at
    from touchpoints
    group by customer_id, channel

)

select * from final
