-- Golden record with clear values and where each comes from. Personal: schema pii, and nothing
-- outside this folder but int_customer__completeness (which counts) reads it.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['int_customer__records'], 'kind': 'changed'}},
    indexes=[{'columns': ['customer_id', 'field'], 'unique': true}],
    post_hook=["{{ record_changes(['int_customer__records']) }}", '{{ refresh_statistics() }}'],
) }}

{%- set personal = ['first_name', 'last_name', 'birth_date', 'street', 'postal_code', 'city'] %}

with

records as (

    select
        records.customer_id,
        records.record_key,
        records.source,
        records.updated_at,
        {{ columns_of('personal', personal) }}
    from {{ ref('int_customer__records') }} as records
    inner join {{ source('pii', 'customers') }} as personal on records._row_key = personal._row_key
    {% if is_incremental() %}where {{ is_touched(['int_customer__records']) }}{% endif %}

),

clear_values as (

    select * from {{ source('pii', 'identifier_values') }}

),

hashed as (

    select * from {{ ref('int_customer__candidates') }}
    {% if is_incremental() %}where {{ is_touched(['int_customer__records']) }}{% endif %}

),

candidates as (

    select
        hashed.*,
        coalesce(clear_values.value, hashed.value) as shown
    from hashed
    left join clear_values
        on hashed.field = clear_values.identifier_type and hashed.value = clear_values.value_hash

    {% for field in personal %}
    union all

    select
        customer_id,
        '{{ field }}' as field,
        trim(cast({{ field }} as {{ dbt.type_string() }})) as value,
        0 as doubt,
        record_key,
        source,
        updated_at,
        trim(cast({{ field }} as {{ dbt.type_string() }})) as normal_form,
        trim(cast({{ field }} as {{ dbt.type_string() }})) as shown
    from records
    where trim(cast({{ field }} as {{ dbt.type_string() }})) <> ''
    {% endfor %}

),

{{ survivors() }},

final as (

    select
        customer_id,
        field,
        value,
        source,
        record_key,
        updated_at,
        rule,
        candidates,
        is_placeholder,
        losing_values
    from survivors

)

select * from final
