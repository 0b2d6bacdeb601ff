{#- Days of a block of int_attrition__customer_block, and the day block 0 begins. -#}
{% macro attrition_block_days() -%}
    {{ return(14) }}
{%- endmacro %}

{% macro first_attrition_day() -%}
    cast('2000-01-03' as date)
{%- endmacro %}

{#- The block a day lies in. -#}
{% macro attrition_block(day) -%}
    cast(floor({{ to_double(days_between(first_attrition_day(), day)) }} / {{ attrition_block_days() }}) as integer)
{%- endmacro %}

{#- The first day of a block. -#}
{% macro attrition_block_day(block) -%}
    {{ add_days(first_attrition_day(), '(' ~ block ~ ') * ' ~ attrition_block_days()) }}
{%- endmacro %}
