-- Every weekday and hour at which a channel may be used, best first: by the response expected
-- there, where none is known by nearness to the default hour and weekday.
{{ config(tags=['after_scores'], post_hook=['{{ refresh_statistics() }}']) }}

with

channels as (

    select * from {{ ref('channel_profiles') }}

),

hours as (

    select * from {{ ref('int_moment__allowed_hour') }} where hour = allowed_hour

),

weekdays as (

    {%- for weekday in range(7) %}
    select {{ weekday }} as weekday
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

moments as (

    select * from {{ source('scores', 'moment_channel') }}
    where as_of = {{ newest_as_of('moment_channel') }}

),

usual as (

    select
        channel,
        coalesce({{ share('sum(responses)', 'sum(exposures)') }}, avg(expected_response))
            as usual_response
    from moments
    group by channel

),

cells as (

    select
        hours.channel,
        weekdays.weekday,
        hours.hour,
        moments.expected_response,
        usual.usual_response,
        abs(hours.hour - {{ var('default_hour') }}) as hours_off,
        abs(weekdays.weekday - {{ var('default_weekday') }}) as days_off
    from hours
    inner join channels on hours.channel = channels.channel
    inner join weekdays on channels.last_weekday >= weekdays.weekday
    left join moments
        on
            hours.channel = moments.channel
            and weekdays.weekday = moments.weekday
            and hours.hour = moments.hour
    left join usual on hours.channel = usual.channel

),

final as (

    select
        channel,
        weekday,
        hour,
        expected_response,
        usual_response,
        row_number() over (
            partition by channel
            order by
                coalesce(expected_response, -1) desc,
                hours_off asc,
                days_off asc,
                hour asc,
                weekday asc
        ) as place,
        row_number() over (
            partition by channel, hour
            order by coalesce(expected_response, -1) desc, days_off asc, weekday asc
        ) as place_in_hour
    from cells

)

select * from final
