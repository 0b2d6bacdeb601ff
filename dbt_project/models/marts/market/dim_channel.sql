{{ config(tags=['core']) }}

with

profiles as (

    select * from {{ ref('channel_profiles') }}

),

final as (

    select
        channel,
        cast(channel_code as integer) as channel_code,
        channel_label,
        channel_family,
        {{ to_double('intrusiveness') }} as intrusiveness,
        {{ to_double('intrusiveness_mobile') }} as intrusiveness_mobile,
        {{ to_double('pressure_weight') }} as pressure_weight,
        {{ to_double('persistence_days') }} as persistence_days,
        synchronous as is_synchronous,
        {{ to_double('response_time_hours') }} as response_time_hours,
        message_length,
        {{ to_double('unit_cost') }} as unit_cost,
        consent_required as is_consent_required,
        cast(quiet_from_hour as integer) as quiet_from_hour,
        cast(quiet_to_hour as integer) as quiet_to_hour,
        cast(last_weekday as integer) as last_weekday,
        cast(weekly_cap as integer) as weekly_cap,
        machine_opens as has_machine_opens,
        machine_clicks as has_machine_clicks,
        is_paid_media,
        source
    from profiles

)

select * from final
