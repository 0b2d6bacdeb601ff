-- A golden value comes from a record of its own customer, and every customer with a record has
-- some.
{{ config(tags=['core']) }}

with

golden as (

    select * from {{ ref('customer_golden') }}

),

records as (

    select * from {{ ref('int_customer__records') }}

),

strangers as (

    select
        golden.customer_id,
        golden.field
    from golden
    left join records
        on golden.record_key = records.record_key and golden.customer_id = records.customer_id
    where records.record_key is null

),

without as (

    select
        kept.customer_id,
        'all' as field
    from {{ ref('int_customer__golden') }} as kept
    left join records on kept.customer_id = records.customer_id
    where records.record_key is null

)

select * from strangers
union all
select * from without
