-- Silence on a channel against the customer's own rhythm there: had he kept it, the chance to have
-- heard from him by now is 1 - exp(-silence / rhythm). The rhythm is shrunk towards the channel's
-- where answers are few.
{{ config(tags=['core'], post_hook=['{{ refresh_statistics() }}']) }}

with

engagement as (

    select * from {{ ref('int_engagement__customer_channel') }} where response_days > 0

),

rhythms as (

    select
        customer_id,
        channel,
        response_days,
        last_response_on,
        {{ days_between('first_response_on', 'last_response_on') }} as span_days,
        -- a clock that runs ahead dates a response after the business date
        greatest({{ days_between('last_response_on', as_of_date()) }}, 0) as silence_days
    from engagement

),

usual as (

    select
        channel,
        {{ share('sum(span_days)', 'sum(response_days - 1)') }} as gap_days
    from rhythms
    group by channel

),

paced as (

    select
        rhythms.*,
        (
            rhythms.span_days
            + coalesce(usual.gap_days, {{ var('attrition_prior_days') }})
        ) / rhythms.response_days as rhythm_days
    from rhythms
    inner join usual on rhythms.channel = usual.channel

),

judged as (

    select
        *,
        1 - exp(-least(silence_days / greatest(rhythm_days, 1), 500)) as p_disengaged
    from paced

),

-- the channel where the customer is now most alive
livelier as (

    select
        *,
        row_number() over (
            partition by customer_id order by p_disengaged asc, response_days desc, channel asc
        ) as liveliness
    from judged

),

final as (

    select
        judged.customer_id,
        judged.channel,
        {{ as_of_date() }} as as_of,
        judged.response_days,
        judged.last_response_on,
        cast(judged.silence_days as integer) as silence_days,
        {{ to_double('judged.rhythm_days') }} as rhythm_days,
        {{ to_double('judged.p_disengaged') }} as p_disengaged,
        case
            when judged.p_disengaged < {{ var('attrition_drifting') }} then 'active'
            when judged.p_disengaged < {{ var('attrition_gone') }} then 'drifting'
            when
                livelier.channel <> judged.channel
                and livelier.p_disengaged < {{ var('attrition_drifting') }}
                and livelier.last_response_on > judged.last_response_on
                then 'shifted'
            else 'gone'
        end as verdict,
        case
            when
                judged.p_disengaged >= {{ var('attrition_gone') }}
                and livelier.channel <> judged.channel
                and livelier.p_disengaged < {{ var('attrition_drifting') }}
                and livelier.last_response_on > judged.last_response_on
                then livelier.channel
        end as shifted_to
    from judged
    inner join livelier
        on judged.customer_id = livelier.customer_id and livelier.liveliness = 1

)

select * from final
