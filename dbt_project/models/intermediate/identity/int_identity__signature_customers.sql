-- Which customer a combination of identifiers means. Compared as a whole with what was used before,
-- so that no change of the clusters is missed, however it came about.
{{ config(
    materialized='incremental',
    unique_key='signature',
    indexes=[{'columns': ['signature'], 'unique': true}, {'columns': ['change_id']}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

signatures as (

    select * from {{ ref('int_identity__signatures') }} where records > 0

),

seen as (

    select * from {{ ref('int_identity__seen') }}

),

nodes as (

    select * from {{ source('scores', 'identity_nodes') }}

),

clusters as (

    select * from {{ source('scores', 'identity_clusters') }}

),

candidates as (

    select
        seen.signature,
        clusters.customer_id,
        row_number() over (
            partition by seen.signature
            order by case when nodes.is_usable then 0 else 1 end, seen.trust_order
        ) as choice
    from seen
    inner join nodes
        on seen.identifier_type = nodes.identifier_type and seen.value_hash = nodes.value_hash
    inner join clusters
        on nodes.identifier_type = clusters.node_type and nodes.node_hash = clusters.node_hash

),

resolved as (

    select
        signatures.signature,
        coalesce(
            candidates.customer_id,
            'unresolved:' || cast(signatures.signature as {{ dbt.type_string() }})
        ) as customer_id
    from signatures
    left join candidates
        on signatures.signature = candidates.signature and candidates.choice = 1

),

changes as (

    {% if is_incremental() %}
    select coalesce(max(change_id), 0) + 1 as change_id from {{ this }}
    {% else %}
    select cast(1 as {{ dbt.type_bigint() }}) as change_id
    {% endif %}

),

final as (

    select
        resolved.signature,
        resolved.customer_id,
        changes.change_id
    from resolved
    cross join changes
    {% if is_incremental() %}
    left join {{ this }} as used on resolved.signature = used.signature
    where {{ differs('resolved.customer_id', 'used.customer_id') }}
    {% endif %}

)

select * from final
