{{ config(materialized='view', tags=['identity_inputs']) }}

with

seen as (

    select * from {{ ref('int_identity__seen') }}

),

links as (

    select * from {{ ref('int_identity__linked') }} where not is_gone

),

linked as (

    select
        left_type as identifier_type,
        left_hash as value_hash,
        observed_at,
        changed_as_of
    from links

    union all

    select
        right_type as identifier_type,
        right_hash as value_hash,
        observed_at,
        changed_as_of
    from links

),

evidence as (

    select
        identifier_type,
        value_hash,
        records,
        customer_records,
        first_seen_at,
        last_seen_at,
        changed_as_of
    from seen

    union all

    select
        identifier_type,
        value_hash,
        1 as records,
        0 as customer_records,
        observed_at as first_seen_at,
        observed_at as last_seen_at,
        changed_as_of
    from linked

),

final as (

    select
        identifier_type,
        value_hash,
        cast(sum(records) as {{ dbt.type_bigint() }}) as records,
        sum(customer_records) > 0 as is_record,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(changed_as_of) as changed_as_of
    from evidence
    group by identifier_type, value_hash

)

select * from final
