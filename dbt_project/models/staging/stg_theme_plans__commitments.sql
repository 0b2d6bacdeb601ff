with

source as (

    select * from {{ source('raw', 'theme_plans') }}

),

renamed as (

    select
        ---------- ids
        _row_key,

        ---------- text
        quarter,
        {{ vocabulary('channel') }} as channel,
        theme,

        ---------- numerics
        committed_share,

        ---------- technical
        _source,
        _batch_id,
        _delivered_on
    from source

)

select * from renamed
