-- Messages sent and answered, by weekday and local hour of the send; a response counts on the day
-- it came.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_touchpoint'], 'key': 'day'}},
    indexes=[{'columns': ['day']}],
    post_hook=["{{ record_changes(['fct_touchpoint']) }}", '{{ refresh_statistics() }}'],
) }}

with

touchpoints as (

    select * from {{ ref('fct_touchpoint') }}
    where
        (is_contact or (event_type = 'click' and not is_machine and message_sent_at is not null))
        and {{
            'occurred_on in (' ~ touched_days(['fct_touchpoint']) ~ ')'
            if is_incremental() else 'true'
        }}

),

timed as (

    select
        occurred_on as day,
        channel,
        is_contact,
        case when is_contact then occurred_at else message_sent_at end as sent_at
    from touchpoints

),

final as (

    select
        day,
        channel,
        {{ weekday(business_date('sent_at')) }} as weekday,
        {{ business_hour('sent_at') }} as hour,
        {{ count_if('is_contact') }} as exposures,
        {{ count_if('not is_contact') }} as responses
    from timed
    group by day, channel, {{ weekday(business_date('sent_at')) }}, {{ business_hour('sent_at') }}

)

select * from final
