{%- set segments = ['rfm_segment', 'persona', 'acquisition_channel'] %}

with

churn as (

    select * from {{ ref('fct_churn') }}

),

customers as (

    select * from {{ ref('dim_customer') }} where is_known

),

plans as (

    select * from {{ ref('dim_action_plan') }}

),

scored as (

    select
        {%- for column in segments %}
        customers.{{ column }},
        {%- endfor %}
        churn.*
    from churn
    inner join customers on churn.customer_id = customers.customer_id

),

placed as (

    select
        scored.*,
        'all' as segment
    from scored
    {%- for column in segments %}
    union all
    select
        scored.*,
        '{{ column }}:' || scored.{{ column }} as segment
    from scored
    where scored.{{ column }} is not null
    {%- endfor %}

),

counted as (

    select
        as_of,
        segment,
        risk_band,
        action_code,
        count(*) as customers,
        coalesce(sum(expected_loss), 0) as value_at_risk,
        sum(expected_value) as expected_value,
        avg(p_alive) as mean_p_alive,
        avg(p_active) as mean_p_active
    from placed
    group by as_of, segment, risk_band, action_code

),

final as (

    select
        counted.as_of,
        counted.segment,
        counted.risk_band,
        counted.customers,
        {{ to_double('counted.customers') }}
        / sum(counted.customers) over (partition by counted.segment) as share,
        counted.value_at_risk,
        counted.expected_value,
        counted.mean_p_alive,
        counted.mean_p_active,
        counted.action_code,
        plans.action,
        plans.owner
    from counted
    left join plans on counted.action_code = plans.action_code

)

select * from final
