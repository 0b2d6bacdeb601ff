-- What an event counts as, for every channel of the profiles: a rule of the channel beats the rule
-- for any.
with

rules as (

    select * from {{ ref('event_rules') }}

),

channels as (

    select channel from {{ ref('channel_profiles') }}
    union all
    select 'any' as channel

),

event_types as (

    select * from {{ ref('event_types') }}

),

directions as (

    select 'out' as direction
    union all
    select 'in' as direction

),

final as (

    select
        event_types.event_type,
        channels.channel,
        directions.direction,
        coalesce(own.is_contact, general.is_contact, false) as is_contact,
        coalesce(own.is_touch, general.is_touch, false) as is_touch,
        coalesce(own.is_response, general.is_response, false) as is_response
    from event_types
    cross join channels
    cross join directions
    left join rules as own
        on
            event_types.event_type = own.event_type
            and channels.channel = own.channel
            and directions.direction = own.direction
    left join rules as general
        on
            event_types.event_type = general.event_type
            and directions.direction = general.direction
            and general.channel = 'any'

)

select * from final
