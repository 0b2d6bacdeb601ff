-- For each channel contacts are planned on and each hour of a day the nearest hour that is not
-- quiet: the hour itself where it is allowed; of two as near the later. A channel that is always
-- quiet has no row.
with

channels as (

    select * from {{ ref('channel_profiles') }} where weekly_cap > 0

),

hours as (

    {%- for hour in range(24) %}
    select {{ hour }} as hour
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

allowed as (

    select
        channels.channel,
        hours.hour
    from channels
    cross join hours
    where
        not case
            when channels.quiet_from_hour <= channels.quiet_to_hour
                then
                    hours.hour >= channels.quiet_from_hour
                    and hours.hour < channels.quiet_to_hour
            else hours.hour >= channels.quiet_from_hour or hours.hour < channels.quiet_to_hour
        end

),

ranked as (

    select
        allowed.channel,
        hours.hour,
        allowed.hour as allowed_hour,
        row_number() over (
            partition by allowed.channel, hours.hour
            order by abs(allowed.hour - hours.hour) asc, allowed.hour desc
        ) as place
    from hours
    cross join allowed

),

final as (

    select
        channel,
        hour,
        allowed_hour
    from ranked
    where place = 1

)

select * from final
