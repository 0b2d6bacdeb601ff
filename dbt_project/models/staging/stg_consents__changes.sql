with

source as (

    select * from {{ source('raw', 'consents') }}

),

renamed as (

    select
        ---------- ids
        _row_key,
        {{ signature() }} as signature,
        {{ identifier_columns() }},

        ---------- text
        {{ vocabulary('channel') }} as channel,

        ---------- booleans
        granted as is_granted,

        ---------- timestamps
        changed_at,

        ---------- technical
        _source,
        _batch_id,
        _delivered_on
    from source

)

select * from renamed
