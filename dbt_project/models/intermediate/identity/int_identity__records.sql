-- CRM records with their identifiers.
{{ config(materialized='view', tags=['identity_inputs']) }}

with

versions as (

    select * from {{ ref('int_identity__record_versions') }} where not is_gone

),

final as (

    select
        record_key,
        source,
        record_id,
        signature,
        {{ identifier_columns() }},
        country,
        updated_at,
        _row_key,
        changed_as_of
    from versions

)

select * from final
