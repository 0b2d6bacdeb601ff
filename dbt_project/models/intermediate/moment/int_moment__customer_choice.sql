-- The hour a known customer stated, moved out of quiet time to the nearest hour that is allowed;
-- else the one learned of him, else the channel's best. For every channel contacts are planned on
-- where he said a word on consent or was contacted.
{{ config(tags=['after_scores'], pre_hook=['{{ joins_without_loops() }}']) }}

with

known as (

    select * from {{ ref('dim_customer_channel') }}
    where has_consent is not null or contacts > 0

),

customers as (

    select * from {{ ref('dim_customer') }} where is_known

),

choices as (

    select * from {{ ref('int_moment__channel_choice') }}

),

hours as (

    select * from {{ ref('int_moment__allowed_hour') }}

),

-- what was learned before the channel's hours were narrowed is no advice
learned as (

    select moments.*
    from {{ source('scores', 'moment_customer') }} as moments
    inner join choices
        on
            moments.channel = choices.channel
            and moments.weekday = choices.weekday
            and moments.hour = choices.hour
    where moments.as_of = {{ newest_as_of('moment_customer') }}

),

chosen as (

    select
        known.customer_id,
        known.channel,
        case
            when hours.channel is not null then coalesce(learned.weekday, stated.weekday)
            else coalesce(learned.weekday, best.weekday)
        end as weekday,
        coalesce(hours.allowed_hour, learned.hour, best.hour) as hour,
        case
            when hours.channel is not null then 'stated'
            when learned.basis is not null then learned.basis
            when best.expected_response is not null then 'channel'
            else 'default'
        end as basis,
        case when hours.channel is null then learned.expected_response end as learned_response,
        coalesce(learned.usual_response, best.usual_response) as usual_response,
        coalesce(customers.stated_channel = known.channel, false) as is_preferred_channel
    from known
    inner join customers on known.customer_id = customers.customer_id
    inner join choices as best on known.channel = best.channel and best.place = 1
    left join learned
        on known.customer_id = learned.customer_id and known.channel = learned.channel
    left join hours
        on known.channel = hours.channel and customers.stated_hour = hours.hour
    left join choices as stated
        on
            hours.channel = stated.channel
            and hours.allowed_hour = stated.hour
            and stated.place_in_hour = 1

),

final as (

    select
        chosen.customer_id,
        chosen.channel,
        chosen.weekday,
        chosen.hour,
        chosen.basis,
        coalesce(chosen.learned_response, choices.expected_response) as expected_response,
        chosen.usual_response,
        chosen.is_preferred_channel
    from chosen
    left join choices
        on
            chosen.channel = choices.channel
            and chosen.weekday = choices.weekday
            and chosen.hour = choices.hour

)

select * from final
