{#-
    CTEs that sum the credits of the window by model and one column. The interval treats conversions as independent: the
    variance of a sum of credits is the sum of their squares (the Poisson bootstrap in closed form). Credits of one
    conversion are added before squaring. The last CTE is `attributed`.
-#}
{% macro attributed_by(column, relation) -%}
credited as (

    select
        conversion_id,
        model,
        {{ column }},
        sum(credit) as credit,
        sum(revenue) as revenue
    from {{ relation }}
    where converted_on between {{ attribution_window_start() }} and {{ as_of_date() }}
    group by conversion_id, model, {{ column }}

),

attributed as (

    select
        model,
        {{ column }},
        sum(credit) as conversions,
        sum(revenue) as revenue,
        greatest(sum(credit) - {{ var('interval_z') }} * sqrt(sum(credit * credit)), 0) as conversions_low,
        sum(credit) + {{ var('interval_z') }} * sqrt(sum(credit * credit)) as conversions_high,
        greatest(sum(revenue) - {{ var('interval_z') }} * sqrt(sum(revenue * revenue)), 0) as revenue_low,
        sum(revenue) + {{ var('interval_z') }} * sqrt(sum(revenue * revenue)) as revenue_high
    from credited
    group by model, {{ column }}

)
{%- endmacro %}
