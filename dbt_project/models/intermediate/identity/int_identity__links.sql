-- Pairs of identifiers seen on one row, or brought by the identity_links feed.
{{ config(materialized='view', tags=['identity_inputs']) }}

with

seen as (

    select * from {{ ref('int_identity__seen') }}

),

pairs as (

    select * from {{ ref('int_identity__linked') }} where not is_gone

),

ordered_pairs as (

    select
        *,
        {{ trust_order('left_type') }} as left_order,
        {{ trust_order('right_type') }} as right_order
    from pairs
    where not (left_type = right_type and left_hash = right_hash)

),

observed as (

    select
        earlier.identifier_type as left_type,
        earlier.value_hash as left_hash,
        later.identifier_type as right_type,
        later.value_hash as right_hash,
        'same_row' as evidence,
        earlier.records,
        earlier.first_seen_at,
        earlier.last_seen_at,
        earlier.changed_as_of
    from seen as earlier
    inner join seen as later
        on
            earlier.signature = later.signature
            and earlier.trust_order < later.trust_order

    union all

    -- left and right are put in order of trust, equals by value
    select
        case when is_in_order then left_type else right_type end as left_type,
        case when is_in_order then left_hash else right_hash end as left_hash,
        case when is_in_order then right_type else left_type end as right_type,
        case when is_in_order then right_hash else left_hash end as right_hash,
        'identity_link' as evidence,
        1 as records,
        observed_at as first_seen_at,
        observed_at as last_seen_at,
        changed_as_of
    from (
        select
            *,
            left_order < right_order
            or (left_order = right_order and left_hash < right_hash) as is_in_order
        from ordered_pairs
    ) as directed

),

final as (

    select
        left_type,
        left_hash,
        right_type,
        right_hash,
        evidence,
        cast(sum(records) as {{ dbt.type_bigint() }}) as records,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(changed_as_of) as changed_as_of
    from observed
    group by left_type, left_hash, right_type, right_hash, evidence

)

select * from final
