with

paths as (

    select * from {{ ref('fct_journey_path') }}

),

ranked as (

    select
        *,
        row_number() over (order by conversions desc, journeys desc, path asc) as place
    from paths

),

final as (

    select
        {{ as_of_date() }} as as_of,
        cast(place as integer) as place,
        path,
        steps,
        journeys,
        conversions,
        revenue,
        conversion_rate
    from ranked
    where place <= {{ var('top_paths') }}

)

select * from final
