{#- Aggregate: 1 where the customer's last word on the channel is yes, 0 where it is no, null where there is none. -#}
{% macro last_word(channel) -%}
    max(case when channel = '{{ channel }}' then case when is_granted then 1 else 0 end end)
{%- endmacro %}
