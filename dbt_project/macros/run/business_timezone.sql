{#- IANA name of the time zone whose calendar days count as business days. -#}
{% macro business_timezone() -%}
    {{ return(var('business_timezone', '') or env_var('MILLIBAR_TIMEZONE', 'Europe/Paris')) }}
{%- endmacro %}
