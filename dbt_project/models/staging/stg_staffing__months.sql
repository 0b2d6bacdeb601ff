with

source as (

    select * from {{ source('raw', 'staffing') }}

),

renamed as (

    select
        ---------- ids
        _row_key,

        ---------- text
        team,

        ---------- numerics
        headcount,
        leavers,

        ---------- dates
        {{ month_of('month') }} as month_on,

        ---------- technical
        _source,
        _batch_id,
        _delivered_on
    from source

)

select * from renamed
