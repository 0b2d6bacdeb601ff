-- What channel attrition is judged by: the blocks that were over by the business date, and the
-- running one up to it.
{{ config(materialized='view') }}

with

over as (

    select * from {{ ref('int_attrition__customer_block') }}
    where block < {{ attrition_block(as_of_date()) }}

),

running as (

    select * from {{ ref('int_attrition__running_block') }}

),

final as (

    select * from over
    union all
    select * from running

)

select * from final
