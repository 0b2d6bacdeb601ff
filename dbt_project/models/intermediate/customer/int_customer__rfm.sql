-- Recency, frequency and monetary fifths of customers who bought; equal customers get equal fifths.
with

orders as (

    select * from {{ ref('int_customer__orders') }}

),

ranked as (

    select
        customer_id,
        orders,
        percent_rank() over (order by last_order_on) as recency_rank,
        percent_rank() over (order by purchase_days) as frequency_rank,
        percent_rank() over (order by revenue) as monetary_rank
    from orders

),

fifths as (

    select
        customer_id,
        orders,
        least(1 + cast(floor(recency_rank * 5) as integer), 5) as recency_fifth,
        least(1 + cast(floor(frequency_rank * 5) as integer), 5) as frequency_fifth,
        least(1 + cast(floor(monetary_rank * 5) as integer), 5) as monetary_fifth
    from ranked

),

final as (

    select
        customer_id,
        recency_fifth,
        frequency_fifth,
        monetary_fifth,
        case
            when recency_fifth >= 4 and frequency_fifth >= 4 then 'champion'
            when recency_fifth >= 3 and frequency_fifth >= 4 then 'loyal'
            when recency_fifth >= 4 and orders = 1 then 'new'
            when recency_fifth >= 3 then 'regular'
            when frequency_fifth >= 4 then 'at_risk'
            when recency_fifth = 2 then 'cooling'
            else 'lost'
        end as rfm_segment
    from fifths

)

select * from final
