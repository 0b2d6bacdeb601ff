-- What a customer and a channel had to do with each other, over all history. Touched customers are counted again.
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
    {% if is_incremental() %}
    where customer_id in (
        select touched.customer_id from ({{ touched_customers(['fct_touchpoint']) }}) as touched
    )
    {% endif %}

),

final as (

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
        max(case when is_response and not is_machine then occurred_on end) as last_response_on,
        count(distinct case when is_response and not is_machine then occurred_on end) as response_days
    from touchpoints
    group by customer_id, channel

)

select * from final
