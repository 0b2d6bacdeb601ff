with

binned as (

    select * from {{ source('scores', 'churn_calibration') }}
    where as_of = {{ newest_as_of('churn_calibration') }}

),

final as (

    select
        as_of,
        model,
        bin,
        customers,
        predicted as predicted_share,
        observed as observed_share,
        observed_low as observed_share_low,
        observed_high as observed_share_high,
        predicted between observed_low and observed_high as is_within_interval
    from binned

)

select * from final
