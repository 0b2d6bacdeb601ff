with

states as (

    select * from {{ ref('int_pressure__known_state') }}

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
