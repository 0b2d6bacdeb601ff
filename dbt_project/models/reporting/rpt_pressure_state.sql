-- Known customers only: nobody can be written to who is a cookie and nothing else.
with

states as (

    select states.*
    from {{ ref('fct_pressure_state') }} as states
    inner join {{ ref('dim_customer') }} as customers on states.customer_id = customers.customer_id
    where customers.is_known

),

channels as (

    select * from {{ ref('dim_channel') }}

),

counted as (

    select
        as_of,
        channel,
        state,
        count(*) as customers
    from states
    group by as_of, channel, state

),

final as (

    select
        counted.as_of,
        counted.channel,
        case
            when counted.channel = 'all' then 'All channels'
            else coalesce(channels.channel_label, counted.channel)
        end as channel_label,
        counted.state,
        counted.customers,
        {{ to_double('counted.customers') }}
        / sum(counted.customers) over (partition by counted.channel) as share
    from counted
    left join channels on counted.channel = channels.channel

)

select * from final
