-- Every valid touchpoint once. A run takes in new batches, the touchpoints of people whose identity
-- changed, and the messages these belong to.
{{ config(
    materialized='incremental',
    incremental_strategy='logged_replace',
    unique_key='_row_key',
    tags=['core'],
    meta={'changes': {
        'feed': 'touchpoints', 'at': 'occurred_at', 'on': 'occurred_on',
        'touch': '(is_touch and not is_machine)', 'contact': 'is_contact',
        'day_columns': ['_batch_id', 'is_machine', 'message_sent_at'],
    }},
    indexes=[
        {'columns': ['_row_key'], 'unique': true},
        {'columns': ['customer_id', 'occurred_at']},
        {'columns': ['signature']},
        {'columns': ['occurred_on']},
    ],
    pre_hook=['{{ forget_consumed() }}'],
    post_hook=[
        "{{ record_consumed(['touchpoints']) }}",
        '{{ record_signature_changes() }}',
        '{{ refresh_statistics() }}',
    ],
) }}

{%- set columns = [
    'touchpoint_id', 'customer_id', 'occurred_at', 'occurred_on', 'channel', 'event_type', 'direction',
    'campaign_id', 'message_id', 'message_type', 'theme', 'device', 'resolution', 'cost',
    'is_contact', 'is_touch', 'is_response', 'signature', '_source', '_row_key', '_batch_id',
] %}
{%- set message_events = "('send', 'delivery', 'open', 'click')" %}

with

events as (

    select * from {{ ref('stg_touchpoints__events') }}
    where _batch_id in ({{ pending_batches('touchpoints') }})

),

event_types as (

    select * from {{ ref('event_types') }}

),

rules as (

    select * from {{ ref('int_touchpoint__rules') }}

),

channels as (

    select * from {{ ref('channel_profiles') }}

),

arrived as (

    select
        events.touchpoint_id,
        {{ customer_of('events') }},
        events.occurred_at,
        events.occurred_on,
        events.channel,
        events.event_type,
        coalesce(events.direction, event_types.default_direction) as direction,
        events.campaign_id,
        events.message_id,
        events.message_type,
        events.theme,
        events.device,
        events.resolution,
        events.cost,
        coalesce(rules.is_contact, false) as is_contact,
        coalesce(rules.is_touch, false) as is_touch,
        coalesce(rules.is_response, false) as is_response,
        events.signature,
        events._source,
        events._row_key,
        events._batch_id
    from events
    left join {{ ref('int_identity__signature_customers') }} as customers
        on {{ is_customer_of('events', 'occurred_at') }}
    left join event_types on events.event_type = event_types.event_type
    left join channels on events.channel = channels.channel
    left join rules
        on
            events.event_type = rules.event_type
            and coalesce(channels.channel, 'any') = rules.channel
            and coalesce(events.direction, event_types.default_direction) = rules.direction

),

{% if is_incremental() %}

-- The table itself is named wherever it is read: a CTE over it would be copied as a whole.
moved as (

    select
        {{ columns_of('present', columns, 'customer_id', 'renamed.customer_id') }}
    from {{ ref('int_identity__signature_customers') }} as renamed
    inner join {{ this }} as present
        on {{ is_customer_of('present', 'occurred_at', 'renamed') }}
    where
        renamed.change_id > {{ changes_read('int_identity__signature_customers') }}
        and present.customer_id <> renamed.customer_id
        and present._row_key not in (select arrived._row_key from arrived)

),

changed as (

    select {{ columns | join(', ') }} from arrived
    union all
    select {{ columns | join(', ') }} from moved

),

replaced_keys as (

    select _row_key from changed
    union
    select row_key as _row_key from ({{ removed_rows('touchpoints') }}) as gone

),

-- where changed rows were before: other people may have lost the send that explained their click
departed as (

    select present.*
    from replaced_keys
    inner join {{ this }} as present on replaced_keys._row_key = present._row_key

),

message_rows as (

    select
        customer_id,
        message_id,
        event_type,
        occurred_at
    from changed
    union all
    select
        customer_id,
        message_id,
        event_type,
        occurred_at
    from departed

),

messages as (

    select
        customer_id,
        message_id,
        min(occurred_at) as first_at,
        max(occurred_at) as last_at
    from message_rows
    where message_id is not null and event_type in {{ message_events }}
    group by customer_id, message_id

),

