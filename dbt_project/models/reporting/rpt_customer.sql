with

customers as (

    select * from {{ ref('dim_customer') }}

),

states as (

    select * from {{ ref('fct_pressure_state') }} where channel = 'all'

),

churn as (

    select * from {{ ref('fct_churn') }}

),

final as (

    select
        {{ as_of_date() }} as as_of,
        customers.customer_id,
        customers.is_known,
        customers.first_seen_on,
        customers.last_seen_on,
        customers.orders,
        customers.revenue,
        customers.last_order_on,
        customers.rfm_segment,
        customers.persona,
        states.state as pressure_state,
        churn.risk_band,
        churn.p_alive,
        churn.expected_value,
        churn.main_reason,
        customers.preferred_channel
    from customers
    left join states on customers.customer_id = states.customer_id
    left join churn on customers.customer_id = churn.customer_id

)

select * from final
