{{ config(
    tags=['after_scores'],
    indexes=[{'columns': ['customer_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

scored as (

    select * from {{ source('scores', 'churn_customer') }}
    where as_of = {{ newest_as_of('churn_customer') }}

),

customers as (

    select * from {{ ref('int_churn__customer') }}

),

final as (

    select
        scored.as_of,
        scored.customer_id,
        scored.p_alive,
        scored.expected_orders,
        scored.expected_value,
        scored.risk_band,
        scored.main_reason,
        customers.orders,
        customers.revenue,
        customers.last_order_on
    from scored
    inner join customers on scored.customer_id = customers.customer_id

)

select * from final
