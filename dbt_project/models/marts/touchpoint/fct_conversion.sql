-- Orders (net of what was sent back: value_net_of_returns), and the goals declared in the variable
-- touchpoint_goals.
{{ config(materialized='view', tags=['core']) }}

with

orders as (

    select * from {{ ref('fct_order') }}

),

{% if var('value_net_of_returns') %}

returned as (

    select
        order_id,
        sum(amount) as amount
    from {{ ref('fct_return') }}
    group by order_id

),

{% endif %}

{% if var('touchpoint_goals') %}

touchpoints as (

    select * from {{ ref('fct_touchpoint') }} where not is_machine

),

{% endif %}

final as (

    select
        'order:' || orders.order_id as conversion_id,
        orders.customer_id,
        'order' as goal,
        orders.ordered_at as converted_at,
        orders.ordered_on as converted_on,
        {% if var('value_net_of_returns') %}
        {{ to_double('greatest(orders.amount - coalesce(returned.amount, 0), 0)') }} as value,
        {% else %}
        {{ to_double('orders.amount') }} as value,
        {% endif %}
        {{ channel_without_touch('orders.sales_channel') }} as sales_channel,
        orders.order_id,
        cast(null as {{ dbt.type_string() }}) as touchpoint_id
    from orders
    {% if var('value_net_of_returns') %}
    left join returned on orders.order_id = returned.order_id
    {% endif %}

    {% for goal in var('touchpoint_goals') %}
    union all

    select
        '{{ goal.goal }}:' || touchpoints.touchpoint_id as conversion_id,
        touchpoints.customer_id,
        '{{ goal.goal }}' as goal,
        touchpoints.occurred_at as converted_at,
        touchpoints.occurred_on as converted_on,
        {{ to_double(goal.value) }} as value,
        '{{ var("channel_without_touch") }}' as sales_channel,
        cast(null as {{ dbt.type_string() }}) as order_id,
        touchpoints.touchpoint_id
    from touchpoints
    where
        touchpoints.event_type = '{{ goal.event_type }}'
        {% if goal.channel %}and touchpoints.channel = '{{ goal.channel }}'{% endif %}
    {% endfor %}

)

select * from final
