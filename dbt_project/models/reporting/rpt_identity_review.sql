with

pairs as (

    select * from {{ ref('identity_review') }}

),

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        {{ as_of_date() }} as as_of,
        pairs.left_record,
        pairs.right_record,
        pairs.left_source,
        pairs.right_source,
        pairs.left_customer_id,
        pairs.right_customer_id,
        pairs.is_joined,
        pairs.probability,
        pairs.reason,
        pairs.evidence,
        pairs.decision,
        pairs.found_on,
        coalesce(lefts.revenue, 0)
        + case when pairs.is_joined then 0 else coalesce(rights.revenue, 0) end as revenue_at_stake
    from pairs
    left join customers as lefts on pairs.left_customer_id = lefts.customer_id
    left join customers as rights on pairs.right_customer_id = rights.customer_id

)

select * from final
