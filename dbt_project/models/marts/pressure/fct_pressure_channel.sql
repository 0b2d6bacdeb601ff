-- Weight and half-life learned for each channel, beside those of its profile.
{{ config(tags=['after_scores']) }}

with

learned as (

    select * from {{ source('scores', 'pressure_channel') }}
    where as_of = {{ newest_as_of('pressure_channel') }}

),

profiles as (

    select * from {{ ref('dim_channel') }}

),

final as (

    select
        learned.as_of,
        learned.channel,
        learned.weight,
        learned.weight_low,
        learned.weight_high,
        profiles.pressure_weight as profile_weight,
        learned.half_life_days,
        learned.half_life_low,
        learned.half_life_high,
        profiles.persistence_days as profile_half_life_days,
        learned.short_share,
        learned.middle_share,
        learned.long_share,
        learned.tolerance_share,
        learned.basis
    from learned
    left join profiles on learned.channel = profiles.channel

)

select * from final
