{{ config(tags=['core'], indexes=[{'columns': ['left_record', 'right_record'], 'unique': true}]) }}

with

pairs as (

    select * from {{ source('scores', 'identity_review') }}

),

records as (

    select * from {{ ref('int_customer__records') }}

),

decisions as (

    select * from {{ source('ops', 'identity_decisions') }}

),

-- an edge has its ends in an order of its own
either_way as (

    select
        left_record,
        right_record
    from pairs

    union all

    select
        right_record as left_record,
        left_record as right_record
    from pairs

),

edges as (

    select edges.*
    from {{ source('scores', 'identity_edges') }} as edges
    inner join either_way
        on edges.left_node = either_way.left_record and edges.right_node = either_way.right_record
    where
        edges.rule = 'probabilistic'
        and edges.left_type = 'record'
        and edges.right_type = 'record'

),

{{ edge_evidence() }},

told as (

    select
        least(left_node, right_node) as first_record,
        greatest(left_node, right_node) as second_record,
        {{ dbt.listagg('words', "'; '", 'order by abs(weight) desc, words') }} as evidence
    from (
        select
            left_node,
            right_node,
            weight,
            comparison || ': ' || label || ' (' || case when weight > 0 then '+' else '' end
            || cast(cast(weight as numeric(8, 1)) as {{ dbt.type_string() }}) || ')' as words
        from evidence
        where abs(weight) >= 0.05
    ) as weighty
    group by least(left_node, right_node), greatest(left_node, right_node)

),

final as (

    select
        pairs.left_record,
        pairs.right_record,
        lefts.source as left_source,
        rights.source as right_source,
        pairs.left_customer_id,
        pairs.right_customer_id,
        pairs.left_customer_id = pairs.right_customer_id as is_joined,
        pairs.probability,
        pairs.reason,
        told.evidence,
        decisions.decision,
        pairs.as_of as found_on
    from pairs
    left join records as lefts on pairs.left_record = lefts.record_key
    left join records as rights on pairs.right_record = rights.record_key
    left join told
        on
            least(pairs.left_record, pairs.right_record) = told.first_record
            and greatest(pairs.left_record, pairs.right_record) = told.second_record
    left join decisions
        on
            least(pairs.left_record, pairs.right_record) = decisions.left_record
            and greatest(pairs.left_record, pairs.right_record) = decisions.right_record

)

select * from final
