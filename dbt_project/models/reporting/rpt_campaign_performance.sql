with

attribution as (

    select * from {{ ref('fct_campaign_attribution') }}
    where as_of = (select max(newest.as_of) from {{ ref('fct_campaign_attribution') }} as newest)

),

campaigns as (

    select * from {{ ref('dim_campaign') }}

),

labels as (

    select * from {{ ref('model_labels') }}

),

final as (

    select
        attribution.as_of,
        attribution.model,
        coalesce(labels.model_label, attribution.model) as model_label,
        coalesce(labels.is_default, false) as is_default,
        attribution.campaign_id,
        case
            when attribution.campaign_id = '(none)' then 'No campaign'
            else coalesce(campaigns.campaign_name, attribution.campaign_id)
        end as campaign_name,
        campaigns.team,
        campaigns.theme,
        attribution.conversions,
        attribution.conversions_low,
        attribution.conversions_high,
        attribution.revenue,
        attribution.revenue_low,
        attribution.revenue_high,
        attribution.cost,
        attribution.roas,
        attribution.roas_low,
        attribution.roas_high,
        attribution.cpa,
        attribution.cpa_low,
        attribution.cpa_high
    from attribution
    left join campaigns on attribution.campaign_id = campaigns.campaign_id
    left join labels on attribution.model = labels.model

)

select * from final
