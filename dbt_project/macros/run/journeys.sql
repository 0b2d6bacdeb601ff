{#- Whose changes reach journeys: returns only where values are net of them. -#}
{% macro journey_producers() -%}
    {{ return(['fct_touchpoint', 'fct_order'] + (['fct_return'] if var('value_net_of_returns') else [])) }}
{%- endmacro %}

{#- Goals whose conversions end no journey but their own. -#}
{% macro side_goals() -%}
    {{ return(
        var('touchpoint_goals') | selectattr('ends_journey', 'equalto', false) | map(attribute='goal') | list
    ) }}
{%- endmacro %}

{#- Days from a touch until no conversion can claim it: the lookback, or sooner the gap after the last of its touches. -#}
{% macro lapses_on(occurred_on, last_on) -%}
    {%- set lookback = add_days(occurred_on, var('lookback_days')) -%}
    {%- if var('journey_gap_days') > 0 -%}
        least({{ lookback }}, {{ add_days(last_on, var('journey_gap_days')) }})
    {%- else -%}
        {{ lookback }}
    {%- endif -%}
{%- endmacro %}

{#- A list of texts of a variable, as SQL. -#}
{% macro text_list(values) -%}
    ('{{ values | join("', '") }}')
{%- endmacro %}

{#- Whether paths differ from the channels of the journey. -#}
{% macro paths_are_transformed() -%}
    {%- set known = ['none', 'unique', 'exposure', 'first'] -%}
    {%- if var('path_transform') not in known -%}
        {%- do exceptions.raise_compiler_error(
            "dbt variable path_transform is '" ~ var('path_transform') ~ "': give one of " ~ known | join(', ')
        ) -%}
    {%- endif -%}
    {{ return(
        var('path_transform') in ['exposure', 'first']
        or var('channels_removed') | length > 0
        or var('trailing_channels_removed') | length > 0
    ) }}
{%- endmacro %}

{#-
    CTEs that say which steps of `relation` (journey_id, step_number, steps, channel) stand in the path of the models; the
    last one is `path_steps`, with is_on_path. The first step of a path always stays: no journey is lost.
-#}
{% macro path_steps(relation) -%}
others_seen as (

    select
        *,
        {% if var('channels_removed') %}
        channel in {{ text_list(var('channels_removed')) }}
        and max(case when channel in {{ text_list(var('channels_removed')) }} then 0 else 1 end)
            over (partition by journey_id) = 1 as is_removed
        {% else %}
        false as is_removed
        {% endif %}
    from {{ relation }}

),

ends_seen as (

    select
        *,
        {% if var('trailing_channels_removed') %}
        max(
            case
                when not is_removed and channel not in {{ text_list(var('trailing_channels_removed')) }}
                    then step_number
            end
        ) over (partition by journey_id) as last_step
        {% else %}
        steps as last_step
        {% endif %}
    from others_seen

),

kept as (

    select
        *,
        not is_removed and step_number <= coalesce(last_step, steps) as is_kept
    from ends_seen

),

path_steps as (

    select
        *,
        is_kept
        {%- if var('path_transform') == 'exposure' %}
        and {{ differs('channel', 'lag(channel) over (partition by journey_id, is_kept order by step_number)') }}
        {%- elif var('path_transform') == 'first' %}
        and row_number() over (partition by journey_id, is_kept, channel order by step_number) = 1
        {%- endif %} as is_on_path
    from kept

)
{%- endmacro %}
