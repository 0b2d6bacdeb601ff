-- The values records hold of the golden fields that are not personal, or as keyed hashes: one row a
-- record and field. Spellings of one identifier share its node.
{{ config(materialized='view') }}

{%- set fields = identifier_types() + [
    'country', 'stated_channel', 'stated_hour', 'acquisition_channel',
] %}

with

records as (

    select * from {{ ref('int_customer__records') }}

),

valued as (

    {% for field in fields %}
    select
        customer_id,
        '{{ field }}' as field,
        cast({{ field }} as {{ dbt.type_string() }}) as value,
        {% if field in identifier_types() %}
        case
            when doubts like '%{{ field }}:2%' then 2
            when doubts like '%{{ field }}:1%' then 1
            else 0
        end as doubt,
        {% else %}
        0 as doubt,
        {% endif %}
        record_key,
        source,
        updated_at
    from records
    where {{ field }} is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

nodes as (

    select * from {{ source('scores', 'identity_nodes') }}

),

final as (

    select
        valued.*,
        coalesce(nodes.node_hash, valued.value) as normal_form
    from valued
    left join nodes
        on valued.field = nodes.identifier_type and valued.value = nodes.value_hash

)

select * from final
