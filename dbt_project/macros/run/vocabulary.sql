{#- A name of the shared vocabulary (channel, message type, device): lower case, words joined by underscores. -#}
{% macro vocabulary(column) -%}
    translate(lower(trim({{ column }})), ' -', '__')
{%- endmacro %}

{#- The identifier columns of a feed, in order of trust. -#}
{% macro identifier_types() -%}
    {{ return([
        'crm_id', 'loyalty_id', 'email', 'phone', 'device_id', 'cookie_id', 'social_handle', 'postal_key'
    ]) }}
{%- endmacro %}

{#-
    Key of the combination of identifiers a row carries. A row without any is its own combination, so that two
    strangers are never taken for one person.
-#}
{% macro signature() -%}
    {%- set parts = [] -%}
    {%- for type in identifier_types() -%}
        {%- do parts.append("coalesce(" ~ type ~ ", '')") -%}
    {%- endfor -%}
    {{ text_key(
        "case when coalesce(" ~ identifier_types() | join(', ') ~ ") is null then cast(_row_key as "
        ~ dbt.type_string() ~ ") else " ~ parts | join(" || '|' || ") ~ " end"
    ) }}
{%- endmacro %}

{#- The identifier columns of a feed as a select list. -#}
{% macro identifier_columns(relation=none) -%}
    {%- for type in identifier_types() %}
        {{ relation ~ '.' if relation }}{{ type }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Place of an identifier type in the order of trust, 1 first. -#}
{% macro trust_order(column) -%}
    case {{ column }}
        {%- for type in identifier_types() %}
        when '{{ type }}' then {{ loop.index }}
        {%- endfor %}
        else {{ identifier_types() | length + 1 }}
    end
{%- endmacro %}
