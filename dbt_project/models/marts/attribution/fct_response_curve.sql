-- Of the day attribution was fitted last: a table nothing was found for that day is empty.
{{ config(tags=['after_scores']) }}

with

responses as (

    select * from {{ source('scores', 'attribution_response') }}

),

final as (

    select
        as_of,
        channel,
        spend_day,
        curve,
        ceiling,
        half_spend,
        marginal_conversions,
        marginal_revenue,
        marginal_revenue_low,
        marginal_revenue_high,
        days,
        basis
    from responses
    where as_of = {{ newest_as_of('attribution_channel') }}

)

select * from final
