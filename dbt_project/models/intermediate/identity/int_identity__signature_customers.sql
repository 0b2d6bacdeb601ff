-- Which customer a combination of identifiers means, and from when to when where its identifier
-- changed hands. Compared as a whole with what was used before, so that no change of the clusters
-- is missed, however it came about.
{{ config(
    materialized='incremental',
    unique_key='signature',
    incremental_strategy='delete+insert',
    indexes=[{'columns': ['signature']}, {'columns': ['change_id']}],
    pre_hook=['{{ forget_lost_signatures() }}'],
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

periods as (

    select * from {{ source('scores', 'identity_periods') }}

),

turning as (

    select distinct
        node_type,
        node_hash
    from periods

),

-- an identifier that is one customer's alone names the customer before one that several share or
-- had in turn, that before one that may not link; equals by trust
candidates as (

    select
        seen.signature,
        clusters.node_type,
        clusters.node_hash,
        clusters.customer_id,
        turning.node_hash is not null as is_turning,
        row_number() over (
            partition by seen.signature
            order by
                case
                    when not nodes.is_usable then 2
                    when clusters.confidence = 0 or turning.node_hash is not null then 1
                    else 0
                end,
                seen.trust_order
        ) as choice
    from seen
    inner join nodes
        on seen.identifier_type = nodes.identifier_type and seen.value_hash = nodes.value_hash
    inner join clusters
        on nodes.identifier_type = clusters.node_type and nodes.node_hash = clusters.node_hash
    left join turning
        on clusters.node_type = turning.node_type and clusters.node_hash = turning.node_hash

),

resolved as (

    select
        signatures.signature,
        periods.valid_from,
        periods.valid_to,
        coalesce(
            periods.customer_id,
            candidates.customer_id,
            'unresolved:' || cast(signatures.signature as {{ dbt.type_string() }})
        ) as customer_id
    from signatures
    left join candidates
        on signatures.signature = candidates.signature and candidates.choice = 1
    left join periods
        on
            candidates.is_turning
            and candidates.node_type = periods.node_type
            and candidates.node_hash = periods.node_hash

),

changes as (

    {% if is_incremental() %}
    select coalesce(max(change_id), 0) + 1 as change_id from {{ this }}
    {% else %}
    select cast(1 as {{ dbt.type_bigint() }}) as change_id
    {% endif %}

),

{% if is_incremental() %}

-- both sides cover all time: where each row has its equal, nothing is left over on either
changed as (

    select distinct resolved.signature
    from resolved
    left join {{ this }} as used
        on
            resolved.signature = used.signature
            and resolved.customer_id = used.customer_id
            and not ({{ differs('resolved.valid_from', 'used.valid_from') }})
            and not ({{ differs('resolved.valid_to', 'used.valid_to') }})
    where used.signature is null

),

{% endif %}

final as (

    select
        resolved.signature,
        resolved.valid_from,
        resolved.valid_to,
        resolved.customer_id,
        changes.change_id
    from resolved
    cross join changes
    {% if is_incremental() %}
    inner join changed on resolved.signature = changed.signature
    {% endif %}

)

select * from final
