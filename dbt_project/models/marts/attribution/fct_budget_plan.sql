-- Of the day attribution was fitted last: a table nothing was found for that day is empty.
{{ config(tags=['after_scores']) }}

with

plans as (

    select * from {{ source('scores', 'attribution_budget') }}

),

final as (

    select
        as_of,
        channel,
        current_spend,
        recommended_spend,
        current_revenue,
        expected_revenue,
        expected_low,
        expected_high,
        marginal_return,
        marginal_return_low,
        marginal_return_high,
        is_limited,
        basis
    from plans
    where as_of = {{ newest_as_of('attribution_channel') }}

)

select * from final
