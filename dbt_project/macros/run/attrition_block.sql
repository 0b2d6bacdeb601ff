{#- Days of a block of int_attrition__customer_block, and the day block 0 begins. -#}
{% macro attrition_block_days() -%}
    {{ return(14) }}
{%- endmacro %}

{% macro first_attrition_day() -%}
    cast('2000-01-03' as date)
{%- endmacro %}

{#- The block a day lies in. -#}
{% macro attrition_block(day) -%}
    cast(floor({{ to_double(days_between(first_attrition_day(), day)) }} / {{ attrition_block_days() }}) as integer)
{%- endmacro %}

{#- The first day of a block. -#}
{% macro attrition_block_day(block) -%}
    {{ add_days(first_attrition_day(), '(' ~ block ~ ') * ' ~ attrition_block_days()) }}
{%- endmacro %}

{#-
    CTEs that count contacts and days with an act by customer, channel and block; the last one is `counted`. Arguments:
    what restricts fct_touchpoint (as `seen`) and fct_order (as `bought`), a join or a condition.
-#}
{% macro attrition_counts(touchpoints_only, orders_only) -%}
touchpoints as (

    select
        seen.customer_id,
        seen.channel,
        seen.occurred_on as day,
        seen.is_contact,
        not seen.is_machine and (seen.is_response or seen.event_type = 'open') as is_act
    from {{ ref('fct_touchpoint') }} as seen
    {{ touchpoints_only }}

),

orders as (

    select
        bought.customer_id,
        'store' as channel,
        bought.ordered_on as day,
        bought.sales_channel
    from {{ ref('fct_order') }} as bought
    {{ orders_only }}

),

daily as (

    select
        customer_id,
        channel,
        day,
        {{ count_if('is_contact') }} as contacts,
        max(case when is_act then 1 else 0 end) as is_act_day
    from (
        select
            customer_id,
            channel,
            day,
            is_contact,
            is_act
        from touchpoints
        where is_contact or is_act
        union all
        select
            customer_id,
            channel,
            day,
            false as is_contact,
            true as is_act
        from orders
        where sales_channel in {{ text_list(var('store_sales_channels')) }}
    ) as acts
    group by customer_id, channel, day

),

counted as (

    select
        customer_id,
        channel,
        {{ attrition_block('day') }} as block,
        max({{ add_days(attrition_block_day(attrition_block('day') ~ ' + 1'), -1) }}) as last_day,
        cast(sum(contacts) as {{ dbt.type_bigint() }}) as contacts,
        cast(sum(is_act_day) as {{ dbt.type_bigint() }}) as acts,
        max(case when is_act_day = 1 then day end) as last_act_on
    from daily
    group by customer_id, channel, {{ attrition_block('day') }}

)
{%- endmacro %}
