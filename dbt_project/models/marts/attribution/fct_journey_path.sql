{{ config(tags=['core'], post_hook=['{{ refresh_statistics() }}']) }}

with

paths as (

    select * from {{ ref('int_attribution__paths') }}

),

final as (

    select
        path,
        steps,
        cast(sum(conversions + non_conversions) as {{ dbt.type_bigint() }}) as journeys,
        cast(sum(conversions) as {{ dbt.type_bigint() }}) as conversions,
        {{ to_double('sum(value)') }} as revenue,
        {{ share('sum(conversions)', 'sum(conversions + non_conversions)') }} as conversion_rate
    from paths
    group by path, steps

)

select * from final
