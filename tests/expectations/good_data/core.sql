-- The core of the sound landing: 20 customers k0..k19, the touchpoints of n % 20, an order each for k1..k12.
insert into ops.consumed_batches (model, batch_id)
values ('fct_touchpoint', 3), ('fct_touchpoint', 103), ('fct_order', 4), ('fct_order', 104);

insert into scores.identity_clusters (node_type, node_hash, customer_id, is_known, confidence, as_of, run_id)
select 'email', md5('mail' || n), 'k' || n, true, 1, '2025-03-02', 'run' from generate_series(0, 19) as n;

insert into scores.identity_clusters (node_type, node_hash, customer_id, is_known, confidence, as_of, run_id)
select 'record', 'crm:r' || n, 'k' || n, true, 1, '2025-03-02', 'run' from generate_series(0, 19) as n;

insert into marts.fct_touchpoint
    (touchpoint_id, customer_id, occurred_at, occurred_on, channel, event_type, direction, campaign_id, cost, is_contact,
     is_touch, is_response, is_machine, message_sent_at, _source, _row_key, _batch_id)
select
    _source || ':' || touchpoint_id, 'k' || _row_number % 20, occurred_at,
    (occurred_at at time zone 'Europe/Paris')::date, channel, event_type, direction, campaign_id, cost,
    event_type = 'send', event_type in ('visit', 'click'), event_type in ('visit', 'click'), false,
    case when event_type = 'click' then occurred_at - interval '1 hour' end, _source, _row_key, _batch_id
from raw.touchpoints;

insert into marts.fct_order
    (order_id, customer_id, ordered_at, ordered_on, sales_channel, amount, margin, items, currency, _source, _row_key,
     _batch_id)
select
    order_id, 'k' || _row_number, ordered_at, (ordered_at at time zone 'Europe/Paris')::date, sales_channel, amount,
    margin, items, currency, _source, _row_key, _batch_id
from raw.orders;

insert into marts.fct_conversion
    (conversion_id, customer_id, goal, converted_at, converted_on, value, sales_channel, order_id)
select 'order:' || order_id, customer_id, 'order', ordered_at, ordered_on, amount, 'direct', order_id from marts.fct_order;

insert into marts.fct_journey
    (journey_id, customer_id, conversion_id, is_converted, goal, started_at, ended_at, closed_on, value, steps, touches,
     duration_days, path)
select
    coalesce(conversion_id, 'lost:' || customer_id), customer_id, conversion_id, conversion_id is not null,
    case when conversion_id is not null then 'order' end,
    coalesce(min(occurred_at), converted_at), coalesce(converted_at, max(occurred_at)),
    coalesce(converted_on, max(occurred_on) + 30), coalesce(value, 0), greatest(count(occurred_at), 1),
    count(occurred_at),
    extract(epoch from coalesce(converted_at, max(occurred_at)) - coalesce(min(occurred_at), converted_at)) / 86400,
    coalesce(string_agg(channel, ' > ' order by occurred_at), 'direct')
from (
    select customer_id, conversion_id, converted_at, converted_on, value, occurred_at, occurred_on, channel
    from marts.fct_conversion
    full join (select customer_id, occurred_at, occurred_on, channel from marts.fct_touchpoint where is_touch) as touch
        using (customer_id)
    where converted_at is null or occurred_at is null or occurred_at <= converted_at
) as steps
group by customer_id, conversion_id, converted_at, converted_on, value;

insert into marts.dim_customer
    (customer_id, is_known, identifiers, confidence, records, crm_id, email, completeness, first_seen_on, last_seen_on,
     touchpoints, contacts, human_responses, orders, purchase_days, first_order_on, last_order_on, revenue, rfm_segment,
     persona)
select
    'k' || n, true, 2, 0.9, 1, md5('crm' || n), md5('mail' || n), 0.75, date '2025-02-20', date '2025-02-25',
    count(touchpoint_id), count(touchpoint_id) filter (where is_contact), count(touchpoint_id) filter (where is_response),
    count(distinct order_id), count(distinct order_id), min(ordered_on), max(ordered_on), coalesce(max(amount), 0),
    'prospect', 'visitor'
from generate_series(0, 19) as n
left join marts.fct_touchpoint as touchpoint on touchpoint.customer_id = 'k' || n
left join marts.fct_order as placed on placed.customer_id = 'k' || n
group by n;

insert into marts.dim_customer_identifier
    (customer_id, identifier_type, value_hash, node_hash, is_usable, evidence, confidence, valid_from, is_current,
     permitted_use, first_seen_at, last_seen_at)
select
    'k' || n, 'email', md5('mail' || n), md5('mail' || n), true, 3, 1, timestamptz '2025-02-20 00:00:00+00', true,
    'contact', timestamptz '2025-02-20 00:00:00+00', timestamptz '2025-02-25 00:00:00+00'
from generate_series(0, 19) as n;

-- a number that was k1's and is k2's
insert into marts.dim_customer_identifier
    (customer_id, identifier_type, value_hash, node_hash, is_usable, evidence, confidence, valid_from, valid_to,
     is_current, permitted_use)
select 'k' || n, 'phone', md5('phone'), md5('phone'), true, 2, n - 1, moment, ended, ended is null, permitted
from (values
    (1, timestamptz '2025-01-01 00:00:00+00', timestamptz '2025-02-01 00:00:00+00', 'analysis'),
    (2, timestamptz '2025-02-01 00:00:00+00', null, 'contact')
) as periods (n, moment, ended, permitted);

insert into marts.dim_customer_channel
    (customer_id, channel, has_consent, consent_since_at, consent_changed_at, first_seen_on, last_seen_on, touchpoints,
     contacts, human_responses, unsubscribes, complaints)
select
    customer_id, channel, true, timestamptz '2025-01-01 00:00:00+00', timestamptz '2025-01-02 00:00:00+00',
    min(occurred_on), max(occurred_on), count(*), count(*) filter (where is_contact),
    count(*) filter (where is_response), 0, 0
from marts.fct_touchpoint
group by customer_id, channel;

-- record r3 was customer k20's, whose id was retired when it went to k3
insert into marts.identity_crosswalk (record_key, source, record_id, customer_id, valid_from, valid_to, is_current)
select 'crm:r' || n, 'crm', 'r' || n, 'k' || n, date '2025-02-20', null, true from generate_series(0, 19) as n
union all
select 'crm:r3', 'crm', 'r3', 'k20', date '2025-02-01', date '2025-02-20', false;

insert into marts.customer_alias (alias_id, customer_id, retired_on, chain, basis, records_share)
values ('k20', 'k3', '2025-02-20', 'k20 > k3', 'records', 1);

insert into marts.fct_pressure_daily
    (customer_id, channel, day, contacts_1d, contacts_7d, contacts_30d, decayed_half, decayed, decayed_double, index,
     pressure_weight, half_life_days)
select
    customer_id, channel, occurred_on, count(*), count(*) + 1, count(*) + 2, count(*), count(*) + 0.5, count(*) + 0.9,
    3 * count(*) + 1.5, 3, 3
from marts.fct_touchpoint
where is_contact
group by customer_id, channel, occurred_on;

insert into marts.fct_subscription
    (subscription_id, customer_id, plan, started_on, terms, term_starts_on, ends_on, term_days, cancelled_on, is_ended,
     amount, currency)
select
    subscription_id, 'k' || _row_number, plan, starts_on, 1, starts_on, ends_on, ends_on - starts_on + 1, cancelled_on,
    ends_on < date '2025-03-02' and cancelled_on is not null, amount, currency
from raw.subscriptions;
