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
{{ attrition_counts(
    'inner join touched on seen.customer_id = touched.customer_id and seen.occurred_on >= touched.first_day'
    if is_incremental() else '',
    'inner join touched on bought.customer_id = touched.customer_id and bought.ordered_on >= touched.first_day'
    if is_incremental() else ''
) }},

final as (

    select * from counted

)

select * from final
