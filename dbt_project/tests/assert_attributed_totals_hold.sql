-- Under every model all conversions and all their value are attributed, no more and no less.
{{ config(tags=['after_scores']) }}

with

exempt as (

    select model from {{ ref('model_labels') }} where not sums_to_one

),

credits as (

    select * from {{ ref('int_attribution__credits') }}

),

sums as (

    select {{ credit_totals() }}
    from credits

),

attributed as (

    {% for model in attribution_models() %}
    select
        '{{ model }}' as model,
        {{ model }}_conversions as conversions,
        {{ model }}_revenue as revenue
    from sums
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

converted as (

    select
        count(*) as conversions,
        coalesce(sum(value), 0) as revenue
    from {{ ref('fct_conversion') }}

)

select
    attributed.model,
    attributed.conversions,
    converted.conversions as conversions_expected,
    attributed.revenue,
    converted.revenue as revenue_expected
from attributed
cross join converted
where
    attributed.model not in (select exempt.model from exempt)
    and (
        abs(attributed.conversions - converted.conversions) > 1e-9 * converted.conversions
        or abs(attributed.revenue - converted.revenue) > 1e-9 * greatest(converted.revenue, 1)
    )
