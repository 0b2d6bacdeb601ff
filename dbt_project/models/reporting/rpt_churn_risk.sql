-- Value at risk: what the customers spend in a year, times the chance that they are gone.
with

churn as (

    select * from {{ ref('fct_churn') }}

),

customers as (

    select * from {{ ref('int_churn__customer') }}

),

final as (

    select
        churn.as_of,
        churn.risk_band,
        count(*) as customers,
        sum(
            (1 - churn.p_alive) * customers.revenue * 365 / greatest(customers.age_days, 365)
        ) as value_at_risk,
        avg(churn.p_alive) as mean_p_alive
    from churn
    inner join customers on churn.customer_id = customers.customer_id
    group by churn.as_of, churn.risk_band

)

select * from final
