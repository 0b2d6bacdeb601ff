with

plans as (

    select * from {{ ref('fct_budget_plan') }}

),

curves as (

    select * from {{ ref('fct_response_curve') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

final as (

    select
        plans.as_of,
        plans.channel,
        {{ channel_label('plans.channel', 'channels') }} as channel_label,
        plans.current_spend,
        plans.recommended_spend,
        plans.recommended_spend - plans.current_spend as spend_change,
        (plans.recommended_spend - plans.current_spend) / nullif(plans.current_spend, 0)
            as spend_change_share,
        plans.current_revenue,
        plans.expected_revenue,
        plans.expected_low,
        plans.expected_high,
        plans.expected_revenue - plans.current_revenue as expected_gain,
        plans.marginal_return,
        plans.marginal_return_low,
        plans.marginal_return_high,
        plans.is_limited,
        plans.basis,
        curves.curve,
        curves.ceiling,
        curves.half_spend
    from plans
    left join curves on plans.channel = curves.channel
    left join channels on plans.channel = channels.channel

)

select * from final
