{{ config(tags=['core'], indexes=[{'columns': ['household_id'], 'unique': true}]) }}

with

households as (

    select * from {{ source('scores', 'identity_households') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        households.household_id,
        count(*) as members,
        max(households.evidence) as evidence,
        cast('analysis' as {{ dbt.type_string() }}) as permitted_use,
        min(customers.first_seen_on) as first_seen_on,
        max(customers.last_seen_on) as last_seen_on,
        cast(sum(customers.orders) as {{ dbt.type_bigint() }}) as orders,
        max(customers.last_order_on) as last_order_on,
        sum(customers.revenue) as revenue
    from households
    inner join customers on households.customer_id = customers.customer_id
    group by households.household_id

)

select * from final
