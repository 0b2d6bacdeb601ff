{{ config(materialized='view', tags=['identity_inputs']) }}

with

records as (

    select * from {{ ref('stg_customers__records') }} where {{ is_visible('customers') }}

),

final as (

    select
        record_key,
        _source as source,
        record_id,
        signature,
        {{ identifier_columns() }},
        country,
        updated_at,
        _row_key,
        _delivered_on as changed_as_of
    from records

)

select * from final
