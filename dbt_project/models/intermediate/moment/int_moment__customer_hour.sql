-- Contacts a customer had and answered, by channel, weekday and local hour of the contact, on the
-- channels contacts are planned on. An answer of a person belongs to its message, else to the last
-- contact of the channel in the days a message is answered; a contact is answered once.
{{ config(
    materialized='incremental',
    incremental_strategy='replace_touched',
    meta={'touched': {'by': ['fct_touchpoint'], 'kind': 'changed'}},
    indexes=[{'columns': ['customer_id', 'channel', 'weekday', 'hour'], 'unique': true}],
    post_hook=["{{ record_changes(['fct_touchpoint']) }}", '{{ refresh_statistics() }}'],
) }}

{%- set touched = is_touched(['fct_touchpoint']) if is_incremental() else 'true' %}

with

channels as (

    select channel from {{ ref('channel_profiles') }} where weekly_cap > 0

),

contacts as (

    select * from {{ ref('fct_touchpoint') }} where is_contact and {{ touched }}

),

answers as (

    select
        _row_key,
        customer_id,
        channel,
        case when message_sent_at is not null then message_id end as message_id,
        coalesce(message_sent_at, occurred_at) as answers_at
    from {{ ref('fct_touchpoint') }}
    where
        is_response
        and not is_machine
        and channel in (select channels.channel from channels)
        and {{ touched }}

),

-- the contacts an answer may belong to: the table itself is named, its index serves the few answers
paired as (

    select
        contacts._row_key,
        row_number() over (
            partition by answers._row_key order by contacts.occurred_at desc, contacts._row_key asc
        ) as place
    from answers
    inner join {{ ref('fct_touchpoint') }} as contacts
        on
            answers.customer_id = contacts.customer_id
            and answers.channel = contacts.channel
            and answers.answers_at >= contacts.occurred_at
            and {{ dbt.dateadd('day', -1 * var('message_window_days'), 'answers.answers_at') }}
            <= contacts.occurred_at
            and (answers.message_id is null or answers.message_id = contacts.message_id)
    where contacts.is_contact

),

answered as (

    select distinct _row_key from paired
    where place = 1

),

timed as (

    select
        contacts.customer_id,
        contacts.channel,
        {{ weekday('contacts.occurred_on') }} as weekday,
        {{ business_hour('contacts.occurred_at') }} as hour,
        answered._row_key is not null as is_answered
    from contacts
    inner join channels on contacts.channel = channels.channel
    left join answered on contacts._row_key = answered._row_key

),

final as (

    select
        customer_id,
        channel,
        weekday,
        hour,
        count(*) as exposures,
        {{ count_if('is_answered') }} as responses
    from timed
    group by customer_id, channel, weekday, hour

)

select * from final
