with

source as (

    select * from {{ source('raw', 'spend') }}

),

rates as (

    select * from {{ ref('stg_seeds__exchange_rates') }}

),

renamed as (

    select
        ---------- ids
        source._row_key,
        source.campaign_id,

        ---------- text
        {{ vocabulary('source.channel') }} as channel,

        ---------- numerics
        {{ in_reporting_currency('source.cost', 'source.currency', 'rates.rate') }} as cost,
        source.impressions,
        source.clicks,

        ---------- dates
        source.spent_on,

        ---------- technical
        source._source,
        source._batch_id,
        source._delivered_on
    from source
    left join rates
        on {{ rate_applies('source.currency', 'source.spent_on') }}

)

select * from renamed
