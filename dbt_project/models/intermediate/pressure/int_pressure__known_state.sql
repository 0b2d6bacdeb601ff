-- Pressure states of known customers: nobody can be written to who is a cookie and nothing else.
{{ config(materialized='view', tags=['after_scores']) }}

with

states as (

    select * from {{ ref('fct_pressure_state') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select states.*
    from states
    inner join customers on states.customer_id = customers.customer_id
    where customers.is_known

)

select * from final
