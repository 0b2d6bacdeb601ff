{#- A channel in words; `channels` is dim_channel joined by the channel. -#}
{% macro channel_label(channel, channels) -%}
    case
        when {{ channel }} = 'all' then 'All channels'
        when {{ channel }} = '(base)' then 'Would have come anyway'
        else coalesce({{ channels }}.channel_label, {{ channel }})
    end
{%- endmacro %}
