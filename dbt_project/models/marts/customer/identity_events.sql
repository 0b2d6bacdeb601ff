{{ config(materialized='view', tags=['core']) }}

with

source as (

    select * from {{ source('scores', 'identity_events') }}

),

final as (

    select
        as_of as happened_on,
        event,
        customer_id,
        other_customer_id,
        because,
        run_id
    from source

)

select * from final
