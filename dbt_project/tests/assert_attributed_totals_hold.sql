-- Under every model all conversions and all their value are attributed, no more and no less.
{{ config(tags=['after_scores']) }}

with

attributed as (

    select
        model,
        sum(credit) as conversions,
        sum(revenue) as revenue
    from {{ ref('fct_attributed_touchpoint') }}
    group by model

),

converted as (

    select
        count(*) as conversions,
        sum(value) as revenue
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
    abs(attributed.conversions - converted.conversions) > 1e-9 * converted.conversions
    or abs(attributed.revenue - converted.revenue) > 1e-9 * greatest(converted.revenue, 1)
