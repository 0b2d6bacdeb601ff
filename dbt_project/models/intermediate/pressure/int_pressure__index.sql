-- Index at the business date, by channel and for all channels together.
{{ config(materialized='view') }}

with

current_state as (

    select * from {{ ref('int_pressure__current') }}

),

decayed as (

    select
        customer_id,
        channel,
        pressure_index * {{ decay(
            "greatest(" ~ days_between('last_contact_on', as_of_date()) ~ ", 0)", 'half_life_days'
        ) }} as pressure_index,
        last_contact_on
    from current_state

),

final as (

    select
        customer_id,
        channel,
        pressure_index,
        last_contact_on
    from decayed

    union all

    select
        customer_id,
        'all' as channel,
        sum(pressure_index) as pressure_index,
        max(last_contact_on) as last_contact_on
    from decayed
    group by customer_id

)

select * from final
