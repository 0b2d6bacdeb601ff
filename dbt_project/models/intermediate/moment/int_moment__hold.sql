-- Why a customer is not written to on a channel: refused, unsubscribed and not agreed to since, or
-- too much pressure there or on all channels together; and the moment from which pressure, caps and
-- quiet hours let the next contact be.
{{ config(materialized='view', tags=['after_scores']) }}

with

known as (

    select * from {{ ref('dim_customer_channel') }}

),

refused as (

    select * from {{ ref('int_pressure__no_consent') }}

),

unsubscribed as (

    select * from {{ ref('int_engagement__unsubscribed') }}

),

states as (

    select * from {{ ref('fct_pressure_state') }}

),

final as (

    select
        known.customer_id,
        known.channel,
        case
            when refused.customer_id is not null then 'consent'
            when
                unsubscribed.unsubscribed_at is not null
                and not coalesce(
                    known.has_consent and known.consent_changed_at > unsubscribed.unsubscribed_at,
                    false
                )
                then 'unsubscribed'
            when own.state = 'over' or overall.state = 'over' then 'pressure'
        end as held_by,
        greatest(
            {{ business_midnight(as_of_date()) }},
            coalesce(own.next_contact_at, {{ business_midnight(as_of_date()) }}),
            coalesce(overall.next_contact_at, {{ business_midnight(as_of_date()) }})
        ) as from_at
    from known
    left join refused
        on known.customer_id = refused.customer_id and known.channel = refused.channel
    left join unsubscribed
        on known.customer_id = unsubscribed.customer_id and known.channel = unsubscribed.channel
    left join states as own
        on known.customer_id = own.customer_id and known.channel = own.channel
    left join states as overall
        on known.customer_id = overall.customer_id and overall.channel = 'all'

)

select * from final
