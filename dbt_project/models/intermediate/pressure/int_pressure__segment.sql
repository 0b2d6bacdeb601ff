-- Values of the customers that make segments of channel health (var health_segments); a customer
-- whose value changes touches the days on which there was something with them: touchpoints, orders,
-- returns.
-- depends_on: {{ ref('fct_touchpoint') }}
-- depends_on: {{ ref('fct_order') }}
-- depends_on: {{ ref('fct_return') }}
{{ config(
    materialized='incremental',
    incremental_strategy='replace_differences',
    unique_key='customer_id',
    meta={'changes': {'in': [
        {'relation': 'fct_touchpoint', 'key': 'customer_id', 'day': 'occurred_on'},
        {'relation': 'fct_order', 'key': 'customer_id', 'day': 'ordered_on'},
        {'relation': 'fct_return', 'key': 'customer_id', 'day': 'returned_on'},
    ]}},
    indexes=[{'columns': ['customer_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

customers as (

    select * from {{ ref('dim_customer') }}

),

final as (

    select
        {%- for column in var('health_segments') %}
        cast({{ column }} as {{ dbt.type_string() }}) as {{ column }},
        {%- endfor %}
        customer_id
    from customers

)

select * from final
