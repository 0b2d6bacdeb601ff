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

{#- The values of some columns in one text, null as nothing. -#}
{% macro columns_as_text(columns) -%}
    {%- for column in columns -%}
        coalesce(cast({{ column }} as {{ dbt.type_string() }}), ''){{ " || '|' || " if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{#- Join condition: `customers` (int_identity__signature_customers) is whom a row's identifiers meant at its moment. -#}
{% macro is_customer_of(relation, moment, customers='customers') -%}
    {{ relation }}.signature = {{ customers }}.signature
    and ({{ customers }}.valid_from is null or {{ relation }}.{{ moment }} >= {{ customers }}.valid_from)
    and ({{ customers }}.valid_to is null or {{ relation }}.{{ moment }} < {{ customers }}.valid_to)
{%- endmacro %}
