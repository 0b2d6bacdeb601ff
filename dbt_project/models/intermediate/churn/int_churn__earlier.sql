-- The same as known one and two horizons ago, and what each customer bought in the horizon since:
-- what churn is learned from, and judged by.
{{ config(pre_hook=['{{ joins_without_loops() }}'], post_hook=['{{ refresh_statistics() }}']) }}

{%- set horizon = var('churn_horizon_days') %}

with

{{ churn_features([
    add_days(as_of_date(), -1 * horizon), add_days(as_of_date(), -2 * horizon)
]) }},

orders as (

    select * from {{ ref('fct_order') }}
    where
        ordered_on > {{ add_days(as_of_date(), -2 * horizon) }}
        and ordered_on <= {{ as_of_date() }}

),

later_days as (

    select
        customer_id,
        ordered_on,
        sum(amount) as amount
    from orders
    group by customer_id, ordered_on

),

later as (

    select
        later_days.customer_id,
        cuts.cut,
        count(*) as later_orders,
        sum(later_days.amount) as later_value
    from later_days
    inner join cuts
        on
            later_days.ordered_on > cuts.cut
            and later_days.ordered_on <= {{ add_days('cuts.cut', horizon) }}
    group by later_days.customer_id, cuts.cut

),

final as (

    select
        churn_features.*,
        cast(coalesce(later.later_orders, 0) as integer) as later_orders,
        {{ to_double('coalesce(later.later_value, 0)') }} as later_value
    from churn_features
    left join later
        on churn_features.customer_id = later.customer_id and churn_features.cut = later.cut

)

select * from final
