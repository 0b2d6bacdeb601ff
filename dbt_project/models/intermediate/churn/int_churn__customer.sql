-- What the churn models are fitted on: one row a customer who has bought.
with

orders as (

    select * from {{ ref('int_customer__orders') }}

),

engagement as (

    select
        customer_id,
        sum(human_responses) as human_responses,
        sum(contacts) as contacts,
        sum(unsubscribes) as unsubscribes,
        sum(complaints) as complaints,
        max(last_response_on) as last_response_on
    from {{ ref('int_engagement__customer_channel') }}
    group by customer_id

),

pressure as (

    select * from {{ ref('int_pressure__index') }} where channel = 'all'

),

final as (

    select
        orders.customer_id,
        {{ as_of_date() }} as as_of,
        orders.purchase_days,
        orders.purchase_days - 1 as repeat_purchases,
        orders.first_order_on,
        orders.last_order_on,
        {{ days_between('orders.first_order_on', 'orders.last_order_on') }} as recency_days,
        greatest({{ days_between('orders.first_order_on', as_of_date()) }}, 0) as age_days,
        orders.orders,
        {{ to_double('orders.revenue') }} as revenue,
        {{ to_double('orders.revenue') }} / orders.purchase_days as mean_day_value,
        {{ to_double('orders.repeat_mean_value') }} as repeat_mean_value,
        engagement.last_response_on,
        cast(coalesce(engagement.human_responses, 0) as {{ dbt.type_bigint() }}) as human_responses,
        cast(coalesce(engagement.contacts, 0) as {{ dbt.type_bigint() }}) as contacts,
        cast(coalesce(engagement.unsubscribes, 0) as {{ dbt.type_bigint() }}) as unsubscribes,
        cast(coalesce(engagement.complaints, 0) as {{ dbt.type_bigint() }}) as complaints,
        coalesce(pressure.pressure_index, 0) as pressure_index
    from orders
    left join engagement on orders.customer_id = engagement.customer_id
    left join pressure on orders.customer_id = pressure.customer_id

)

select * from final
