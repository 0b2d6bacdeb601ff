{#- Types, hashes and arithmetic that engines spell differently. -#}

{% macro type_double() -%}
    {{ return(adapter.dispatch('type_double', 'millibar')()) }}
{%- endmacro %}

{% macro default__type_double() -%}
    double precision
{%- endmacro %}

{% macro spark__type_double() -%}
    double
{%- endmacro %}

{% macro to_double(expression) -%}
    cast({{ expression }} as {{ type_double() }})
{%- endmacro %}

{% macro type_timestamp_utc() -%}
    {{ return(adapter.dispatch('type_timestamp_utc', 'millibar')()) }}
{%- endmacro %}

{% macro default__type_timestamp_utc() -%}
    timestamp with time zone
{%- endmacro %}

{% macro spark__type_timestamp_utc() -%}
    timestamp
{%- endmacro %}

{#- 128-bit key of a text. -#}
{% macro text_key(expression) -%}
    {{ return(adapter.dispatch('text_key', 'millibar')(expression)) }}
{%- endmacro %}

{% macro default__text_key(expression) -%}
    md5({{ expression }})
{%- endmacro %}

{% macro postgres__text_key(expression) -%}
    cast(md5({{ expression }}) as uuid)
{%- endmacro %}

{#- Whether two values differ, null being a value of its own. -#}
{% macro differs(left, right) -%}
    {{ return(adapter.dispatch('differs', 'millibar')(left, right)) }}
{%- endmacro %}

{% macro default__differs(left, right) -%}
    {{ left }} is distinct from {{ right }}
{%- endmacro %}

{% macro spark__differs(left, right) -%}
    not ({{ left }} <=> {{ right }})
{%- endmacro %}

{#- Rows for which a condition holds, 0 where there is none. -#}
{% macro count_if(condition) -%}
    coalesce(sum(case when {{ condition }} then 1 else 0 end), 0)
{%- endmacro %}

{#- numerator / denominator, null where the denominator is 0. -#}
{% macro share(numerator, denominator) -%}
    {{ to_double(numerator) }} / nullif({{ to_double(denominator) }}, 0)
{%- endmacro %}

{#-
    2 ^ -(days / half_life). Beyond 1000 half-lives the factor is held at 2^-1000, which is 0 for every purpose:
    PostgreSQL raises an error where a double underflows.
-#}
{% macro decay(days, half_life_days) -%}
    power({{ to_double('2') }}, -least({{ to_double(days) }} / {{ half_life_days }}, 1000))
{%- endmacro %}

{#- Fresh statistics: models built in one run join each other before the engine would look by itself. -#}
{% macro refresh_statistics(relation=none) -%}
    {{ return(adapter.dispatch('refresh_statistics', 'millibar')(relation or this)) }}
{%- endmacro %}

{% macro default__refresh_statistics(relation) -%}
{%- endmacro %}

{% macro postgres__refresh_statistics(relation) -%}
    analyze {{ relation }}
{%- endmacro %}

{#-
    pre_hook: joins of a model's own steps, of whose size an engine may know nothing before, are never made by loops over
    loops.
-#}
{% macro joins_without_loops() -%}
    {{ return(adapter.dispatch('joins_without_loops', 'millibar')()) }}
{%- endmacro %}

{% macro default__joins_without_loops() -%}
{%- endmacro %}

{% macro postgres__joins_without_loops() -%}
    set local enable_nestloop = off
{%- endmacro %}

{#- Type of text_key. -#}
{% macro type_key() -%}
    {{ return(adapter.dispatch('type_key', 'millibar')()) }}
{%- endmacro %}

{% macro default__type_key() -%}
    {{ dbt.type_string() }}
{%- endmacro %}

{% macro postgres__type_key() -%}
    uuid
{%- endmacro %}

{#- Aggregate: the value of the row latest by `ordering` among those that have one. -#}
{% macro latest_value(column, ordering) -%}
    {{ return(adapter.dispatch('latest_value', 'millibar')(column, ordering)) }}
{%- endmacro %}

{% macro default__latest_value(column, ordering) -%}
    (array_agg({{ column }} order by {{ ordering }} desc, {{ column }}) filter (where {{ column }} is not null))[1]
{%- endmacro %}

{% macro spark__latest_value(column, ordering) -%}
    max_by({{ column }}, case when {{ column }} is not null then {{ ordering }} end)
{%- endmacro %}

{#- Aggregate: the median. -#}
{% macro median(expression) -%}
    percentile_cont(0.5) within group (order by {{ expression }})
{%- endmacro %}

{#- An index on the key of a table no model owns, and fresh statistics of it. -#}
{% macro index_by_key(name, relation, column) -%}
    {{ return(adapter.dispatch('index_by_key', 'millibar')(name, relation, column)) }}
{%- endmacro %}

{% macro default__index_by_key(name, relation, column) -%}
{%- endmacro %}

{% macro postgres__index_by_key(name, relation, column) -%}
    create unique index if not exists {{ name }} on {{ relation }} ({{ column }});
    analyze {{ relation }}
{%- endmacro %}
