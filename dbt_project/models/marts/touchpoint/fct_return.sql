-- Where conversions are net of returns, a return that comes or changes reaches its customer's
-- journeys.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_differences',
    unique_key='return_id',
    tags=['core'],
    meta={'changes': {'on': 'returned_on', 'at': 'returned_at', 'touch': 'true'}}
    if var('value_net_of_returns') else {'changes': {'on': 'returned_on'}},
    indexes=[{'columns': ['return_id'], 'unique': true}, {'columns': ['order_id']}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

returns as (

    select * from {{ ref('stg_returns__returns') }} where {{ is_visible('returns') }}

),

orders as (

    select * from {{ ref('fct_order') }}

),

final as (

    select
        returns.return_id,
        returns.order_id,
        orders.customer_id,
        returns.returned_at,
        returns.returned_on,
        returns.amount,
        returns.reason,
        orders.sales_channel,
        orders.ordered_on
    from returns
    left join orders on returns.order_id = orders.order_id

)

select * from final
