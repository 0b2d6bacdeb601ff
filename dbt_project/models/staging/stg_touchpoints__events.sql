with

source as (

    select * from {{ source('raw', 'touchpoints') }}

),

rates as (

    select * from {{ ref('stg_seeds__exchange_rates') }}

),

renamed as (

    select
        ---------- ids
        source._row_key,
        source._source || ':' || source.touchpoint_id as touchpoint_id,
        {{ signature() }} as signature,
        {{ identifier_columns('source') }},
        source.campaign_id,
        source.message_id,

        ---------- text
        {{ vocabulary('source.channel') }} as channel,
        source.event_type,
        source.direction,
        {{ vocabulary('source.message_type') }} as message_type,
        source.theme,
        {{ vocabulary('source.device') }} as device,
        source.resolution,

        ---------- numerics
        {{ in_reporting_currency('source.cost', 'source.currency', 'rates.rate') }} as cost,

        ---------- timestamps
        source.occurred_at,
        {{ business_date('source.occurred_at') }} as occurred_on,

        ---------- technical
        source._source,
        source._batch_id,
        source._delivered_on
    from source
    left join rates
        on {{ rate_applies('source.currency', business_date('source.occurred_at')) }}

)

select * from renamed
