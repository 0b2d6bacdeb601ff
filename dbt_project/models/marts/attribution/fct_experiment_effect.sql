-- Of the day attribution was fitted last: a table nothing was found for that day is empty.
{{ config(tags=['after_scores']) }}

with

experiments as (

    select * from {{ source('scores', 'attribution_experiment') }}

),

final as (

    select
        as_of,
        experiment_id,
        channel,
        first_on,
        last_on,
        treated,
        holdout,
        conversions_treated,
        conversions_holdout,
        effect,
        effect_low,
        effect_high,
        incremental_conversions,
        incremental_conversions_low,
        incremental_conversions_high,
        incremental_revenue,
        incremental_revenue_low,
        incremental_revenue_high,
        is_complete
    from experiments
    where as_of = {{ newest_as_of('attribution_channel') }}

)

select * from final
