-- The next moment of the weekday and hour chosen for a customer and channel that consent, pressure,
-- caps and quiet hours allow: none where he refused or unsubscribed, after the pause where there is
-- too much pressure.
{{ config(
    tags=['after_scores'],
    indexes=[{'columns': ['customer_id', 'channel'], 'unique': true}],
    post_hook=['{{ refresh_statistics() }}'],
) }}

with

choices as (

    select * from {{ ref('int_moment__customer_choice') }}

),

holds as (

    select * from {{ ref('int_moment__hold') }}

),

timed as (

    select
        choices.*,
        holds.held_by,
        holds.from_at,
        {{ add_days(
            business_date('holds.from_at'),
            'mod(7 + choices.weekday - ' ~ weekday(business_date('holds.from_at')) ~ ', 7)'
        ) }} as first_on
    from choices
    inner join holds
        on choices.customer_id = holds.customer_id and choices.channel = holds.channel

),

final as (

    select
        {{ as_of_date() }} as as_of,
        customer_id,
        channel,
        weekday,
        hour,
        {{ to_double('expected_response') }} as expected_response,
        {{ to_double('usual_response') }} as usual_response,
        basis,
        is_preferred_channel,
        held_by,
        case
            when held_by in ('consent', 'unsubscribed') then null
            when {{ first_moment_of_hour('first_on', 'hour') }} >= from_at
                then {{ first_moment_of_hour('first_on', 'hour') }}
            else {{ first_moment_of_hour(add_days('first_on', 7), 'hour') }}
        end as next_moment_at
    from timed

)

select * from final
