with

source as (

    select * from {{ source('raw', 'returns') }}

),

orders as (

    select * from {{ source('raw', 'orders') }}

),

order_currencies as (

    -- a return says no currency: it is paid back in the order's
    select
        order_id,
        max(currency) as currency
    from orders
    where currency is not null and upper(currency) <> '{{ var("reporting_currency") }}'
    group by order_id

),

rates as (

    select * from {{ ref('stg_seeds__exchange_rates') }}

),

renamed as (

    select
        ---------- ids
        source._row_key,
        source.return_id,
        source.order_id,

        ---------- text
        source.reason,

        ---------- numerics
        {{ in_reporting_currency('source.amount', 'order_currencies.currency', 'rates.rate') }}
            as amount,

        ---------- timestamps
        source.returned_at,
        {{ business_date('source.returned_at') }} as returned_on,

        ---------- technical
        source._source,
        source._batch_id,
        source._delivered_on
    from source
    left join order_currencies on source.order_id = order_currencies.order_id
    left join rates
        on {{ rate_applies('order_currencies.currency', business_date('source.returned_at')) }}

)

select * from renamed
