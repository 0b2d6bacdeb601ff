-- Observed pairs of identifiers (logins, forms, clicks), one row a delivered row. A row taken
-- back stays, marked as gone, so that what was built on it can be taken back.
{{ config(
    materialized='incremental',
    unique_key='_row_key',
    tags=['identity_inputs'],
    indexes=[
        {'columns': ['_row_key'], 'unique': true},
        {'columns': ['left_type', 'left_hash', 'right_type', 'right_hash']},
        {'columns': ['right_type', 'right_hash']},
        {'columns': ['change_id']},
    ],
    pre_hook=['{{ forget_consumed() }}'],
    post_hook=["{{ record_consumed(['identity_links']) }}", '{{ refresh_statistics() }}'],
) }}

with

pairs as (

    select * from {{ ref('stg_identity_links__pairs') }}
    where _batch_id in ({{ pending_batches('identity_links') }})

),

arrived as (

    select
        _row_key,
        left_type,
        left_hash,
        right_type,
        right_hash,
        observed_at,
        false as is_gone,
        _delivered_on as changed_as_of
    from pairs

),

{% if is_incremental() %}

removed as (

    select
        present._row_key,
        present.left_type,
        present.left_hash,
        present.right_type,
        present.right_hash,
        present.observed_at,
        true as is_gone,
        {{ as_of_date() }} as changed_as_of
    from {{ this }} as present
    where
        not present.is_gone
        and present._row_key in ({{ removed_rows('identity_links') }})

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
