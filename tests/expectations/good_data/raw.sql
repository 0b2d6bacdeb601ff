-- A small sound landing: two deliveries of one source a feed, 240 touchpoints of 20 people. Batch = feed's number, plus 100
-- for the second delivery.
insert into ops.run_context (run_id, as_of, max_batch_id) values ('run', '2025-03-02', 1000);

insert into seeds.channel_profiles (channel) values ('email'), ('sms'), ('onsite'), ('search_paid'), ('store');
insert into seeds.exchange_rates (currency) values ('EUR'), ('USD');

insert into ops.load_batches
    (batch_id, source, feed, file, delivered_on, status, rows_read, rows_loaded, rows_duplicate, rows_rejected,
     finished_at)
overriding system value
select
    feeds.number + 100 * day, feeds.feed || '_tool', feeds.feed, feeds.feed || '_' || day || '.csv',
    date '2025-03-01' + day, 'loaded', 1003, 1000, 2, 1, now()
from (values
    (1, 'customers'), (2, 'identity_links'), (3, 'touchpoints'), (4, 'orders'), (5, 'returns'), (6, 'consents'),
    (7, 'campaigns'), (8, 'spend'), (9, 'theme_plans'), (10, 'experiments'), (11, 'staffing'),
    (12, 'subscriptions')
) as feeds (number, feed), generate_series(0, 1) as day;

insert into pii.rejected_rows (batch_id, source, feed, file, line, reason)
select batch_id, source, feed, file, 7, 'occurred_at is no timestamp' from ops.load_batches;

create function pg_temp.technical(feed text, number integer, out _source text, out _batch_id bigint, out _file text,
    out _row_number bigint, out _loaded_at timestamptz, out _delivered_on date, out _row_hash text, out _row_key uuid)
language sql as $$
    select batch.source, batch.batch_id, batch.file, number, timestamptz '2025-03-02 04:00:00+00', batch.delivered_on,
        md5('content' || number), md5(batch.source || number)::uuid
    from ops.load_batches as batch
    where batch.feed = technical.feed and batch.batch_id / 100 = number % 2
$$;

insert into raw.customers
    (record_id, updated_at, country, stated_channel, stated_hour, crm_id, email, _source, _batch_id, _file, _row_number,
     _loaded_at, _delivered_on, _row_hash, _row_key)
select 'r' || n, timestamptz '2025-02-01 10:00:00+00', 'FR', 'email', n, md5('crm' || n), md5('mail' || n), technical.*
from generate_series(1, 20) as n, pg_temp.technical('customers', n) as technical;

insert into raw.identity_links
    (left_type, left_value, right_type, right_value, observed_at, _source, _batch_id, _file, _row_number, _loaded_at,
     _delivered_on, _row_hash, _row_key)
select 'email', md5('mail' || n), 'cookie_id', md5('cookie' || n), timestamptz '2025-02-20 10:00:00+00', technical.*
from generate_series(1, 20) as n, pg_temp.technical('identity_links', n) as technical;

insert into raw.touchpoints
    (touchpoint_id, occurred_at, channel, event_type, direction, campaign_id, theme, device, resolution, cost, currency,
     email, cookie_id, _source, _batch_id, _file, _row_number, _loaded_at, _delivered_on, _row_hash, _row_key)
select
    't' || n, timestamptz '2025-02-20 00:00:00+00' + n * interval '30 minutes',
    (array['email', 'sms', 'onsite', 'search_paid'])[1 + n % 4], (array['send', 'send', 'visit', 'click'])[1 + n % 4],
    (array['out', 'out', 'in', 'in'])[1 + n % 4], 'c' || n % 3, 'spring', 'mobile', null, 0.5, 'EUR',
    case when n % 4 < 2 then md5('mail' || n % 20) end, case when n % 4 > 1 then md5('cookie' || n % 20) end, technical.*
from generate_series(1, 240) as n, pg_temp.technical('touchpoints', n) as technical;

