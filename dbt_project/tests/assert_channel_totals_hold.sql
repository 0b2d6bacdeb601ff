-- The channel, campaign and segment tables sum to the conversions of the window, fitted models
-- included; a model a dimension lacks was told nothing of there.
{{ config(tags=['after_scores']) }}

with

exempt as (

    select model from {{ ref('model_labels') }} where not sums_to_one

),

converted as (

    select
        count(*) as conversions,
        coalesce(sum(value), 0) as revenue
    from {{ ref('fct_conversion') }}
    where converted_on between {{ attribution_window_start() }} and {{ as_of_date() }}

),

totals as (

    select
        'channel' as slice,
        model,
        sum(conversions) as conversions,
        sum(revenue) as revenue
    from {{ ref('fct_channel_attribution') }}
    where as_of = {{ as_of_date() }} and (basis = 'credits' or model = 'calibrated')
    group by model

    union all

    select
        'campaign' as slice,
        model,
        sum(conversions) as conversions,
        sum(revenue) as revenue
    from {{ ref('fct_campaign_attribution') }}
    where as_of = {{ as_of_date() }}
    group by model

    union all

    select
        dimension as slice,
        model,
        sum(conversions) as conversions,
        sum(revenue) as revenue
    from {{ ref('fct_segment_attribution') }}
    where as_of = {{ as_of_date() }}
    group by dimension, model
    having min(basis) = 'credits' and max(basis) = 'credits'

)

select
    totals.slice,
    totals.model,
    totals.conversions,
    converted.conversions as conversions_expected,
    totals.revenue,
    converted.revenue as revenue_expected
from totals
cross join converted
where
    totals.model not in (select exempt.model from exempt)
    and (
        abs(totals.conversions - converted.conversions)
        > 1e-6 * greatest(converted.conversions, 1)
        or abs(totals.revenue - converted.revenue) > 1e-6 * greatest(converted.revenue, 1)
    )
