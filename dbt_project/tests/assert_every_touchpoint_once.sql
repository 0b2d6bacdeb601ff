-- Every row the loader brought and this run may see is a touchpoint, and every touchpoint is a row
-- the loader brought. That none is there twice, the unique index on its key holds.
{{ config(tags=['core']) }}

with

brought as (

    select _row_key
    from {{ source('raw', 'touchpoints') }}
    where {{ is_visible('touchpoints') }}

),

everything as (

    select _row_key from {{ source('raw', 'touchpoints') }}

),

kept as (

    select _row_key from {{ ref('fct_touchpoint') }}

)

select
    brought._row_key,
    'not in the mart' as fault
from brought
left join kept on brought._row_key = kept._row_key
where kept._row_key is null

union all

select
    kept._row_key,
    'not in raw' as fault
from kept
left join everything on kept._row_key = everything._row_key
where everything._row_key is null
