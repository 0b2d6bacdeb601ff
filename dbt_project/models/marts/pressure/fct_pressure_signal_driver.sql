-- Drivers of the signals of the newest business date scored.
{{ config(tags=['after_scores']) }}

with

drivers as (

    select * from {{ source('scores', 'pressure_signal_driver') }}
    where as_of = {{ newest_as_of('pressure_signal') }}

),

final as (

    select
        as_of,
        sign,
        channel,
        segment,
        rank,
        kind,
        driver,
        contribution,
        share,
        detail
    from drivers

)

select * from final
