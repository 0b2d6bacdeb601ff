-- Customers that enter and leave a state are summed up day by day: nobody's intervals are spread
-- over days.
with

states as (

    select * from {{ ref('fct_pressure_state_history') }}

),

customers as (

    select * from {{ ref('dim_customer') }} where is_known

),

channels as (

    select * from {{ ref('dim_channel') }}

),

bounds as (

    select
        greatest(
            min(valid_from), {{ add_days(as_of_date(), 1 - var('pressure_history_days')) }}
        ) as first_day
    from states

),

moves as (

    {%- for day, change in {'valid_from': 1, 'valid_to': -1}.items() %}
    select
        states.channel,
        states.state,
        greatest(states.{{ day }}, bounds.first_day) as day,
        {{ change }} as change
    from states
    inner join customers on states.customer_id = customers.customer_id
    cross join bounds
    where states.{{ day }} <= {{ as_of_date() }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

changed as (

    select
        channel,
        state,
        day,
        sum(change) as change
    from moves
    group by channel, state, day

),

kinds as (

    select distinct
        channel,
        state
    from changed

),

days as (

    {{ days_table(add_days(as_of_date(), 1 - var('pressure_history_days')), as_of_date()) }}

),

counted as (

    select
        days.date_day as day,
        kinds.channel,
        kinds.state,
        cast(sum(coalesce(changed.change, 0)) over (
            partition by kinds.channel, kinds.state order by days.date_day
            rows between unbounded preceding and current row
        ) as {{ dbt.type_bigint() }}) as customers
    from days
    inner join bounds on days.date_day >= bounds.first_day
    cross join kinds
    left join changed
        on
            days.date_day = changed.day
            and kinds.channel = changed.channel
            and kinds.state = changed.state

),

final as (

    select
        {{ as_of_date() }} as as_of,
        counted.day,
        counted.channel,
        {{ channel_label('counted.channel', 'channels') }} as channel_label,
        counted.state,
        counted.customers,
        {{ share(
            'counted.customers',
            'sum(counted.customers) over (partition by counted.day, counted.channel)'
        ) }} as share
    from counted
    left join channels on counted.channel = channels.channel

)

select * from final
