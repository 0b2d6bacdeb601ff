with

source as (

    select * from {{ source('raw', 'identity_links') }}

),

renamed as (

    select
        ---------- ids
        _row_key,
        left_type,
        left_value as left_hash,
        right_type,
        right_value as right_hash,

        ---------- timestamps
        observed_at,

        ---------- technical
        _source,
        _batch_id,
        _delivered_on
    from source

)

select * from renamed
