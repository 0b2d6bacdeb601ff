{#-
    CTEs that choose one value a customer and field by seeds/survivorship_rules.csv. Reads `candidates` (customer_id,
    field, value, normal_form, shown, doubt, record_key, source, updated_at; doubt: 0 the customer's own, 1 shared or
    another's, 2 a placeholder); the last CTE is `survivors`: customer_id, field, value, record_key, source, updated_at, rule,
    candidates (distinct values), is_placeholder, losing_values (JSON).

    Less doubt comes before every rule; values are the same whose normal forms are, case apart. The record key breaks the last
    tie, so that the order of rows never matters.
-#}
{% macro survivors() -%}
rules as (

    select * from {{ ref('survivorship_rules') }}

),

trusted as (

    select * from {{ ref('source_trust') }}

),

placeholders as (

    select * from {{ ref('placeholder_values') }}

),

weighed as (

    select
        candidates.*,
        lower(trim(candidates.normal_form)) as folded,
        rules.rule,
        rules.then_by,
        rules.finally_by,
        coalesce(trusted.trust_order, {{ var('unlisted_source_trust') }}) as trust_order,
        exists (
            select 1
            from placeholders
            where
                placeholders.field = candidates.field
                and lower(trim(candidates.value)) like placeholders.pattern
        ) as is_placeholder
    from candidates
    inner join rules on candidates.field = rules.field
    left join trusted on candidates.source = trusted.source

),

counted as (

    select
        *,
        case when is_placeholder then 2 else doubt end as all_doubt,
        count(*) over (partition by customer_id, field, folded) as frequency
    from weighed

),

keyed as (

    select
        *,
        {{ survivor_key('rule') }} as first_key,
        {{ survivor_key('then_by') }} as second_key,
        {{ survivor_key('finally_by') }} as third_key
    from counted

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id, field
            order by
                all_doubt, first_key desc, second_key desc, third_key desc, updated_at desc, record_key
        ) as place,
        row_number() over (
            partition by customer_id, field, folded
            order by
                all_doubt, first_key desc, second_key desc, third_key desc, updated_at desc, record_key
        ) as place_of_value
    from keyed

),

survivors as (

    select
        customer_id,
        field,
        max(case when place = 1 then shown end) as value,
        max(case when place = 1 then record_key end) as record_key,
        max(case when place = 1 then source end) as source,
        max(case when place = 1 then updated_at end) as updated_at,
        max(case when place = 1 then rule end) as rule,
        count(*) as candidates,
        min(all_doubt) = 2 as is_placeholder,
        {{ json_list(
            {'value': 'shown', 'source': 'source', 'record': 'record_key', 'updated_at': 'updated_at'},
            'place > 1', 'place'
        ) }} as losing_values
    from ranked
    where place_of_value = 1
    group by customer_id, field

)
{%- endmacro %}

{#- What a rule orders by, greatest first. -#}
{% macro survivor_key(rule) -%}
    case {{ rule }}
        when 'most_recent' then {{ seconds_between("cast('2000-01-01' as date)", 'updated_at') }}
        when 'most_trusted' then -trust_order
        when 'most_frequent' then frequency
        when 'longest' then length(trim(value))
    end
{%- endmacro %}
