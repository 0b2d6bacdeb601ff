with

attribution as (

    select * from {{ ref('fct_channel_attribution') }}
    where as_of = (select max(newest.as_of) from {{ ref('fct_channel_attribution') }} as newest)

),

channels as (

    select * from {{ ref('dim_channel') }}

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
        attribution.channel,
        {{ channel_label('attribution.channel', 'channels') }} as channel_label,
        attribution.conversions,
        attribution.conversions_low,
        attribution.conversions_high,
        attribution.revenue,
        attribution.revenue_low,
        attribution.revenue_high,
        attribution.revenue
        / nullif(sum(attribution.revenue) over (partition by attribution.model), 0)
            as revenue_share,
        attribution.cost,
        attribution.roas,
        attribution.roas_low,
        attribution.roas_high,
        attribution.cpa,
        attribution.cpa_low,
        attribution.cpa_high,
        attribution.removal_effect,
        attribution.model_order
    from attribution
    left join channels on attribution.channel = channels.channel
    left join labels on attribution.model = labels.model

)

select * from final
