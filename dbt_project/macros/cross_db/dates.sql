{#- Day, hour and weekday of a moment in the business time zone; differences of dates and moments. -#}

{% macro business_date(moment) -%}
    {{ return(adapter.dispatch('business_date', 'millibar')(moment)) }}
{%- endmacro %}

{% macro default__business_date(moment) -%}
    cast({{ moment }} at time zone '{{ business_timezone() }}' as date)
{%- endmacro %}

{% macro spark__business_date(moment) -%}
    cast(from_utc_timestamp({{ moment }}, '{{ business_timezone() }}') as date)
{%- endmacro %}

{#- 0 .. 23 -#}
{% macro business_hour(moment) -%}
    {{ return(adapter.dispatch('business_hour', 'millibar')(moment)) }}
{%- endmacro %}

{% macro default__business_hour(moment) -%}
    cast(extract(hour from {{ moment }} at time zone '{{ business_timezone() }}') as integer)
{%- endmacro %}

{% macro spark__business_hour(moment) -%}
    hour(from_utc_timestamp({{ moment }}, '{{ business_timezone() }}'))
{%- endmacro %}

{#- 0 = Monday .. 6 = Sunday, of a date -#}
{% macro weekday(day) -%}
    {{ return(adapter.dispatch('weekday', 'millibar')(day)) }}
{%- endmacro %}

{% macro default__weekday(day) -%}
    (cast(extract(isodow from {{ day }}) as integer) - 1)
{%- endmacro %}

{% macro spark__weekday(day) -%}
    weekday({{ day }})
{%- endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(earlier, later) -%}
    {{ return(adapter.dispatch('days_between', 'millibar')(earlier, later)) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    ({{ later }} - {{ earlier }})
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    datediff({{ later }}, {{ earlier }})
{%- endmacro %}

{#- A date some days later (or earlier). -#}
{% macro add_days(day, days) -%}
    {{ return(adapter.dispatch('add_days', 'millibar')(day, days)) }}
{%- endmacro %}

{% macro default__add_days(day, days) -%}
    ({{ day }} + {{ days }})
{%- endmacro %}

{% macro spark__add_days(day, days) -%}
    date_add({{ day }}, {{ days }})
{%- endmacro %}

{#- Seconds from one moment to another, with fractions. -#}
{% macro seconds_between(earlier, later) -%}
    {{ return(adapter.dispatch('seconds_between', 'millibar')(earlier, later)) }}
{%- endmacro %}

{% macro default__seconds_between(earlier, later) -%}
    cast(extract(epoch from ({{ later }} - {{ earlier }})) as double precision)
{%- endmacro %}

{% macro spark__seconds_between(earlier, later) -%}
    (cast({{ later }} as double) - cast({{ earlier }} as double))
{%- endmacro %}

{#- First day of the month of a date. -#}
{% macro month_of(day) -%}
    cast({{ dbt.date_trunc('month', day) }} as date)
{%- endmacro %}

{#- A table of days, both ends included: column date_day. -#}
{% macro days_table(first, last) -%}
    {{ return(adapter.dispatch('days_table', 'millibar')(first, last)) }}
{%- endmacro %}

{% macro default__days_table(first, last) -%}
    select cast(days.moment as date) as date_day
    from generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as days (moment)
{%- endmacro %}

{% macro spark__days_table(first, last) -%}
    select explode(sequence({{ first }}, {{ last }}, interval 1 day)) as date_day
{%- endmacro %}

{#- The moment a business day begins. -#}
{% macro business_midnight(day) -%}
    {{ return(adapter.dispatch('business_midnight', 'millibar')(day)) }}
{%- endmacro %}

{% macro default__business_midnight(day) -%}
    cast({{ day }} as timestamp) at time zone '{{ business_timezone() }}'
{%- endmacro %}

{% macro spark__business_midnight(day) -%}
    to_utc_timestamp(cast({{ day }} as timestamp), '{{ business_timezone() }}')
{%- endmacro %}

{#- The moment an hour of a business day begins. -#}
{% macro business_moment(day, hour) -%}
    {{ return(adapter.dispatch('business_moment', 'millibar')(day, hour)) }}
{%- endmacro %}

{% macro default__business_moment(day, hour) -%}
    (cast({{ day }} as timestamp) + make_interval(hours => {{ hour }})) at time zone '{{ business_timezone() }}'
{%- endmacro %}

{% macro spark__business_moment(day, hour) -%}
    to_utc_timestamp(cast({{ day }} as timestamp) + make_interval(0, 0, 0, 0, {{ hour }}), '{{ business_timezone() }}')
{%- endmacro %}
