with

benchmarks as (

    select * from {{ ref('fct_kpi_benchmark') }}

),

final as (

    select
        {{ as_of_date() }} as as_of,
        channel,
        kpi,
        month,
        ours,
        market,
        gap,
        source
    from benchmarks

)

select * from final
