{#- A select list: `columns` of a relation, one of them from another relation. -#}
{% macro columns_of(relation, columns, replaced=none, by=none) -%}
    {%- for column in columns %}
        {{ by if column == replaced else relation ~ '.' ~ column }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Customer of a row by its signature; a customer of its own where identity has not named one. -#}
{% macro customer_of(relation) -%}
    coalesce(
        customers.customer_id,
        'unresolved:' || cast({{ relation }}.signature as {{ dbt.type_string() }})
    ) as customer_id
{%- endmacro %}
