-- How right each model was on the last complete period before each business date scored.
{{ config(tags=['after_scores']) }}

with

judged as (

    select * from {{ source('scores', 'churn_quality') }}

),

final as (

    select
        as_of,
        model,
        cut,
        horizon_days,
        customers,
        observed_share,
        predicted_share,
        auc,
        auc_low,
        auc_high,
        ece,
        brier,
        lift,
        as_of = max(as_of) over () as is_newest
    from judged

)

select * from final
