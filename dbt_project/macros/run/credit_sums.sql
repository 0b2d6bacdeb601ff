{#-
    CTEs that sum the credits of the window (`credits`: rows of int_attribution__credits) by model, one column, and the
    segments of each conversion (`segments`: conversion_id and the columns of `dimensions`). One pass over the credits,
    however many models: they stay side by side until little is left of them. The last CTE is `attributed`: dimension,
    segment, model, the column, conversions, revenue, and the ends of their intervals.

    Intervals take the totals as observed, as the fitted models' do; conversions are independent. With s the credit of a
    conversion, v its value, n conversions, p the column's share:

        var(conversions) = sum (s - p)^2 = sum s^2 - (sum s)^2 / n        var(revenue) = sum v^2 (s - p)^2

    where p is the share of the revenue in the latter. Credits of one conversion are added before they are squared.
-#}
{% macro credit_sums(column, dimensions=[]) -%}
{%- set models = attribution_models() -%}
window_credits as (

    select
        conversion_id,
        coalesce({{ column }}, '(none)') as {{ column }},
        value,
        {% for model in models %}
        credit_{{ model }} as {{ model }}{{ ',' if not loop.last }}
        {% endfor %}
    from credits

    {% if 'same_touch' in models %}
    union all

    select
        conversion_id,
        {{ 'sales_channel' if column == 'channel' else "'(none)'" }} as {{ column }},
        value,
        {% for model in models %}
        {{ '1 - credit_same_touch' if model == 'same_touch' else '0' }} as {{ model }}{{ ',' if not loop.last }}
        {% endfor %}
    from credits
    where step_number = steps and credit_same_touch < 1
    {% endif %}

),

parts as (

    select
        conversion_id,
        {{ column }},
        max(value) as value,
        {% for model in models %}
        sum({{ model }}) as {{ model }}{{ ',' if not loop.last }}
        {% endfor %}
    from window_credits
    group by conversion_id, {{ column }}

),

cells as (

    select
        {{ column }},
        {% for dimension in dimensions %}
        segments.{{ dimension }},
        {% endfor %}
        {% for model in models %}
        sum({{ model }}) as {{ model }}_s,
        sum({{ model }} * {{ model }}) as {{ model }}_ss,
        sum({{ model }} * parts.value) as {{ model }}_sv,
        sum({{ model }} * parts.value * parts.value) as {{ model }}_svv,
        sum({{ model }} * {{ model }} * parts.value * parts.value) as {{ model }}_ssvv{{ ',' if not loop.last }}
        {% endfor %}
    from parts
    {% if dimensions %}
    inner join segments on parts.conversion_id = segments.conversion_id
    {% endif %}
    group by {{ ([column] + dimensions) | join(', ') }}

),

cell_models as (

    {% for model in models %}
    select
        {{ column }},
        {% for dimension in dimensions %}
        {{ dimension }},
        {% endfor %}
        cast('{{ model }}' as {{ dbt.type_string() }}) as model,
        {{ model }}_s as s,
        {{ model }}_ss as ss,
        {{ model }}_sv as sv,
        {{ model }}_svv as svv,
        {{ model }}_ssvv as ssvv
    from cells
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

whole_cells as (

    select
        {% for dimension in dimensions %}
        segments.{{ dimension }},
        {% endfor %}
        {{ to_double('count(*)') }} as n,
        sum(credits.value) as v,
        sum(credits.value * credits.value) as vv
    from credits
    {% if dimensions %}
    inner join segments on credits.conversion_id = segments.conversion_id
    {% endif %}
    where credits.step_number = credits.steps
    {% if dimensions %}
    group by {% for dimension in dimensions %}segments.{{ dimension }}{{ ', ' if not loop.last }}{% endfor %}
    {% endif %}

),

sums as (

    {% for dimension in ['all'] + dimensions %}
    select
        cast('{{ dimension }}' as {{ dbt.type_string() }}) as dimension,
        {{ "cast('all' as " ~ dbt.type_string() ~ ")" if dimension == 'all' else dimension }} as segment,
        model,
        {{ column }},
        sum(s) as s,
        sum(ss) as ss,
        sum(sv) as sv,
        sum(svv) as svv,
        sum(ssvv) as ssvv
    from cell_models
    group by model, {{ column }}{{ ', ' ~ dimension if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

wholes as (

    {% for dimension in ['all'] + dimensions %}
    select
        cast('{{ dimension }}' as {{ dbt.type_string() }}) as dimension,
        {{ "cast('all' as " ~ dbt.type_string() ~ ")" if dimension == 'all' else dimension }} as segment,
        sum(n) as n,
        sum(v) as v,
        sum(vv) as vv
    from whole_cells
    {{ 'group by ' ~ dimension if dimension != 'all' }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- rounding may leave a variance of nothing below 0
estimated as (

    select
        sums.dimension,
        sums.segment,
        sums.model,
        sums.{{ column }},
        sums.s as conversions,
        sums.sv as revenue,
        wholes.n,
        wholes.v,
        greatest(sums.ss - sums.s * sums.s / wholes.n, 0) as conversions_variance,
        greatest(
            sums.ssvv
            - 2 * coalesce(sums.sv / nullif(wholes.v, 0), 0) * sums.svv
            + power(coalesce(sums.sv / nullif(wholes.v, 0), 0), 2) * wholes.vv,
            0
        ) as revenue_variance
    from sums
    inner join wholes on sums.dimension = wholes.dimension and sums.segment = wholes.segment

),

attributed as (

    select
        dimension,
        segment,
        model,
        {{ column }},
        conversions,
        {{ interval_low('conversions', 'conversions_variance') }} as conversions_low,
        {{ interval_high('conversions', 'conversions_variance', 'n') }} as conversions_high,
        revenue,
        {{ interval_low('revenue', 'revenue_variance') }} as revenue_low,
        {{ interval_high('revenue', 'revenue_variance', 'v') }} as revenue_high
    from estimated

)
{%- endmacro %}
