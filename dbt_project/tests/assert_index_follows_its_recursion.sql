-- Each row of the pressure index is the one before, decayed, plus the day's weighted contacts (last
-- 60 days).
{{ config(tags=['core']) }}

with

daily as (

    select
        *,
        lag(index) over (partition by customer_id, channel order by day) as index_before,
        lag(day) over (partition by customer_id, channel order by day) as day_before
    from {{ ref('fct_pressure_daily') }}
    where day > {{ add_days(as_of_date(), -60) }}

)

select
    customer_id,
    channel,
    day,
    index
from daily
where
    index_before is not null
    and abs(
        index - pressure_weight * contacts_1d
        - index_before * {{ decay(days_between('day_before', 'day'), 'half_life_days') }}
    ) > 1e-9 * greatest(index, 1)