-- the other events of these messages: a late send explains clicks that came before it, a late click
-- those of the same second
neighbours as (

    select
        present.*,
        present.event_type in ('open', 'click')
        and present.occurred_at >= {{ dbt.date_trunc('second', 'messages.first_at') }}
        and present.occurred_at
        <= {{ dbt.dateadd('day', var('message_window_days'), 'messages.last_at') }}
            as is_reconsidered
    from messages
    inner join {{ this }} as present
        on
            messages.customer_id = present.customer_id
            and messages.message_id = present.message_id
            and present.occurred_at
            >= {{ dbt.dateadd('day', -1 * var('message_window_days'), 'messages.first_at') }}
            -- a second more: what came in the same second as the last one is looked at, too
            and present.occurred_at <= {{ dbt.dateadd(
                'second', 86400 * var('message_window_days') + 1, 'messages.last_at'
            ) }}
    where
        present.event_type in {{ message_events }}
        and present._row_key not in (select replaced_keys._row_key from replaced_keys)

),

considered as (

    select
        {{ columns | join(', ') }},
        cast(null as {{ type_timestamp_utc() }}) as known_sent_at,
        cast(null as boolean) as known_machine,
        true as is_changed,
        false as is_reconsidered
    from changed

    union all

    select
        {{ columns | join(', ') }},
        message_sent_at as known_sent_at,
        is_machine as known_machine,
        false as is_changed,
        is_reconsidered
    from neighbours

),

{% else %}

considered as (

    select
        arrived.*,
        cast(null as {{ type_timestamp_utc() }}) as known_sent_at,
        cast(null as boolean) as known_machine,
        true as is_changed,
        false as is_reconsidered
    from arrived

),

{% endif %}

sends as (

    select
        customer_id,
        message_id,
        occurred_at
    from considered
    where message_id is not null and event_type in ('send', 'delivery')

),

-- the last send or delivery of the same message to the same person before the response
sent as (

    select
        considered._row_key,
        max(sends.occurred_at) as message_sent_at
    from considered
    inner join sends
        on considered.message_id = sends.message_id and considered.customer_id = sends.customer_id
    where
        considered.event_type in ('open', 'click')
        and sends.occurred_at <= considered.occurred_at
        and sends.occurred_at
        >= {{ dbt.dateadd('day', -1 * var('message_window_days'), 'considered.occurred_at') }}
    group by considered._row_key

),

-- clicks on several links of one message in one second, told by one source: a gateway follows them
-- all, whenever it looks
bursts as (

    select
        customer_id,
        message_id,
        _source,
        {{ dbt.date_trunc('second', 'occurred_at') }} as clicked_at
    from considered
    where event_type = 'click' and message_id is not null
    group by customer_id, message_id, _source, {{ dbt.date_trunc('second', 'occurred_at') }}
    having count(*) >= {{ var('machine_clicks_at_once') }}

),

judged as (

    select
        considered.*,
        sent.message_sent_at,
        bursts.message_id is not null
        or coalesce(
            considered.event_type in ('open', 'click')
            and considered.device in ('{{ var("machine_devices") | join("', '") }}'),
            false
        )
        or coalesce(
            considered.event_type = 'click'
            and channels.machine_clicks
            and considered.occurred_at
            <= {{ dbt.dateadd('second', var('machine_click_seconds'), 'sent.message_sent_at') }},
            false
        )
        or coalesce(
            considered.event_type = 'open'
            and channels.machine_opens
            and considered.occurred_at
            <= {{ dbt.dateadd('second', var('machine_open_seconds'), 'sent.message_sent_at') }},
            false
        ) as is_machine
    from considered
    left join sent on considered._row_key = sent._row_key
    left join channels on considered.channel = channels.channel
    left join bursts
        on
            considered.event_type = 'click'
            and considered.customer_id = bursts.customer_id
            and considered.message_id = bursts.message_id
            and considered._source = bursts._source
            and {{ dbt.date_trunc('second', 'considered.occurred_at') }} = bursts.clicked_at

),

final as (

    select
        touchpoint_id,
        customer_id,
        occurred_at,
        occurred_on,
        channel,
        event_type,
        direction,
        campaign_id,
        message_id,
        message_type,
        theme,
        device,
        resolution,
        cost,
        is_contact,
        is_touch,
        is_response,
        is_machine,
        message_sent_at,
        signature,
        _source,
        _row_key,
        _batch_id
    from judged
    where
        is_changed
        or (
            is_reconsidered
            and (
                {{ differs('message_sent_at', 'known_sent_at') }}
                or is_machine <> known_machine
            )
        )

)

select * from final
