with

source as (

    select * from {{ source('raw', 'experiments') }}

),

renamed as (

    select
        ---------- ids
        _row_key,
        experiment_id,
        campaign_id,
        {{ signature() }} as signature,
        {{ identifier_columns() }},

        ---------- text
        arm,
        {{ vocabulary('channel') }} as channel,

        ---------- timestamps
        assigned_at,
        ends_at,

        ---------- technical
        _source,
        _batch_id,
        _delivered_on
    from source

)

select * from renamed
