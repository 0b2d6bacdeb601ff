-- Of the day attribution was fitted last: a table nothing was found for that day is empty.
{{ config(tags=['after_scores']) }}

with

orders as (

    select * from {{ source('scores', 'attribution_order') }}

),

final as (

    select
        as_of,
        order_number,
        held_out_log_likelihood,
        bic,
        parameters,
        is_chosen
    from orders
    where as_of = {{ newest_as_of('attribution_channel') }}

)

select * from final
