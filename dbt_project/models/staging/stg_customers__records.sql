with

source as (

    select * from {{ source('raw', 'customers') }}

),

renamed as (

    select
        ---------- ids
        _row_key,
        _source || ':' || record_id as record_key,
        record_id,
        {{ signature() }} as signature,
        {{ identifier_columns() }},

        ---------- text
        upper(trim(country)) as country,
        {{ vocabulary('stated_channel') }} as stated_channel,
        {{ vocabulary('acquisition_channel') }} as acquisition_channel,

        ---------- numerics
        cast(stated_hour as integer) as stated_hour,

        ---------- timestamps
        updated_at,

        ---------- technical
        _source,
        _batch_id,
        _delivered_on
    from source

)

select * from renamed
