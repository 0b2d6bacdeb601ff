-- Health of each channel by day, for everybody and by device, with the usual figure of the 56 days
-- that ended a week before. Orders and returns stand on channel 'all' and on the channel of the
-- sale.
{{ config(
    tags=['core'],
    indexes=[{'columns': ['day']}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

{%- set counts = [
    'contacts', 'sends', 'deliveries', 'bounces', 'opens', 'human_opens', 'human_clicks', 'unsubscribes',
    'spam_complaints', 'complaints', 'comments', 'negative_comments',
] %}
{%- set sales = ['orders', 'revenue', 'returns', 'returned_amount'] %}
{%- set rates = {
    'open_rate': ('human_opens', 'contacts'),
    'click_rate': ('human_clicks', 'contacts'),
    'unsubscribe_rate': ('unsubscribes', 'contacts'),
    'spam_complaint_rate': ('spam_complaints', 'contacts'),
    'complaint_rate': ('complaints', 'contacts'),
    'negative_comment_rate': ('negative_comments', 'comments'),
    'return_rate': ('returns', 'orders'),
} %}

with

daily as (

    select * from {{ ref('int_touchpoint__daily') }}

),

orders as (

    select * from {{ ref('fct_order') }}

),

returns as (

    select * from {{ ref('fct_return') }}

),

activity as (

    {% for channel in ["channel", "'all'"] %}
    {%- for segment in ["'all'", "'device:' || device"] %}
    select
        day,
        {{ channel }} as channel,
        {{ segment }} as segment,
        {%- for count in counts %}
        {{ count }},
        {%- endfor %}
        0 as orders,
        0 as revenue,
        0 as returns,
        0 as returned_amount
    from daily
    {{ 'where device is not null' if segment != "'all'" }}
    union all
    {% endfor %}
    {%- endfor %}

    {%- for channel in ["'all'", channel_without_touch('sales_channel')] %}
    select
        ordered_on as day,
        {{ channel }} as channel,
        'all' as segment,
        {%- for count in counts %}
        0 as {{ count }},
        {%- endfor %}
        1 as orders,
        amount as revenue,
        0 as returns,
        0 as returned_amount
    from orders

    union all

    select
        returned_on as day,
        {{ channel }} as channel,
        'all' as segment,
        {%- for count in counts %}
        0 as {{ count }},
        {%- endfor %}
        0 as orders,
        0 as revenue,
        1 as returns,
        amount as returned_amount
    from returns
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

summed as (

    select
        day,
        channel,
        segment,
        {%- for count in counts %}
        cast(sum({{ count }}) as {{ dbt.type_bigint() }}) as {{ count }},
        {%- endfor %}
        cast(sum(orders) as {{ dbt.type_bigint() }}) as orders,
        {{ to_double('sum(revenue)') }} as revenue,
        cast(sum(returns) as {{ dbt.type_bigint() }}) as returns,
        {{ to_double('sum(returned_amount)') }} as returned_amount,
        {{ days_between("cast('2000-01-01' as date)", 'day') }} as day_number
    from activity
    group by day, channel, segment

),

final as (

    select
        day,
        channel,
        segment,
        {%- for count in counts + sales %}
        {{ count }},
        {%- endfor %}
        {%- for rate, parts in rates.items() %}
        {{ share(parts[0], parts[1]) }} as {{ rate }},
        {%- endfor %}
        {%- for rate, parts in rates.items() %}
        {{ share('sum(' ~ parts[0] ~ ') over usual', 'sum(' ~ parts[1] ~ ') over usual') }}
            as {{ rate }}_baseline,
        {%- endfor %}
        {{ to_double('sum(orders) over usual') }} / {{ var('baseline_days') }} as orders_baseline,
        sum(revenue) over usual / {{ var('baseline_days') }} as revenue_baseline
    from summed
    window
        usual as (
            partition by channel, segment order by day_number
            range between {{ var('baseline_days') + var('baseline_gap_days') - 1 }} preceding
            and {{ var('baseline_gap_days') }} preceding
        )

)

select * from final
