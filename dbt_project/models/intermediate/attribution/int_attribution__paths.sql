-- Paths for the fitted models: additive by day, so a window is a filter on closed_on.
{{ config(materialized='view') }}

with

journeys as (

    select * from {{ ref('fct_journey') }} where closed_on <= {{ as_of_date() }}

),

final as (

    select
        closed_on,
        path,
        steps,
        {{ count_if('is_converted') }} as conversions,
        {{ count_if('not is_converted') }} as non_conversions,
        sum(value) as value,
        sum(value * value) as value_squared
    from journeys
    group by closed_on, path, steps

)

select * from final
