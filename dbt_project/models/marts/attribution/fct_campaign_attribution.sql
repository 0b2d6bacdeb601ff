-- Credits of the window by campaign; touchpoints of no campaign stand under '(none)', so that
-- totals hold.
{{ config(
    materialized='incremental',
    unique_key='as_of',
    on_schema_change='append_new_columns',
    full_refresh=false,
    tags=['after_scores'],
    indexes=[{'columns': ['as_of', 'model', 'campaign_id'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

credits as (

    select * from {{ ref('int_attribution__credits') }}
    where converted_on between {{ attribution_window_start() }} and {{ as_of_date() }}

),

costs as (

    select
        campaign_id,
        sum(cost) as cost
    from {{ ref('int_attribution__costs') }}
    group by campaign_id

),

{{ credit_sums('campaign_id') }},

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
        {{ cost_ratios('attributed', 'costs.cost') }}
    from attributed
    left join costs on attributed.campaign_id = costs.campaign_id

)

select * from final
