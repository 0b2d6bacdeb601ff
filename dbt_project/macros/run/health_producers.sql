{#- Whose changes reach channel health. -#}
{% macro health_producers() -%}
    {{ return([
        'fct_touchpoint', 'fct_order', 'fct_return', 'int_pressure__segment', 'int_pressure__campaign_kind'
    ]) }}
{%- endmacro %}
