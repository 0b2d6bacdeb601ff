-- What joined two nodes, or kept them apart, comparison by comparison; a view, so that it costs
-- nothing until it is read. The weights of an edge between records add up to the edge's.
{{ config(materialized='view', tags=['core']) }}

with

edges as (

    select * from {{ source('scores', 'identity_edges') }}

),

{{ edge_evidence() }},

final as (

    select
        left_type,
        left_node,
        right_type,
        right_node,
        rule,
        status,
        cast(place as integer) as place,
        cast(comparison as {{ dbt.type_string() }}) as comparison,
        cast(label as {{ dbt.type_string() }}) as label,
        {{ to_double('weight') }} as weight
    from evidence

)

select * from final
