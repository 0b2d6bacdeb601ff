with

source as (

    select * from {{ source('raw', 'subscriptions') }}

),

rates as (

    select * from {{ ref('stg_seeds__exchange_rates') }}

),

renamed as (

    select
        ---------- ids
        source._row_key,
        source.subscription_id,
        {{ signature() }} as signature,
        {{ identifier_columns('source') }},

        ---------- text
        source.plan,
        coalesce(upper(source.currency), '{{ var("reporting_currency") }}') as currency,

        ---------- numerics
        {{ in_reporting_currency('source.amount', 'source.currency', 'rates.rate') }} as amount,

        ---------- dates
        source.starts_on,
        source.ends_on,
        source.cancelled_on,

        ---------- timestamps
        {{ business_moment('source.starts_on', 0) }} as starts_at,

        ---------- technical
        source._source,
        source._batch_id,
        source._delivered_on
    from source
    left join rates
        on {{ rate_applies('source.currency', 'source.starts_on') }}

)

select * from renamed
