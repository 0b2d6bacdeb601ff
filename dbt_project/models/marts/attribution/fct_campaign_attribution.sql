-- Credits of the window by campaign; touchpoints of no campaign stand under '(none)', so that
-- totals hold.
{{ config(
    materialized='incremental',
    unique_key='as_of',
    tags=['after_scores'],
    indexes=[{'columns': ['as_of', 'model', 'campaign_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

touchpoints as (

    select
        conversion_id,
        model,
        coalesce(campaign_id, '(none)') as campaign_id,
        converted_on,
        credit,
        revenue
    from {{ ref('fct_attributed_touchpoint') }}

),

costs as (

    select
        campaign_id,
        sum(cost) as cost
    from {{ ref('int_attribution__costs') }}
    group by campaign_id

),

{{ attributed_by('campaign_id', 'touchpoints') }},

final as (

    select
        {{ as_of_date() }} as as_of,
        attributed.model,
        attributed.campaign_id,
        attributed.conversions,
        attributed.conversions_low,
        attributed.conversions_high,
        attributed.revenue,
        attributed.revenue_low,
        attributed.revenue_high,
        coalesce(costs.cost, 0) as cost,
        attributed.revenue / nullif(costs.cost, 0) as roas,
        costs.cost / nullif(attributed.conversions, 0) as cpa
    from attributed
    left join costs on attributed.campaign_id = costs.campaign_id

)

select * from final
