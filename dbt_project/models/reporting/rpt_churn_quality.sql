with

judged as (

    select * from {{ ref('fct_churn_quality') }}

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
        is_newest
    from judged

)

select * from final
