-- The last word of a customer on each channel; of two at the same moment the refusal holds.
with

changes as (

    select * from {{ ref('stg_consents__changes') }} where {{ is_visible('consents') }}

),

customers as (

    select * from {{ ref('int_identity__signature_customers') }}

),

ordered as (

    select
        customers.customer_id,
        changes.channel,
        changes.is_granted,
        changes.changed_at,
        row_number() over (
            partition by customers.customer_id, changes.channel
            order by changes.changed_at desc, changes.is_granted asc
        ) as recency
    from changes
    inner join customers on changes.signature = customers.signature

),

final as (

    select
        customer_id,
        channel,
        is_granted,
        changed_at
    from ordered
    where recency = 1

)

select * from final
