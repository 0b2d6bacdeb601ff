-- What a customer and a channel had to do with each other, over all history. Touched customers are
-- counted again.
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
    {% if is_incremental() %}where {{ is_touched(['fct_touchpoint']) }}{% endif %}

),

-- the same touchpoints, read apart: a CTE with two readers would be written to disk
responses as (

    select * from {{ ref('fct_touchpoint') }}
    where
        is_response
        and not is_machine
        and {{ is_touched(['fct_touchpoint']) if is_incremental() else 'true' }}

),

-- counted apart: a count of distinct days would sort all touchpoints
response_days as (

    select
        customer_id,
        channel,
        count(*) as response_days
    from (
        select distinct
            customer_id,
            channel,
            occurred_on
        from responses
    ) as answered
    group by customer_id, channel

),

counted as (

    select
        customer_id,
        channel,
        count(*) as touchpoints,
        {{ count_if('is_contact') }} as contacts,
        {{ count_if("event_type = 'delivery'") }} as deliveries,
        {{ count_if("event_type = 'open'") }} as opens,
        {{ count_if("event_type = 'open' and not is_machine") }} as human_opens,
        {{ count_if('is_response and not is_machine') }} as human_responses,
        {{ count_if("event_type = 'click' and not is_machine") }} as human_clicks,
        {{ count_if("event_type = 'unsubscribe'") }} as unsubscribes,
        {{ count_if("event_type in ('spam_complaint', 'complaint')") }} as complaints,
        min(occurred_on) as first_seen_on,
        max(occurred_on) as last_seen_on,
        min(case when is_contact then occurred_on end) as first_contact_on,
        max(case when is_contact then occurred_on end) as last_contact_on,
        min(case when is_response and not is_machine then occurred_on end) as first_response_on,
        max(case when is_response and not is_machine then occurred_on end) as last_response_on
    from touchpoints
    group by customer_id, channel

),

final as (

    select
        counted.*,
        coalesce(response_days.response_days, 0) as response_days
    from counted
    left join response_days
        on
            counted.customer_id = response_days.customer_id
            and counted.channel = response_days.channel

)

select * from final
