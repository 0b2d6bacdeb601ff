-- The periods of an identifier that went from one customer to another are those identity found; of
-- them the rows are kept in which the value was seen, and the one that holds now.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_differences',
    unique_key=['identifier_type', 'value_hash', 'valid_from'],
    tags=['core'],
    indexes=[
        {'columns': ['identifier_type', 'value_hash', 'valid_from'], 'unique': true},
        {'columns': ['customer_id']},
    ],
    post_hook=['{{ refresh_statistics() }}'],
) }}

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

periods as (

    select * from {{ source('scores', 'identity_periods') }}

),

placed as (

    select
        identifiers.*,
        nodes.node_hash,
        nodes.is_usable,
        nodes.reason,
        clusters.customer_id as holder_id,
        clusters.confidence
    from identifiers
    inner join nodes
        on
            identifiers.identifier_type = nodes.identifier_type
            and identifiers.value_hash = nodes.value_hash
    inner join clusters
        on nodes.identifier_type = clusters.node_type and nodes.node_hash = clusters.node_hash

),

held as (

    select
        placed.*,
        coalesce(periods.customer_id, placed.holder_id) as customer_id,
        greatest(placed.first_seen_at, periods.valid_from) as valid_from,
        periods.valid_to
    from placed
    left join periods
        on
            placed.identifier_type = periods.node_type
            and placed.node_hash = periods.node_hash
            and (
                periods.valid_to is null
                or (
                    placed.first_seen_at < periods.valid_to
                    and coalesce(periods.valid_from, placed.first_seen_at) <= placed.last_seen_at
                )
            )

),

final as (

    select
        held.customer_id,
        held.identifier_type,
        held.value_hash,
        held.node_hash,
        held.is_usable,
        case when not held.is_usable then held.reason end as unusable_reason,
        held.records as evidence,
        case when held.customer_id = held.holder_id then held.confidence end as confidence,
        held.valid_from,
        held.valid_to,
        held.valid_to is null as is_current,
        case
            when not held.is_usable then 'none'
            when held.customer_id = held.holder_id and held.confidence = 0 then 'analysis'
            when held.valid_to is not null then 'analysis'
            else 'contact'
        end as permitted_use,
        held.first_seen_at,
        held.last_seen_at
    from held

)

select * from final
