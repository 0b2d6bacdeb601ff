with

moments as (

    select * from {{ ref('fct_best_moment') }}

),

channels as (

    select * from {{ ref('dim_channel') }}

),

counted as (

    select
        as_of,
        channel,
        weekday,
        hour,
        count(*) as customers,
        {{ count_if("basis = 'stated'") }} as customers_stated,
        {{ count_if("basis = 'learned'") }} as customers_learned,
        {{ count_if('held_by is not null') }} as customers_held,
        avg(expected_response) as expected_response,
        avg(usual_response) as usual_response
    from moments
    group by as_of, channel, weekday, hour

),

final as (

    select
        counted.as_of,
        counted.channel,
        {{ channel_label('counted.channel', 'channels') }} as channel_label,
        counted.weekday,
        counted.hour,
        counted.customers,
        counted.customers_stated,
        counted.customers_learned,
        counted.customers_held,
        counted.expected_response,
        counted.usual_response
    from counted
    left join channels on counted.channel = channels.channel

)

select * from final
