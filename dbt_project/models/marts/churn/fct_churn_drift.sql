{{ config(tags=['after_scores']) }}

with

compared as (

    select * from {{ source('scores', 'churn_drift') }}
    where as_of = {{ newest_as_of('churn_drift') }}

),

final as (

    select
        as_of,
        feature,
        stability_index,
        trained_mean,
        current_mean,
        verdict
    from compared

)

select * from final
