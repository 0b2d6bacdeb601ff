{{ config(tags=['core']) }}

with

days as (

    {{ days_table(
        "least((select min(occurred_on) from " ~ ref('fct_touchpoint') ~ "), (select min(ordered_on) from "
        ~ ref('fct_order') ~ "), " ~ as_of_date() ~ ")",
        add_days(as_of_date(), 366)
    ) }}

),

final as (

    select
        date_day,
        cast(extract(year from date_day) as integer) as year_number,
        cast(extract(quarter from date_day) as integer) as quarter_number,
        cast(extract(month from date_day) as integer) as month_number,
        {{ weekday('date_day') }} as weekday,
        {{ weekday('date_day') }} >= 5 as is_weekend,
        {{ month_of('date_day') }} as month_on,
        cast({{ dbt.date_trunc('week', 'date_day') }} as date) as week_on,
        date_day <= {{ as_of_date() }} as is_past
    from days

)

select * from final
