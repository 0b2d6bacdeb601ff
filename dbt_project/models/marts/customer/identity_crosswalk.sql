-- Which customer a record belonged to, and when: a history the warehouse cannot compute again, so a
-- full refresh leaves it as it is.
{{ config(
    materialized='incremental',
    incremental_strategy='keep_history',
    full_refresh=false,
    tags=['core'],
    meta={'history': {'key': 'record_key', 'value': 'customer_id'}},
    indexes=[
        {'columns': ['record_key', 'valid_from'], 'unique': true},
        {'columns': ['customer_id']},
    ],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

records as (

    select * from {{ ref('int_customer__records') }}

),

final as (

    select
        record_key,
        source,
        record_id,
        customer_id,
        {{ as_of_date() }} as valid_from,
        cast(null as date) as valid_to,
        true as is_current
    from records

)

select * from final
