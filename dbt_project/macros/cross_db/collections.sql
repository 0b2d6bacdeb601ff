{#- Lists and documents, which engines spell differently. -#}

{#- Aggregate: a list of objects as JSON, best first, of the rows for which a condition holds; null where there is none.
    `fields`: name -> expression. -#}
{% macro json_list(fields, condition, ordering) -%}
    {{ return(adapter.dispatch('json_list', 'millibar')(fields, condition, ordering)) }}
{%- endmacro %}

{% macro default__json_list(fields, condition, ordering) -%}
    jsonb_agg(
        jsonb_build_object(
            {%- for name, expression in fields.items() %}
            '{{ name }}', {{ expression }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
        order by {{ ordering }}
    ) filter (where {{ condition }})
{%- endmacro %}

{% macro spark__json_list(fields, condition, ordering) -%}
    to_json(array_sort(collect_list(case when {{ condition }} then named_struct(
        'place', {{ ordering }}
        {%- for name, expression in fields.items() %}, '{{ name }}', {{ expression }}{% endfor %}
    ) end)))
{%- endmacro %}

{#- Element of an array column, the first being 1. -#}
{% macro array_element(array, place) -%}
    {{ return(adapter.dispatch('array_element', 'millibar')(array, place)) }}
{%- endmacro %}

{% macro default__array_element(array, place) -%}
    {{ array }}[{{ place }}]
{%- endmacro %}

{% macro spark__array_element(array, place) -%}
    element_at({{ array }}, cast({{ place }} as int))
{%- endmacro %}

{#-
    Numbers of a JSON document, a row each: `columns` of the relation, metric (the names on the way, joined by dots) and
    value. Lists and texts are left out.
-#}
{% macro json_numbers(relation, columns, document) -%}
    {{ return(adapter.dispatch('json_numbers', 'millibar')(relation, columns, document)) }}
{%- endmacro %}

{% macro default__json_numbers(relation, columns, document) -%}
    select
        {% for column in columns %}
        {{ relation }}.{{ column }},
        {% endfor %}
        numbers.metric,
        cast(cast(numbers.content as text) as double precision) as value
    from {{ relation }}
    cross join lateral (
        with recursive entries (metric, content) as (
            select
                entry.key,
                entry.value
            from jsonb_each({{ relation }}.{{ document }}) as entry
            union all
            select
                entries.metric || '.' || entry.key,
                entry.value
            from entries
            cross join lateral jsonb_each(
                case when jsonb_typeof(entries.content) = 'object' then entries.content else '{}' end
            ) as entry
        )

        select
            entries.metric,
            entries.content
        from entries
        where jsonb_typeof(entries.content) = 'number'
    ) as numbers
{%- endmacro %}

{% macro spark__json_numbers(relation, columns, document) -%}
    select
        {% for column in columns %}
        {{ relation }}.{{ column }},
        {% endfor %}
        metric,
        cast(content as double) as value
    from {{ relation }}
    lateral view explode(from_json({{ document }}, 'map<string,string>')) as metric, content
    where cast(content as double) is not null
{%- endmacro %}

{#- log2 of a number -#}
{% macro log2(expression) -%}
    ln({{ to_double(expression) }}) / ln({{ to_double('2') }})
{%- endmacro %}
