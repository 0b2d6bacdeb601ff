with

attribution as (

    select * from {{ ref('fct_segment_attribution') }}
    where as_of = (select max(newest.as_of) from {{ ref('fct_segment_attribution') }} as newest)

),

overall as (

    select
        as_of,
        model,
        channel,
        conversions / nullif(sum(conversions) over (partition by as_of, model), 0)
            as conversion_share
    from {{ ref('fct_channel_attribution') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

labels as (

    select * from {{ ref('model_labels') }}

),

shares as (

    select
        *,
        conversions
        / nullif(sum(conversions) over (partition by dimension, segment, model), 0)
            as conversion_share,
        revenue / nullif(sum(revenue) over (partition by dimension, segment, model), 0)
            as revenue_share
    from attribution

),

final as (

    select
        shares.as_of,
        shares.dimension,
        case shares.dimension
            when 'customer_type' then 'New or known customer'
            when 'device' then 'Device'
            when 'segment' then 'Customer segment'
            else 'Goal'
        end as dimension_label,
        shares.segment,
        shares.model,
        coalesce(labels.model_label, shares.model) as model_label,
        coalesce(labels.is_default, false) as is_default,
        shares.channel,
        {{ channel_label('shares.channel', 'channels') }} as channel_label,
        shares.conversions,
        shares.conversions_low,
        shares.conversions_high,
        shares.revenue,
        shares.revenue_low,
        shares.revenue_high,
        shares.conversion_share,
        shares.revenue_share,
        shares.conversion_share - coalesce(overall.conversion_share, 0) as share_difference,
        shares.basis
    from shares
    left join overall
        on
            shares.as_of = overall.as_of
            and shares.model = overall.model
            and shares.channel = overall.channel
    left join channels on shares.channel = channels.channel
    left join labels on shares.model = labels.model

)

select * from final
