-- CRM records with the customer each belongs to. Compared as a whole with what was there before: a
-- record that came, changed, went or belongs to another customer makes its customers touched; so
-- does a change of what its identifiers are worth (doubts) and of the seeds that choose the golden
-- values.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_differences',
    unique_key='record_key',
    meta={'changes': {'at': 'updated_at'}},
    indexes=[{'columns': ['record_key'], 'unique': true}, {'columns': ['customer_id']}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

records as (

    select records.*
    from {{ ref('stg_customers__records') }} as records
    inner join {{ ref('int_identity__records') }} as known on records._row_key = known._row_key

),

nodes as (

    select * from {{ source('scores', 'identity_nodes') }}

),

clusters as (

    select * from {{ source('scores', 'identity_clusters') }}

),

passed_on as (

    select distinct
        node_type,
        node_hash
    from {{ source('scores', 'identity_periods') }}

),

resolved as (

    select
        records.*,
        coalesce(
            clusters.customer_id,
            'unresolved:' || cast(records.signature as {{ dbt.type_string() }})
        ) as customer_id
    from records
    left join clusters on clusters.node_type = 'record' and records.record_key = clusters.node_hash

),

-- identifiers that name nobody (2), belong to nobody, or went from one customer to another (1 for
-- all but the present)
doubtful as (

    select
        nodes.identifier_type,
        nodes.value_hash,
        case when nodes.is_usable then 1 else 2 end as doubt,
        case when nodes.is_usable and clusters.confidence > 0 then clusters.customer_id end as owner
    from nodes
    left join clusters
        on nodes.identifier_type = clusters.node_type and nodes.node_hash = clusters.node_hash
    left join passed_on
        on nodes.identifier_type = passed_on.node_type and nodes.node_hash = passed_on.node_hash
    where not nodes.is_usable or clusters.confidence = 0 or passed_on.node_hash is not null

),

carried as (

    {% for type in identifier_types() %}
    select
        record_key,
        customer_id,
        '{{ type }}' as identifier_type,
        {{ type }} as value_hash
    from resolved
    where {{ type }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

doubts as (

    select
        carried.record_key,
        {{ dbt.listagg(
            "carried.identifier_type || ':' || doubtful.doubt", "','", "order by carried.identifier_type"
        ) }} as doubts
    from carried
    inner join doubtful
        on
            carried.identifier_type = doubtful.identifier_type
            and carried.value_hash = doubtful.value_hash
    where doubtful.owner is null or doubtful.owner <> carried.customer_id
    group by carried.record_key

),

rules as (

    {% for seed, columns in {
        'survivorship_rules': ['field', 'rule', 'then_by', 'finally_by', 'is_counted'],
        'source_trust': ['source', 'trust_order'],
        'placeholder_values': ['field', 'pattern'],
    }.items() %}
    select
        '{{ seed }}' as seed,
        {{ columns_as_text(columns) }} as line
    from {{ ref(seed) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

rule_book as (

    select
        {{ text_key(dbt.listagg("seed || ':' || line", "chr(10)", "order by seed, line")) }}
            as rules_key
    from rules

),

final as (

    select
        resolved.record_key,
        resolved.customer_id,
        resolved.record_id,
        resolved._source as source,
        resolved.signature,
        {{ identifier_columns('resolved') }},
        resolved.country,
        resolved.stated_channel,
        resolved.stated_hour,
        resolved.acquisition_channel,
        resolved.updated_at,
        doubts.doubts,
        rule_book.rules_key,
        resolved._row_key,
        resolved._batch_id
    from resolved
    cross join rule_book
    left join doubts on resolved.record_key = doubts.record_key

)

select * from final
