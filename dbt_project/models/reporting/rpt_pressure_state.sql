with

states as (

    select * from {{ ref('int_pressure__known_state') }}

),

counted as (

    select
        as_of,
        channel,
        channel_label,
        state,
        count(*) as customers,
        {{ count_if("severity = 'high'") }} as customers_high
    from states
    group by as_of, channel, channel_label, state

),

final as (

    select
        as_of,
        channel,
        channel_label,
        state,
        customers,
        customers_high,
        {{ to_double('customers') }} / sum(customers) over (partition by channel) as share
    from counted

)

select * from final
