-- Purchases of a customer over all history.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_order'], 'kind': 'changed'}},
    indexes=[{'columns': ['customer_id'], 'unique': true}],
    post_hook=["{{ record_changes(['fct_order']) }}", '{{ refresh_statistics() }}'],
) }}

with

orders as (

    select * from {{ ref('fct_order') }}
    {% if is_incremental() %}where {{ is_touched(['fct_order']) }}{% endif %}

),

purchase_days as (

    select
        customer_id,
        ordered_on,
        count(*) as orders,
        sum(amount) as revenue,
        sum(margin) as margin,
        {{ count_if("sales_channel in ('" ~ var('store_sales_channels') | join("', '") ~ "')") }}
            as store_orders,
        row_number() over (partition by customer_id order by ordered_on) as purchase_number
    from orders
    group by customer_id, ordered_on

),

final as (

    select
        customer_id,
        cast(sum(orders) as {{ dbt.type_bigint() }}) as orders,
        cast(sum(store_orders) as {{ dbt.type_bigint() }}) as store_orders,
        count(*) as purchase_days,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on,
        sum(revenue) as revenue,
        sum(margin) as margin,
        avg(case when purchase_number > 1 then revenue end) as repeat_mean_value
    from purchase_days
    group by customer_id

)

select * from final
