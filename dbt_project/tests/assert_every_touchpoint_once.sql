-- Every row the loader brought and this run may see is a touchpoint, and nothing else is. That none
-- is there twice, the unique index on its key holds.
{{ config(tags=['core']) }}

with

brought as (

    select count(*) as touchpoints
    from {{ source('raw', 'touchpoints') }}
    where {{ is_visible('touchpoints') }}

),

kept as (

    select count(*) as touchpoints from {{ ref('fct_touchpoint') }}

)

select
    brought.touchpoints as brought,
    kept.touchpoints as kept
from brought
cross join kept
where brought.touchpoints <> kept.touchpoints
