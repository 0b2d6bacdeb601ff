{{ config(tags=['core'], post_hook=['{{ refresh_statistics() }}']) }}

with

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

nodes as (

    select * from {{ source('scores', 'identity_nodes') }}

),

clusters as (

    select * from {{ source('scores', 'identity_clusters') }}

),

final as (

    select
        clusters.customer_id,
        identifiers.identifier_type,
        identifiers.value_hash,
        nodes.node_hash,
        nodes.is_usable,
        nodes.reason as unusable_reason,
        identifiers.records as evidence,
        clusters.confidence,
        identifiers.first_seen_at as valid_from,
        identifiers.last_seen_at as valid_to
    from identifiers
    inner join nodes
        on
            identifiers.identifier_type = nodes.identifier_type
            and identifiers.value_hash = nodes.value_hash
    inner join clusters
        on nodes.identifier_type = clusters.node_type and nodes.node_hash = clusters.node_hash

)

select * from final
