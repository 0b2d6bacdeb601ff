-- Scores at the newest business date scored, with the action its plan names for the band.
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

plans as (

    select * from {{ ref('dim_action_plan') }} where applies_to = 'churn'

),

final as (

    select
        scored.as_of,
        scored.customer_id,
        scored.p_alive,
        scored.p_active,
        scored.expected_orders,
        scored.expected_value,
        scored.expected_loss,
        scored.risk_band,
        scored.main_reason,
        scored.second_reason,
        scored.third_reason,
        scored.basis,
        plans.action_code,
        cast(customers.orders as {{ dbt.type_bigint() }}) as orders,
        customers.revenue,
        customers.last_order_on
    from scored
    inner join customers on scored.customer_id = customers.customer_id
    left join plans on scored.risk_band = plans.applies_when

)

select * from final
