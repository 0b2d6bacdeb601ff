{{ config(
    materialized='incremental',
    incremental_strategy='replace_differences',
    unique_key='customer_id',
    tags=['core'],
    indexes=[{'columns': ['customer_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

clusters as (

    select
        customer_id,
        {{ count_if('is_known') }} > 0 as is_known,
        count(*) as identifiers,
        min(confidence) as confidence
    from {{ source('scores', 'identity_clusters') }}
    group by customer_id

),

golden as (

    select * from {{ ref('int_customer__golden') }}

),

engagement as (

    select
        customer_id,
        min(first_seen_on) as first_seen_on,
        max(last_seen_on) as last_seen_on,
        sum(touchpoints) as touchpoints,
        sum(contacts) as contacts,
        sum(human_responses) as human_responses,
        max(last_response_on) as last_response_on,
        count(*) as channels_seen,
        -- of the channels seen on that day the first by name: a text compares as its date does
        substr(min(cast(first_seen_on as {{ dbt.type_string() }}) || channel), 11)
            as first_seen_channel,
        substr(max(cast(last_seen_on as {{ dbt.type_string() }}) || channel), 11)
            as last_seen_channel
    from {{ ref('int_engagement__customer_channel') }}
    group by customer_id

),

orders as (

    select * from {{ ref('int_customer__orders') }}

),

rfm as (

    select * from {{ ref('int_customer__rfm') }}

),

affinity as (

    select * from {{ ref('fct_channel_affinity') }} where affinity_rank = 1 and human_responses > 0

),

consents as (

    select
        {% for channel in var('consent_channels') %}
        {{ last_word(channel) }} as consent_{{ channel }},
        {% endfor %}
        customer_id
    from {{ ref('int_customer__consent') }}
    group by customer_id

),

completeness as (

    select * from {{ ref('int_customer__completeness') }}

),

households as (

    select * from {{ source('scores', 'identity_households') }}

),

-- identity names every customer, of now and of an earlier period; an event it has not resolved yet
-- still has one
customers as (

    select customer_id from clusters
    union
    select customer_id from {{ source('scores', 'identity_periods') }}
    union
    select customer_id from golden
    union
    select customer_id from {{ ref('int_customer__consent') }}
    union
    select customer_id from engagement
    union
    select customer_id from orders

),

final as (

    select
        customers.customer_id,
        coalesce(clusters.is_known, false) as is_known,
        cast(coalesce(clusters.identifiers, 0) as {{ dbt.type_bigint() }}) as identifiers,
        clusters.confidence,
        cast(coalesce(golden.records, 0) as {{ dbt.type_bigint() }}) as records,
        golden.newest_row_key,
        golden.crm_id,
        golden.loyalty_id,
        golden.email,
        golden.phone,
        golden.social_handle,
        golden.postal_key,
        golden.country,
        golden.acquisition_channel,
        golden.updated_at as record_updated_at,
        completeness.completeness,
        households.household_id,
        least(engagement.first_seen_on, orders.first_order_on) as first_seen_on,
        greatest(engagement.last_seen_on, orders.last_order_on) as last_seen_on,
        cast(coalesce(engagement.channels_seen, 0) as {{ dbt.type_bigint() }}) as channels_seen,
        engagement.first_seen_channel,
        engagement.last_seen_channel,
        cast(coalesce(engagement.touchpoints, 0) as {{ dbt.type_bigint() }}) as touchpoints,
        cast(coalesce(engagement.contacts, 0) as {{ dbt.type_bigint() }}) as contacts,
        cast(coalesce(engagement.human_responses, 0) as {{ dbt.type_bigint() }}) as human_responses,
        engagement.last_response_on,
        golden.stated_channel,
        golden.stated_hour,
        affinity.channel as learned_channel,
        coalesce(golden.stated_channel, affinity.channel) as preferred_channel,
        {% for channel in var('consent_channels') %}
        consents.consent_{{ channel }} = 1 as consent_{{ channel }},
        {% endfor %}
        coalesce(orders.orders, 0) as orders,
        coalesce(orders.purchase_days, 0) as purchase_days,
        orders.first_order_on,
        orders.last_order_on,
        {{ to_double('coalesce(orders.revenue, 0)') }} as revenue,
        {{ to_double('orders.margin') }} as margin,
        rfm.recency_fifth,
        rfm.frequency_fifth,
        rfm.monetary_fifth,
        case
            when rfm.rfm_segment is not null then rfm.rfm_segment
            when coalesce(clusters.is_known, false) then 'prospect'
            else 'visitor'
        end as rfm_segment,
        case
            when orders.store_orders * 2 >= orders.orders then 'store_shopper'
            when orders.orders > 0 then 'digital_shopper'
            when engagement.human_responses >= 3 then 'engaged_reader'
            when engagement.contacts > 0 and engagement.human_responses = 0 then 'silent'
            else 'visitor'
        end as persona
    from customers
    left join clusters on customers.customer_id = clusters.customer_id
    left join golden on customers.customer_id = golden.customer_id
    left join completeness on customers.customer_id = completeness.customer_id
    left join households on customers.customer_id = households.customer_id
    left join engagement on customers.customer_id = engagement.customer_id
    left join orders on customers.customer_id = orders.customer_id
    left join rfm on customers.customer_id = rfm.customer_id
    left join affinity on customers.customer_id = affinity.customer_id
    left join consents on customers.customer_id = consents.customer_id

)

select * from final
