-- Renewals that are due: running subscriptions by plan and the month their term ends in.
with

contracts as (

    select * from {{ ref('fct_contract') }}

),

final as (

    select
        as_of,
        coalesce(plan, '(none)') as plan,
        {{ month_of('ends_on') }} as ends_in,
        count(*) as subscriptions,
        {{ count_if('cancelled_on is not null') }} as subscriptions_cancelled,
        sum(p_renewal) as expected_renewals,
        avg(p_renewal) as mean_p_renewal,
        sum(expected_loss) as expected_loss
    from contracts
    group by as_of, coalesce(plan, '(none)'), {{ month_of('ends_on') }}

)

select * from final
