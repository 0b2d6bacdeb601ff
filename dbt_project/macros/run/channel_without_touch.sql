{#- The channel a conversion belongs to when no touchpoint precedes it: the shop it happened in, else direct. -#}
{% macro channel_without_touch(sales_channel) -%}
    case
        when {{ sales_channel }} in ('{{ var("store_sales_channels") | join("', '") }}') then 'store'
        else '{{ var("channel_without_touch") }}'
    end
{%- endmacro %}
