-- What is known of every customer who has bought, at the business date: what churn is scored on.
{{ config(pre_hook=['{{ joins_without_loops() }}'], post_hook=['{{ refresh_statistics() }}']) }}

with

{{ churn_features([as_of_date()]) }},

final as (

    select * from churn_features

)

select * from final
