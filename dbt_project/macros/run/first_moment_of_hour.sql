{#-
    The first moment of an hour of a business day. On the day clocks go back an hour comes twice: the first of the two;
    on the day they go forward the hour that is left out begins where the next one does.
-#}
{% macro first_moment_of_hour(day, hour) -%}
{%- set moment = business_moment(day, hour) -%}
{%- set hour_before = '(' ~ dbt.dateadd('hour', -1, moment) ~ ')' -%}
    case
        when {{ business_hour(hour_before) }} = {{ hour }} and {{ business_date(hour_before) }} = {{ day }}
            then {{ hour_before }}
        else {{ moment }}
    end
{%- endmacro %}
