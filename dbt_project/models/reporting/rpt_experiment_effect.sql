with

experiments as (

    select * from {{ ref('fct_experiment_effect') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

final as (

    select
        experiments.as_of,
        experiments.experiment_id,
        experiments.channel,
        {{ channel_label('experiments.channel', 'channels') }} as channel_label,
        experiments.first_on,
        experiments.last_on,
        experiments.treated,
        experiments.holdout,
        experiments.conversions_treated,
        experiments.conversions_holdout,
        experiments.effect,
        experiments.effect_low,
        experiments.effect_high,
        experiments.incremental_conversions,
        experiments.incremental_conversions_low,
        experiments.incremental_conversions_high,
        experiments.incremental_revenue,
        experiments.incremental_revenue_low,
        experiments.incremental_revenue_high,
        experiments.is_complete,
        case
            when experiments.effect_low > 0 then 'works'
            when experiments.effect_high < 0 then 'harms'
            else 'unclear'
        end as verdict
    from experiments
    left join channels on experiments.channel = channels.channel

)

select * from final
