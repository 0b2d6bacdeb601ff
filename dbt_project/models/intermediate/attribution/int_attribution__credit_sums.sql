-- Credits of the window summed by channel, over all and by segment, with the ends of their
-- intervals.
{{ config(tags=['after_scores'], post_hook=['{{ refresh_statistics() }}']) }}

with

credits as (

    select * from {{ ref('int_attribution__credits') }}
    where converted_on between {{ attribution_window_start() }} and {{ as_of_date() }}

),

journeys as (

    select * from {{ ref('fct_journey') }}
    where
        is_converted and closed_on between {{ attribution_window_start() }} and {{ as_of_date() }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

segments as (

    select
        journeys.conversion_id,
        journeys.customer_type,
        journeys.device,
        coalesce(customers.rfm_segment, '(unknown)') as segment,
        journeys.goal
    from journeys
    left join customers on journeys.customer_id = customers.customer_id

),

{{ credit_sums('channel', ['customer_type', 'device', 'segment', 'goal']) }},

final as (

    select * from attributed

)

select * from final
