{#- The business date of the run, 'YYYY-MM-DD': var as_of, else the run in progress. -#}
{% macro as_of() -%}
    {{ return(run_context_value('as_of', '2000-01-01')) }}
{%- endmacro %}

{#- The last load batch the run may see. -#}
{% macro max_batch_id() -%}
    {{ return(run_context_value('max_batch_id', '0')) }}
{%- endmacro %}

{% macro run_context_value(name, while_parsing) -%}
    {%- if var(name, '') | string != '' -%}
        {{ return(var(name) | string) }}
    {%- endif -%}
    {%- if not execute -%}
        {{ return(while_parsing) }}
    {%- endif -%}
    {%- set rows = run_query('select ' ~ name ~ ' from ' ~ source('ops', 'run_context')).rows -%}
    {%- if rows | length == 0 -%}
        {%- do exceptions.raise_compiler_error(
            'ops.run_context is empty: no run has begun. Run `millibar run --as-of DATE`, or give dbt '
            ~ "--vars '{as_of: 2025-03-01, max_batch_id: 1000}'"
        ) -%}
    {%- endif -%}
    {{ return(rows[0][0] | string) }}
{%- endmacro %}

{#- The business date as SQL. -#}
{% macro as_of_date() -%}
    cast('{{ as_of() }}' as date)
{%- endmacro %}

{#- Newest as_of in a table of scores, as SQL date; the run's date while the table is empty. -#}
{% macro newest_as_of(scores_table) -%}
    coalesce((select max(as_of) from {{ source('scores', scores_table) }}), {{ as_of_date() }})
{%- endmacro %}
