-- Contacts and days with an act of a customer, by channel and calendar block of two weeks (number 0
-- begins on Monday 2000-01-03). An act is what a person did: a response, an open, an order in a
-- store. A run counts the blocks of a customer again from the first that changed.
{%- set producers = ['fct_touchpoint', 'fct_order'] %}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {
        'by': ['fct_touchpoint', 'fct_order'], 'kind': 'changed', 'from': 'last_day',
    }},
    indexes=[
        {'columns': ['customer_id', 'channel', 'block'], 'unique': true},
        {'columns': ['block']},
    ],
    post_hook=[
        "{{ record_changes(['fct_touchpoint', 'fct_order']) }}",
        '{{ refresh_statistics() }}',
    ],
) }}

with

{% if is_incremental() %}
touched as (

    select
        customer_id,
        {{ attrition_block_day(attrition_block(business_date('changed_from'))) }} as first_day
    from ({{ touched_customers(producers) }}) as changes

),

{% endif %}
touchpoints as (

    select
        seen.customer_id,
        seen.channel,
        seen.occurred_on as day,
        seen.is_contact,
        not seen.is_machine and (seen.is_response or seen.event_type = 'open') as is_act
    from {{ ref('fct_touchpoint') }} as seen
    {% if is_incremental() %}
    inner join touched
        on
            seen.customer_id = touched.customer_id
            and seen.occurred_on >= touched.first_day
    {% endif %}

),

orders as (

    select
        bought.customer_id,
        'store' as channel,
        bought.ordered_on as day,
        false as is_contact,
        true as is_act
    from {{ ref('fct_order') }} as bought
    {% if is_incremental() %}
    inner join touched
        on
            bought.customer_id = touched.customer_id
            and bought.ordered_on >= touched.first_day
    {% endif %}
    where bought.sales_channel in {{ text_list(var('store_sales_channels')) }}

),

daily as (

    select
        customer_id,
        channel,
        day,
        {{ count_if('is_contact') }} as contacts,
        max(case when is_act then 1 else 0 end) as is_act_day
    from (
        select * from touchpoints
        where is_contact or is_act
        union all
        select * from orders
    ) as acts
    group by customer_id, channel, day

),

final as (

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

select * from final