insert into raw.orders
    (order_id, ordered_at, amount, currency, margin, sales_channel, items, email, _source, _batch_id, _file,
     _row_number, _loaded_at, _delivered_on, _row_hash, _row_key)
select
    'o' || n, timestamptz '2025-02-24 12:00:00+00' + n * interval '1 hour', 10 * n, 'EUR', 3 * n, 'web', 1,
    md5('mail' || n), technical.*
from generate_series(1, 12) as n, pg_temp.technical('orders', n) as technical;

insert into raw.returns
    (return_id, order_id, returned_at, amount, reason, _source, _batch_id, _file, _row_number, _loaded_at,
     _delivered_on, _row_hash, _row_key)
select 'x' || n, 'o' || n, timestamptz '2025-02-26 12:00:00+00', 5, 'too small', technical.*
from generate_series(1, 4) as n, pg_temp.technical('returns', n) as technical;

insert into raw.consents
    (changed_at, channel, granted, email, _source, _batch_id, _file, _row_number, _loaded_at, _delivered_on, _row_hash,
     _row_key)
select timestamptz '2025-02-10 09:00:00+00', 'email', n % 5 <> 0, md5('mail' || n % 20 || n), technical.*
from generate_series(1, 240) as n, pg_temp.technical('consents', n) as technical;

insert into raw.campaigns
    (campaign_id, name, team, theme, starts_on, ends_on, targeting, content, _source, _batch_id, _file, _row_number,
     _loaded_at, _delivered_on, _row_hash, _row_key)
select
    'c' || n, 'Spring @ home ' || n, 'CRM', 'spring', '2025-02-01', '2025-03-31', 'mass', 'product', technical.*
from generate_series(0, 2) as n, pg_temp.technical('campaigns', n) as technical;

insert into raw.spend
    (spent_on, channel, cost, campaign_id, currency, impressions, clicks, _source, _batch_id, _file, _row_number,
     _loaded_at, _delivered_on, _row_hash, _row_key)
select date '2025-02-01' + n % 28, 'search_paid', 20, 'c' || n, 'USD', 1000, 30, technical.*
from generate_series(1, 240) as n, pg_temp.technical('spend', n) as technical;

insert into raw.theme_plans
    (quarter, channel, theme, committed_share, _source, _batch_id, _file, _row_number, _loaded_at, _delivered_on,
     _row_hash, _row_key)
select '2025-Q1', 'email', 'theme ' || n, 0.5, technical.*
from generate_series(1, 2) as n, pg_temp.technical('theme_plans', n) as technical;

insert into raw.experiments
    (experiment_id, assigned_at, arm, channel, campaign_id, ends_at, email, _source, _batch_id, _file, _row_number,
     _loaded_at, _delivered_on, _row_hash, _row_key)
select
    'holdout-1', timestamptz '2025-02-01 00:00:00+00', (array['treated', 'holdout'])[1 + n % 2], 'email', 'c1',
    timestamptz '2025-03-01 00:00:00+00', md5('mail' || n), technical.*
from generate_series(1, 240) as n, pg_temp.technical('experiments', n) as technical;

insert into raw.staffing
    (month, team, headcount, leavers, _source, _batch_id, _file, _row_number, _loaded_at, _delivered_on, _row_hash,
     _row_key)
select date '2025-02-01', 'team ' || n, 12, 1, technical.*
from generate_series(1, 2) as n, pg_temp.technical('staffing', n) as technical;

insert into raw.subscriptions
    (subscription_id, starts_on, ends_on, cancelled_on, amount, currency, plan, email, _source, _batch_id, _file,
     _row_number, _loaded_at, _delivered_on, _row_hash, _row_key)
select
    's' || n, date '2025-02-01' + n % 5, date '2025-02-28' + n % 5, case when n % 9 = 0 then date '2025-02-20' end,
    12.5, 'EUR', 'basic', md5('mail' || n), technical.*
from generate_series(1, 19) as n, pg_temp.technical('subscriptions', n) as technical;
