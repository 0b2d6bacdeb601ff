with

churn as (

    select * from {{ ref('fct_churn') }} where risk_band in ('medium', 'high')

),

customers as (

    select * from {{ ref('dim_customer') }} where is_known

),

histories as (

    select * from {{ ref('fct_churn_history') }} where valid_to is null

),

plans as (

    select * from {{ ref('dim_action_plan') }}

),

moments as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by
                is_preferred_channel desc,
                held_by is null desc,
                coalesce(expected_response, 0) desc,
                channel asc
        ) as place
    from {{ ref('fct_best_moment') }}
    where next_moment_at is not null

),

channels as (

    select * from {{ ref('dim_channel') }}

),

final as (

    select
        churn.as_of,
        churn.customer_id,
        churn.risk_band,
        histories.valid_from as band_since,
        churn.p_alive,
        churn.p_active,
        churn.expected_loss,
        churn.expected_value,
        churn.main_reason,
        churn.second_reason,
        churn.third_reason,
        churn.basis,
        churn.orders,
        churn.revenue,
        churn.last_order_on,
        customers.rfm_segment,
        churn.action_code,
        plans.action,
        plans.owner,
        plans.effort_days,
        plans.expected_return,
        {{ add_days('churn.as_of', 'plans.expiry_days') }} as expires_on,
        moments.channel,
        {{ channel_label('moments.channel', 'channels') }} as channel_label,
        moments.next_moment_at
    from churn
    inner join customers on churn.customer_id = customers.customer_id
    left join histories
        on
            churn.customer_id = histories.customer_id
            and churn.risk_band = histories.risk_band
    left join plans on churn.action_code = plans.action_code
    left join moments on churn.customer_id = moments.customer_id and moments.place = 1
    left join channels on moments.channel = channels.channel

)

select * from final
