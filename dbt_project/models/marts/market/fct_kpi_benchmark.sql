{{ config(tags=['core']) }}

with

daily as (

    select * from {{ ref('int_touchpoint__daily') }}

),

returns as (

    select * from {{ ref('fct_return') }}

),

orders as (

    select * from {{ ref('fct_order') }}

),

benchmarks as (

    select * from {{ ref('kpi_benchmarks') }}

),

monthly as (

    select
        {{ month_of('day') }} as month_on,
        channel,
        sum(contacts) as contacts,
        sum(human_opens) as human_opens,
        sum(human_clicks) as human_clicks,
        sum(unsubscribes) as unsubscribes,
        sum(spam_complaints) as spam_complaints,
        sum(bounces) as bounces
    from daily
    group by {{ month_of('day') }}, channel

),

monthly_orders as (

    select
        {{ month_of('ordered_on') }} as month_on,
        count(*) as orders
    from orders
    group by {{ month_of('ordered_on') }}

),

monthly_returns as (

    select
        {{ month_of('returned_on') }} as month_on,
        count(*) as returns
    from returns
    group by {{ month_of('returned_on') }}

),

ours as (

    {% for kpi, counted in [
        ('open_rate', 'human_opens'),
        ('click_rate', 'human_clicks'),
        ('unsubscribe_rate', 'unsubscribes'),
        ('spam_complaint_rate', 'spam_complaints'),
        ('bounce_rate', 'bounces'),
    ] %}
    select
        month_on,
        channel,
        '{{ kpi }}' as kpi,
        {{ share(counted, 'contacts') }} as ours
    from monthly
    where contacts > 0

    union all
    {% endfor %}

    select
        monthly_orders.month_on,
        'all' as channel,
        'return_rate' as kpi,
        {{ share('coalesce(monthly_returns.returns, 0)', 'monthly_orders.orders') }} as ours
    from monthly_orders
    left join monthly_returns on monthly_orders.month_on = monthly_returns.month_on

),

final as (

    select
        ours.channel,
        ours.kpi,
        ours.month_on as month,
        ours.ours,
        {{ to_double('benchmarks.market') }} as market,
        ours.ours - {{ to_double('benchmarks.market') }} as gap,
        benchmarks.source
    from ours
    inner join benchmarks on ours.channel = benchmarks.channel and ours.kpi = benchmarks.kpi

)

select * from final
