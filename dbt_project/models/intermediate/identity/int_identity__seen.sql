-- Signatures unpivoted: one row an identifier a combination holds.
{{ config(
    materialized='incremental',
    unique_key='signature',
    incremental_strategy='delete+insert',
    tags=['identity_inputs'],
    indexes=[
        {'columns': ['identifier_type', 'value_hash']},
        {'columns': ['signature']},
        {'columns': ['change_id']},
    ],
    pre_hook=['{{ forget_lost_signatures() }}'],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

signatures as (

    select * from {{ ref('int_identity__signatures') }}
    {% if is_incremental() %}
    where change_id > (select coalesce(max(present.change_id), 0) from {{ this }} as present)
    {% endif %}

),

seen as (

    {% for type in identifier_types() %}
    select
        signature,
        {{ loop.index }} as trust_order,
        '{{ type }}' as identifier_type,
        {{ type }} as value_hash,
        records,
        customer_records,
        first_seen_at,
        last_seen_at,
        changed_as_of,
        change_id
    from signatures
    where {{ type }} is not null and records > 0
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from seen
