-- Where most of the records went that a customer held last: of every id records have left. A table
-- of its own, so that joins on it know how little it holds.
{{ config(
    indexes=[{'columns': ['former_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

closed as (

    select
        record_key,
        customer_id as former_id,
        valid_to,
        max(valid_to) over (partition by customer_id) as last_held_on
    from {{ ref('identity_crosswalk') }}
    where not is_current

),

present as (

    select * from {{ ref('identity_crosswalk') }} where is_current

),

shared as (

    select
        closed.former_id,
        closed.last_held_on,
        present.customer_id,
        count(*) as records
    from closed
    inner join present on closed.record_key = present.record_key
    where closed.valid_to = closed.last_held_on and closed.former_id <> present.customer_id
    group by closed.former_id, closed.last_held_on, present.customer_id

),

ranked as (

    select
        *,
        sum(records) over (partition by former_id) as all_records,
        row_number() over (partition by former_id order by records desc, customer_id asc) as place
    from shared

),

final as (

    select
        former_id,
        customer_id,
        last_held_on,
        {{ share('records', 'all_records') }} as records_share
    from ranked
    where place = 1

)

select * from final
