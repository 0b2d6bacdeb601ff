{#-
    CTEs that say in words and weights what `edges` (rows of scores.identity_edges) rest on; the last CTE is `evidence`:
    the edge's key and status, place, comparison, label, weight. The weights of an edge between records add up to the
    edge's own: what its levels do not say is its comparison 'rest'.
-#}
{% macro edge_evidence() -%}
levels as (

    select * from {{ source('scores', 'identity_levels') }}

),

comparisons as (

    select
        model_version,
        comparison,
        row_number() over (partition by model_version order by position, comparison) as place
    from (
        select distinct
            model_version,
            comparison,
            position
        from levels
    ) as named

),

reached as (

    select
        edges.left_type,
        edges.left_node,
        edges.right_type,
        edges.right_node,
        edges.rule,
        edges.status,
        edges.model_version,
        comparisons.comparison,
        comparisons.place,
        {{ array_element('edges.levels', 'comparisons.place') }} as level
    from edges
    inner join comparisons on edges.model_version = comparisons.model_version
    where edges.rule = 'probabilistic'

),

compared as (

    select
        reached.left_type,
        reached.left_node,
        reached.right_type,
        reached.right_node,
        reached.rule,
        reached.status,
        reached.place,
        reached.comparison,
        coalesce(levels.label, 'Not known of both') as label,
        coalesce(levels.weight, 0) as weight
    from reached
    left join levels
        on
            reached.model_version = levels.model_version
            and reached.comparison = levels.comparison
            and reached.level = levels.level

),

-- what the levels do not say: how rare such pairs are, and how rare the values
remaining as (

    select
        edges.left_type,
        edges.left_node,
        edges.right_type,
        edges.right_node,
        edges.rule,
        edges.status,
        0 as place,
        'rest' as comparison,
        'Base rate of the model and rarity of the values' as label,
        edges.weight - coalesce((
            select sum(levels.weight)
            from comparisons
            inner join levels
                on
                    comparisons.model_version = levels.model_version
                    and comparisons.comparison = levels.comparison
            where
                comparisons.model_version = edges.model_version
                and levels.level = {{ array_element('edges.levels', 'comparisons.place') }}
        ), 0) as weight
    from edges
    where edges.rule = 'probabilistic' and edges.weight is not null

),

observed as (

    select
        left_type,
        left_node,
        right_type,
        right_node,
        rule,
        status,
        1 as place,
        rule as comparison,
        case rule
            when 'record' then 'The record carries the identifier'
            when 'same_row' then 'Seen on one row of a feed'
            when 'identity_link' then 'Observed together: a login, a form or a scan'
            else rule
        end || case when reason is not null then '; ' || status || ': ' || reason else '' end as label,
        {{ log2('least(greatest(score, 0.0001), 0.9999)') }}
        - {{ log2('1 - least(greatest(score, 0.0001), 0.9999)') }} as weight
    from edges
    where rule <> 'probabilistic'

),

evidence as (

    select * from compared
    union all
    select * from remaining
    union all
    select * from observed

)
{%- endmacro %}
