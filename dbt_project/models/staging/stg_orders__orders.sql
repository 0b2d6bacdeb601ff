with

source as (

    select * from {{ source('raw', 'orders') }}

),

rates as (

    select * from {{ ref('stg_seeds__exchange_rates') }}

),

renamed as (

    select
        ---------- ids
        source._row_key,
        source.order_id,
        {{ signature() }} as signature,
        {{ identifier_columns('source') }},

        ---------- text
        {{ vocabulary('source.sales_channel') }} as sales_channel,
        coalesce(upper(source.currency), '{{ var("reporting_currency") }}') as currency,

        ---------- numerics
        {{ in_reporting_currency('source.amount', 'source.currency', 'rates.rate') }} as amount,
        {{ in_reporting_currency('source.margin', 'source.currency', 'rates.rate') }} as margin,
        source.items,

        ---------- timestamps
        source.ordered_at,
        {{ business_date('source.ordered_at') }} as ordered_on,

        ---------- technical
        source._source,
        source._batch_id,
        source._delivered_on
    from source
    left join rates
        on {{ rate_applies('source.currency', business_date('source.ordered_at')) }}

)

select * from renamed
