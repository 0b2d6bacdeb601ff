with

source as (

    select * from {{ ref('exchange_rates') }}

),

periods as (

    select
        currency,
        valid_from,
        lead(valid_from) over (partition by currency order by valid_from) as valid_before,
        to_eur
    from source

),

reporting as (

    select * from periods where currency = '{{ var("reporting_currency") }}'

),

-- a period of a currency may span several of the reporting currency
renamed as (

    select
        periods.currency,
        greatest(periods.valid_from, reporting.valid_from) as valid_from,
        least(periods.valid_before, reporting.valid_before) as valid_before,
        periods.to_eur / reporting.to_eur as rate
    from periods
    inner join reporting
        on
            periods.valid_from < coalesce(reporting.valid_before, cast('9999-12-31' as date))
            and reporting.valid_from < coalesce(periods.valid_before, cast('9999-12-31' as date))
    where periods.currency <> '{{ var("reporting_currency") }}'

)

select * from renamed
