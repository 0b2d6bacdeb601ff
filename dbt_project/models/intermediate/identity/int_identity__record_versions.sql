-- The newest version of each CRM record. A record taken back stays, marked as gone, so that what
-- was built on it can be taken back.
{{ config(
    materialized='incremental',
    unique_key='_row_key',
    tags=['identity_inputs'],
    indexes=[
        {'columns': ['_row_key'], 'unique': true},
        {'columns': ['record_key'], 'unique': true},
        {'columns': ['change_id']},
    ],
    pre_hook=['{{ forget_consumed() }}'],
    post_hook=["{{ record_consumed(['customers']) }}", '{{ refresh_statistics() }}'],
) }}

with

records as (

    select * from {{ ref('stg_customers__records') }}
    where _batch_id in ({{ pending_batches('customers') }})

),

arrived as (

    select
        record_key,
        _source as source,
        record_id,
        signature,
        {{ identifier_columns() }},
        country,
        updated_at,
        _row_key,
        false as is_gone,
        _delivered_on as changed_as_of
    from records

),

{% if is_incremental() %}

removed as (

    select
        present.record_key,
        present.source,
        present.record_id,
        present.signature,
        {{ identifier_columns('present') }},
        present.country,
        present.updated_at,
        present._row_key,
        true as is_gone,
        {{ as_of_date() }} as changed_as_of
    from {{ this }} as present
    where
        not present.is_gone
        and present._row_key in ({{ removed_rows('customers') }})

),

changed as (

    select * from arrived
    union all
    select * from removed

),

{% else %}

changed as (

    select * from arrived

),

{% endif %}

final as (

    select
        *,
        {{ change_id_of_run() }} as change_id
    from changed

)

select * from final
