-- A retired id leads to the customer who has most of the records it held last; where it held none,
-- along the merges to the first id that lives. A merge an id came back from leads nowhere.
{{ config(tags=['core'], post_hook=['{{ refresh_statistics() }}']) }}

with recursive

living as (

    select customer_id from {{ ref('dim_customer') }}

),

events as (

    select * from {{ source('scores', 'identity_events') }}

),

successors as (

    select * from {{ ref('int_customer__successors') }}

),

merged as (

    select
        other_customer_id as alias_id,
        customer_id as merged_into,
        as_of as merged_on,
        row_number() over (
            partition by other_customer_id order by as_of desc, customer_id asc
        ) as recency
    from events
    where event = 'merge' and other_customer_id <> customer_id

),

last_merges as (

    select * from merged where recency = 1

),

retired as (

    select
        former.customer_id as alias_id,
        max(former.retired_on) as retired_on
    from (
        select
            alias_id as customer_id,
            merged_on as retired_on
        from last_merges

        union all

        select
            former_id as customer_id,
            last_held_on as retired_on
        from successors
    ) as former
    left join living on former.customer_id = living.customer_id
    where living.customer_id is null
    group by former.customer_id

),

-- events only lead forward in time, and never back to an id already passed
walked (alias_id, customer_id, merged_on, steps, path) as (

    select
        retired.alias_id,
        last_merges.merged_into as customer_id,
        last_merges.merged_on,
        1 as steps,
        retired.alias_id || ' > ' || last_merges.merged_into as path
    from retired
    inner join last_merges on retired.alias_id = last_merges.alias_id

    union all

    select
        walked.alias_id,
        last_merges.merged_into as customer_id,
        last_merges.merged_on,
        walked.steps + 1 as steps,
        walked.path || ' > ' || last_merges.merged_into as path
    from walked
    inner join last_merges
        on
            walked.customer_id = last_merges.alias_id
            and walked.merged_on <= last_merges.merged_on
            and ' > ' || walked.path || ' > ' not like '% > ' || last_merges.merged_into || ' > %'
    left join living on walked.customer_id = living.customer_id
    where living.customer_id is null

),

arrived as (

    select walked.*
    from walked
    inner join living on walked.customer_id = living.customer_id

),

final as (

    select
        retired.alias_id,
        coalesce(successors.customer_id, arrived.customer_id) as customer_id,
        retired.retired_on,
        case
            when successors.customer_id is null or arrived.customer_id = successors.customer_id
                then arrived.path
            else coalesce(arrived.path, retired.alias_id) || ' > ' || successors.customer_id
        end as chain,
        case when successors.customer_id is not null then 'records' else 'merges' end as basis,
        successors.records_share
    from retired
    left join successors on retired.alias_id = successors.former_id
    left join arrived on retired.alias_id = arrived.alias_id
    where coalesce(successors.customer_id, arrived.customer_id) is not null

)

select * from final
