-- State at the newest business date scored, with the action its plan names, and the moment from
-- which the next contact is advised: the first hour that is not quiet of the first day on which the
-- channel may be used. For all channels together: the hour from which each of them may be used.
-- Where consent is refused the state stands, the action is to hold, and no contact is planned.
{{ config(materialized='view', tags=['after_scores']) }}

with

states as (

    select * from {{ source('scores', 'pressure_state') }}
    where as_of = {{ newest_as_of('pressure_state') }}

),

plans as (

    select * from {{ ref('dim_action_plan') }} where applies_to = 'state'

),

refused as (

    select * from {{ ref('int_pressure__no_consent') }}

),

consent_plan as (

    select * from {{ ref('dim_action_plan') }} where applies_to = 'consent'

),

hours as (

    select
        channel,
        weekly_cap,
        last_weekday,
        -- a quiet time that begins after midnight leaves midnight free
        case
            when quiet_from_hour > 0 and quiet_from_hour < quiet_to_hour then 0
            else quiet_to_hour
        end as first_hour
    from {{ ref('dim_channel') }}

),

allowed as (

    select
        channel,
        first_hour,
        last_weekday
    from hours

    union all

    select
        'all' as channel,
        coalesce(max(first_hour), 0) as first_hour,
        6 as last_weekday
    from hours
    where weekly_cap > 0

),

planned as (

    select
        states.*,
        refused.customer_id is not null as is_held,
        case
            when refused.customer_id is not null then consent_plan.action_code
            else coalesce(own.action_code, usual.action_code)
        end as action_code,
        coalesce(allowed.first_hour, 0) as first_hour,
        case
            when {{ weekday('states.next_contact_on') }} > allowed.last_weekday
                then 7 - {{ weekday('states.next_contact_on') }}
            else 0
        end as days_to_monday
    from states
    left join allowed on states.channel = allowed.channel
    left join plans as own
        on states.state = own.applies_when and states.severity = own.severity
    left join plans as usual
        on states.state = usual.applies_when and usual.severity = 'normal'
    left join refused
        on states.customer_id = refused.customer_id and states.channel = refused.channel
    left join consent_plan on refused.customer_id is not null

),

final as (

    select
        as_of,
        customer_id,
        channel,
        pressure_index as index,
        mean_index,
        tolerance,
        tolerance_low,
        tolerance_high,
        {{ share('pressure_index', 'tolerance') }} as ratio,
        cast(state as {{ dbt.type_string() }}) as state,
        probability,
        probability_over,
        probability_under,
        severity,
        basis,
        action_code,
        cut_channel,
        last_contact_on,
        case when not is_held then {{ business_moment(
            add_days('next_contact_on', 'days_to_monday'), 'first_hour'
        ) }} end as next_contact_at
    from planned

)

select * from final
