{{ config(
    materialized='incremental',
    incremental_strategy='logged_replace',
    unique_key='_row_key',
    tags=['core'],
    meta={'changes': {
        'feed': 'orders', 'at': 'ordered_at', 'on': 'ordered_on', 'touch': 'true', 'contact': 'false',
        'day_columns': ['_batch_id'],
    }},
    indexes=[
        {'columns': ['_row_key'], 'unique': true},
        {'columns': ['customer_id', 'ordered_at']},
        {'columns': ['signature']},
        {'columns': ['ordered_on']},
        {'columns': ['order_id']},
    ],
    pre_hook=['{{ forget_consumed() }}'],
    post_hook=[
        "{{ record_consumed(['orders']) }}",
        '{{ record_signature_changes() }}',
        '{{ refresh_statistics() }}',
    ],
) }}

{%- set columns = [
    'order_id', 'customer_id', 'ordered_at', 'ordered_on', 'sales_channel', 'amount', 'margin', 'items',
    'currency', 'signature', '_source', '_row_key', '_batch_id',
] %}

with

orders as (

    select * from {{ ref('stg_orders__orders') }}
    where _batch_id in ({{ pending_batches('orders') }})

),

customers as (

    select * from {{ ref('int_identity__signature_customers') }}

),

arrived as (

    select
        {{ columns_of('orders', columns, 'customer_id', customer_of('orders')) }}
    from orders
    left join customers on {{ is_customer_of('orders', 'ordered_at') }}

),

{% if is_incremental() %}

moved as (

    select
        {{ columns_of('present', columns, 'customer_id', 'renamed.customer_id') }}
    from {{ ref('int_identity__signature_customers') }} as renamed
    inner join {{ this }} as present
        on {{ is_customer_of('present', 'ordered_at', 'renamed') }}
    where
        renamed.change_id > {{ changes_read('int_identity__signature_customers') }}
        and present.customer_id <> renamed.customer_id
        and present._row_key not in (select arrived._row_key from arrived)

),

final as (

    select * from arrived
    union all
    select * from moved

)

{% else %}

final as (

    select * from arrived

)

{% endif %}

select * from final
