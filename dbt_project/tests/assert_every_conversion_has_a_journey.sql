-- A conversion ends exactly one journey, with its own value.
{{ config(tags=['core']) }}

with

conversions as (

    select * from {{ ref('fct_conversion') }}

),

journeys as (

    select * from {{ ref('fct_journey') }} where is_converted

)

select
    conversions.conversion_id,
    journeys.journey_id
from conversions
full join journeys on conversions.conversion_id = journeys.conversion_id
where
    conversions.conversion_id is null
    or journeys.journey_id is null
    or conversions.value <> journeys.value
    or conversions.customer_id <> journeys.customer_id
