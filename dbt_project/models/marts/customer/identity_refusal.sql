{{ config(materialized='view', tags=['core']) }}

with

refusals as (

    select * from {{ source('scores', 'identity_refusals') }}

),

records as (

    select * from {{ ref('int_customer__records') }}

),

final as (

    select
        refusals.left_record,
        refusals.right_record,
        lefts.customer_id as left_customer_id,
        rights.customer_id as right_customer_id,
        refusals.probability,
        refusals.reason,
        refusals.as_of as refused_on
    from refusals
    left join records as lefts on refusals.left_record = lefts.record_key
    left join records as rights on refusals.right_record = rights.record_key

)

select * from final
