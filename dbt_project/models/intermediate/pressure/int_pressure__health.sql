-- What happened by day, channel (and all) and segment: everybody, each device, each value of the
-- customers in var health_segments. Days that changed are counted again. Orders and returns stand
-- on channel all and on the channel of the sale, for everybody and for each value of the customers.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': health_producers(), 'key': 'day', 'moves': true}},
    indexes=[{'columns': ['day']}],
    post_hook=['{{ record_changes(health_producers()) }}', '{{ refresh_statistics() }}'],
) }}

{%- set counts = touchpoint_counts() %}
{%- set kinds = contact_kinds() %}
{%- set sales_figures = ['orders', 'revenue', 'returns', 'returned_amount'] %}

with

{% if is_incremental() %}
touched as (

    {{ touched_days(health_producers(), moves=true) }}

),

{% endif %}
daily as (

    select * from {{ ref('int_touchpoint__daily') }}
    {{ 'where day in (select touched.changed_on from touched)' if is_incremental() }}

),

touchpoints as (

    select * from {{ ref('fct_touchpoint') }}
    {{ 'where occurred_on in (select touched.changed_on from touched)' if is_incremental() }}

),

orders as (

    select * from {{ ref('fct_order') }}
    {{ 'where ordered_on in (select touched.changed_on from touched)' if is_incremental() }}

),

returns as (

    select * from {{ ref('fct_return') }}
    {{ 'where returned_on in (select touched.changed_on from touched)' if is_incremental() }}

),

segments as (

    select * from {{ ref('int_pressure__segment') }}

),

kinds as (

    select * from {{ ref('int_pressure__campaign_kind') }}

),

-- everybody, and each device
by_device as (

    select
        day,
        channel,
        campaign_id,
        {%- for count in counts %}
        sum({{ count }}) as {{ count }},
        {%- endfor %}
        device
    from daily
    group by day, channel, campaign_id, device

),

{% for column in var('health_segments') %}
by_{{ column }} as (

    select
        touchpoints.occurred_on as day,
        touchpoints.channel,
        touchpoints.campaign_id,
        {%- for count, condition in counts.items() %}
        {{ count_if(condition) }} as {{ count }},
        {%- endfor %}
        segments.{{ column }} as value
    from touchpoints
    inner join segments on touchpoints.customer_id = segments.customer_id
    where segments.{{ column }} is not null
    group by
        touchpoints.occurred_on, touchpoints.channel, touchpoints.campaign_id, segments.{{ column }}

),

{% endfor %}
counted as (

    select
        day,
        channel,
        campaign_id,
        'all' as segment,
        {{ counts | join(', ') }}
    from by_device
    union all
    select
        day,
        channel,
        campaign_id,
        'device:' || device as segment,
        {{ counts | join(', ') }}
    from by_device
    where device is not null
    {%- for column in var('health_segments') %}
    union all
    select
        day,
        channel,
        campaign_id,
        '{{ column }}:' || value as segment,
        {{ counts | join(', ') }}
    from by_{{ column }}
    {%- endfor %}

),

sold as (

    select
        ordered_on as day,
        {{ channel_without_touch('sales_channel') }} as channel,
        customer_id,
        1 as orders,
        amount as revenue,
        0 as returns,
        0 as returned_amount
    from orders
    union all
    select
        returned_on as day,
        {{ channel_without_touch('sales_channel') }} as channel,
        customer_id,
        0 as orders,
        0 as revenue,
        1 as returns,
        amount as returned_amount
    from returns

),

sales as (

    select
        day,
        channel,
        {%- for figure in sales_figures %}
        sum({{ figure }}) as {{ figure }},
        {%- endfor %}
        'all' as segment
    from sold
    group by day, channel
    {%- for column in var('health_segments') %}
    union all
    select
        sold.day,
        sold.channel,
        {%- for figure in sales_figures %}
        sum(sold.{{ figure }}) as {{ figure }},
        {%- endfor %}
        '{{ column }}:' || segments.{{ column }} as segment
    from sold
    inner join segments on sold.customer_id = segments.customer_id
    where segments.{{ column }} is not null
    group by sold.day, sold.channel, segments.{{ column }}
    {%- endfor %}

),

activity as (

    {% for channel in ['counted.channel', "'all'"] %}
    select
        counted.day,
        {{ channel }} as channel,
        {%- for count in counts %}
        counted.{{ count }},
        {%- endfor %}
        {%- for kind, condition in kinds.items() %}
        case when {{ condition }} then counted.contacts else 0 end as {{ kind }},
        {%- endfor %}
        {%- for figure in sales_figures %}
        0 as {{ figure }},
        {%- endfor %}
        counted.segment
    from counted
    left join kinds on counted.campaign_id = kinds.campaign_id
    union all
    {% endfor %}

    {%- for channel in ['channel', "'all'"] %}
    select
        day,
        {{ channel }} as channel,
        {%- for count in counts.keys() | list + kinds.keys() | list %}
        0 as {{ count }},
        {%- endfor %}
        {{ sales_figures | join(', ') }},
        segment
    from sales
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

final as (

    select
        day,
        channel,
        segment,
        {%- for count in counts.keys() | list + kinds.keys() | list + ['orders', 'returns'] %}
        cast(sum({{ count }}) as {{ dbt.type_bigint() }}) as {{ count }},
        {%- endfor %}
        {{ to_double('sum(revenue)') }} as revenue,
        {{ to_double('sum(returned_amount)') }} as returned_amount
    from activity
    group by day, channel, segment

)

select * from final
