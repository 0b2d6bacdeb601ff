-- Every row the loader brought and this run may see is a touchpoint, and nothing else is.
{{ config(tags=['core']) }}

with

brought as (

    select count(*) as touchpoints
    from {{ ref('stg_touchpoints__events') }}
    where {{ is_visible('touchpoints') }}

),

kept as (

    select
        count(*) as touchpoints,
        count(distinct _row_key) as row_keys
    from {{ ref('fct_touchpoint') }}

)

select
    brought.touchpoints as brought,
    kept.touchpoints as kept,
    kept.row_keys
from brought
cross join kept
where brought.touchpoints <> kept.touchpoints or kept.touchpoints <> kept.row_keys
