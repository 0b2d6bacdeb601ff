-- Signatures unpivoted: one row an identifier a combination holds.
{{ config(materialized='view', tags=['identity_inputs']) }}

with

signatures as (

    select * from {{ ref('int_identity__signatures') }} where records > 0

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
        changed_as_of
    from signatures
    where {{ type }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select * from seen
