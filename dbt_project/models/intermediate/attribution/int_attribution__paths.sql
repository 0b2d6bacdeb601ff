-- Paths for the fitted models: additive by day, so a window is a filter on closed_on. The goal of a
-- lost journey is null: it converted to none of them.
{{ config(materialized='view') }}

with

journeys as (

    select * from {{ ref('fct_journey') }} where closed_on <= {{ as_of_date() }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        journeys.closed_on,
        journeys.customer_type,
        journeys.device,
        coalesce(customers.rfm_segment, '(unknown)') as segment,
        journeys.goal,
        journeys.model_path as path,
        journeys.model_steps as steps,
        {{ count_if('journeys.is_converted') }} as conversions,
        {{ count_if('not journeys.is_converted') }} as non_conversions,
        sum(journeys.value) as value,
        sum(journeys.value * journeys.value) as value_squared
    from journeys
    left join customers on journeys.customer_id = customers.customer_id
    group by
        journeys.closed_on,
        journeys.customer_type,
        journeys.device,
        coalesce(customers.rfm_segment, '(unknown)'),
        journeys.goal,
        journeys.model_path,
        journeys.model_steps

)

select * from final
