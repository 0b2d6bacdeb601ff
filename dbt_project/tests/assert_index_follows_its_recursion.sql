-- Each row of the pressure is the one before, decayed, plus the day's contacts (last 60 days).
{{ config(tags=['core']) }}

with

daily as (

    select
        *,
        {%- for name in decayed_contacts() %}
        lag({{ name }}) over (partition by customer_id, channel order by day) as {{ name }}_before,
        {%- endfor %}
        lag(day) over (partition by customer_id, channel order by day) as day_before
    from {{ ref('fct_pressure_daily') }}
    where day > {{ add_days(as_of_date(), -60) }}

)

select
    customer_id,
    channel,
    day,
    {{ decayed_contacts() | join(', ') }}
from daily
where
    day_before is not null
    and (
        {%- for name, sum in decayed_contacts().items() %}
        abs(
            {{ name }} - contacts_1d
            - {{ name }}_before
            * {{ decay(days_between('day_before', 'day'), sum.half_life) }}
        ) > 1e-9 * {{ name }}{{ ' or' if not loop.last }}
        {%- endfor %}
    )
