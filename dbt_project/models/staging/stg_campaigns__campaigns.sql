with

source as (

    select * from {{ source('raw', 'campaigns') }}

),

-- two tools may name the same campaign: the latest word holds
latest as (

    select
        *,
        row_number() over (
            partition by campaign_id order by _batch_id desc, _row_key asc
        ) as recency
    from source
    where {{ is_visible('campaigns') }}

),

renamed as (

    select
        ---------- ids
        _row_key,
        campaign_id,

        ---------- text
        name as campaign_name,
        team,
        theme,
        targeting,
        content,

        ---------- numerics
        effort_days,
        planned_cost,

        ---------- dates
        starts_on,
        ends_on,

        ---------- technical
        _source,
        _batch_id,
        _delivered_on
    from latest
    where recency = 1

)

select * from renamed
