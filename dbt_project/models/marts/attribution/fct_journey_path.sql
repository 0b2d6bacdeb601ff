{{ config(tags=['core'], post_hook=['{{ refresh_statistics() }}']) }}

with

journeys as (

    select * from {{ ref('fct_journey') }} where closed_on <= {{ as_of_date() }}

),

final as (

    select
        model_path as path,
        model_steps as steps,
        count(*) as journeys,
        {{ count_if('is_converted') }} as conversions,
        {{ to_double('sum(value)') }} as revenue,
        {{ share(count_if('is_converted'), 'count(*)') }} as conversion_rate
    from journeys
    group by model_path, model_steps

)

select * from final
