-- Marts after the scores, and the reporting tables over the sound core: two models, 20 customers with a pressure state.
insert into marts.fct_attributed_touchpoint
    (conversion_id, model, step_number, steps, touchpoint_id, customer_id, channel, campaign_id, converted_on, value,
     credit, revenue)
select
    conversion.conversion_id, model.model, step.number, journey.steps,
    case when journey.touches > 0 then journey.journey_id || '/' || step.number end, conversion.customer_id,
    split_part(journey.path, ' > ', step.number), 'c' || step.number % 2, conversion.converted_on, conversion.value,
    credit.credit, credit.credit * conversion.value
from marts.fct_conversion as conversion
join marts.fct_journey as journey using (conversion_id)
cross join (values ('last'), ('markov')) as model (model)
cross join lateral generate_series(1, journey.steps) as step (number)
cross join lateral (
    select case model.model when 'last' then (step.number = journey.steps)::integer else 1.0 / journey.steps end::float8
) as credit (credit);

insert into marts.fct_pressure_state
    (as_of, customer_id, channel, index, tolerance, tolerance_low, tolerance_high, state, probability, severity, basis,
     action_code, next_contact_at)
select
    date '2025-03-02', 'k' || n, channel, n, 6, 4, 9, state.state, 0.7, 'normal', 'default', 'balanced_hold',
    timestamptz '2025-03-03 00:00:00+00'
from generate_series(0, 19) as n
cross join (values ('all'), ('email')) as channels (channel)
cross join lateral (
    select case when n < 4 then 'under' when n < 15 then 'balanced' else 'over' end
) as state (state);

-- one does not want mails
insert into marts.dim_customer_channel
    (customer_id, channel, has_consent, consent_since_at, consent_changed_at, touchpoints, contacts, human_responses,
     unsubscribes, complaints)
values ('k3', 'email', false, '2025-01-01 00:00:00+00', '2025-01-01 00:00:00+00', 0, 0, 0, 0, 0);
update marts.fct_pressure_state set action_code = 'no_consent_hold', next_contact_at = null
where customer_id = 'k3' and channel = 'email';

-- yesterday everybody was balanced
insert into marts.fct_pressure_state_history (customer_id, channel, valid_from, valid_to, state, severity)
select customer_id, channel, date '2025-03-01', date '2025-03-02', 'balanced', 'normal' from marts.fct_pressure_state
where state <> 'balanced'
union all
select
    customer_id, channel, case state when 'balanced' then date '2025-03-01' else as_of end, null, state, severity
from marts.fct_pressure_state;

insert into marts.dim_action_plan (action_code, applies_to, applies_when, severity, action, owner)
select 'churn_' || band, 'churn', band, 'normal', 'What helps ' || band, 'CRM'
from (values ('low'), ('medium'), ('high'), ('lost')) as bands (band);

insert into marts.fct_churn
    (as_of, customer_id, p_alive, p_active, expected_orders, expected_value, expected_loss, risk_band, main_reason,
     second_reason, basis, action_code, orders)
select
    '2025-03-02', customer_id, 0.8, 0.5, 1.2, 40, 12, band, 'buys regularly', 'answers seldom', 'boosted', 'churn_' || band, 1
from marts.dim_customer
cross join lateral (select case when revenue > 50 then 'low' else 'high' end) as bands (band)
where orders > 0;

-- yesterday everybody was at low risk
insert into marts.fct_churn_history (customer_id, valid_from, valid_to, risk_band, p_alive)
select customer_id, date '2025-03-01', date '2025-03-02', 'low', 0.9 from marts.fct_churn where risk_band <> 'low'
union all
select customer_id, case risk_band when 'low' then date '2025-03-01' else as_of end, null, risk_band, p_alive
from marts.fct_churn;

insert into marts.fct_churn_quality
    (as_of, model, cut, horizon_days, customers, observed_share, predicted_share, auc, auc_low, auc_high, ece, brier, lift,
     is_newest)
select day, model, day - 90, 90, 12, 0.4, 0.41, 0.78, 0.7, 0.86, 0.02, 0.2, 1.4, day = '2025-03-02'
from (values (date '2025-03-01'), (date '2025-03-02')) as days (day)
cross join (values ('risk'), ('recency')) as models (model);

insert into marts.fct_churn_drift (as_of, feature, stability_index, trained_mean, current_mean, verdict)
values ('2025-03-02', 'days_since_order', 0.02, 40, 41, 'stable'), ('2025-03-02', 'orders', 0.3, 4, 6, 'drifted');

insert into marts.fct_contract
    (as_of, subscription_id, customer_id, plan, started_on, terms, ends_on, cancelled_on, p_renewal, expected_terms,
     expected_value, amount, expected_loss, basis)
values
    ('2025-03-02', 's1', 'c01', 'plus', '2024-04-01', 1, '2025-03-31', null, 0.8, 2.5, 250, 100, 20, 'fitted'),
    ('2025-03-02', 's2', 'c02', 'plus', '2024-04-01', 1, '2025-03-31', '2025-02-01', 0, 0, 0, 100, 100, 'cancelled');

insert into marts.fct_channel_attrition
    (customer_id, channel, as_of, responses, recent_responses, expected_responses, silence_days, rhythm_days,
     p_disengaged, verdict, shifted_to, basis)
select
    'k' || n, channel, '2025-03-02', 9, 1, 2, 30, 8, 0.7, case when channel = 'email' and n < 5 then 'shifted' else 'active' end,
    case when channel = 'email' and n < 5 then 'sms' end, 'own'
from generate_series(0, 9) as n
cross join (values ('email'), ('sms')) as channels (channel);

-- yesterday everybody was active
insert into marts.fct_channel_attrition_history
    (customer_id, channel, valid_from, valid_to, verdict, shifted_to, p_disengaged)
select customer_id, channel, date '2025-03-01', date '2025-03-02', 'active', null, 0.1
from marts.fct_channel_attrition
where verdict <> 'active'
union all
select
    customer_id, channel, case verdict when 'active' then date '2025-03-01' else as_of end, null, verdict, shifted_to,
    p_disengaged
from marts.fct_channel_attrition;

insert into marts.dim_channel (channel, quiet_from_hour, quiet_to_hour, last_weekday)
values ('email', 22, 7, 6), ('sms', 0, 9, 5);

-- one refused, one waits until there is less pressure
insert into marts.fct_best_moment
    (as_of, customer_id, channel, weekday, hour, expected_response, usual_response, basis, is_preferred_channel, held_by,
     next_moment_at)
select
    '2025-03-02', 'k' || n, 'email', 3, 18, 0.3, 0.2, 'learned', false,
    case n when 3 then 'consent' when 4 then 'pressure' end,
    case when n <> 3 then timestamptz '2025-03-06 17:00:00+00' end
from generate_series(0, 9) as n;

insert into reporting.rpt_pressure_customer
    (as_of, customer_id, channel, index, tolerance, state, probability, severity, basis, action_code, action,
     next_contact_at)
select
    as_of, customer_id, channel, index, tolerance, state, probability, severity, basis, action_code, 'Hold the volume',
    next_contact_at
from marts.fct_pressure_state;

insert into reporting.rpt_pressure_state (as_of, channel, channel_label, state, customers, customers_high, share)
select as_of, channel, channel, state, count(*), 1, count(*)::float8 / 20
from marts.fct_pressure_state
group by as_of, channel, state;

insert into reporting.rpt_customer
    (as_of, customer_id, is_known, orders, revenue, rfm_segment, persona, pressure_state, risk_band, p_alive,
     expected_value, main_reason, preferred_channel)
select
    '2025-03-02', customer_id, is_known, customer.orders, customer.revenue, rfm_segment, persona, state, risk_band,
    p_alive, expected_value, main_reason, 'email'
from marts.dim_customer as customer
left join marts.fct_pressure_state as pressed using (customer_id)
left join marts.fct_churn as churn using (customer_id)
where pressed.channel = 'all';

insert into reporting.rpt_churn_risk
    (as_of, segment, risk_band, customers, share, value_at_risk, expected_value, mean_p_alive, mean_p_active)
select
    as_of, segment, risk_band, count(*), count(*)::float8 / sum(count(*)) over (partition by segment), 100, 100,
    avg(p_alive), avg(p_active)
from marts.fct_churn
join marts.dim_customer using (customer_id)
cross join (values ('all'), ('persona:silent')) as segments (segment)
where is_known
group by as_of, segment, risk_band;

insert into reporting.rpt_churn_customer
    (as_of, customer_id, risk_band, p_alive, expected_value, main_reason, action_code, action, owner)
select as_of, customer_id, risk_band, p_alive, expected_value, main_reason, action_code, 'Call', 'Service'
from marts.fct_churn
join marts.dim_customer using (customer_id)
where is_known and risk_band in ('medium', 'high');

insert into reporting.rpt_churn_quality (as_of, model, cut, horizon_days, customers, observed_share, predicted_share)
select as_of, model, cut, horizon_days, customers, observed_share, predicted_share from marts.fct_churn_quality;

insert into reporting.rpt_churn_calibration
    (as_of, model, bin, customers, predicted_share, observed_share, observed_share_low, observed_share_high,
     is_within_interval)
select '2025-03-02', model, bin, 6, 0.2 * bin, 0.2 * bin, 0.1, 0.6, true
from (values (1), (2)) as bins (bin)
cross join (values ('risk'), ('recency')) as models (model);

insert into reporting.rpt_channel_attrition (as_of, channel, verdict, shifted_to, customers, share, mean_p_disengaged)
select as_of, channel, verdict, shifted_to, count(*), count(*)::float8 / 10, 0.5
from marts.fct_channel_attrition
join marts.dim_customer using (customer_id)
where is_known
group by as_of, channel, verdict, shifted_to;

insert into reporting.rpt_contract
    (as_of, plan, ends_in, subscriptions, subscriptions_cancelled, expected_renewals, mean_p_renewal, expected_loss)
values ('2025-03-02', 'plus', '2025-03-01', 2, 1, 0.8, 0.4, 120);

insert into reporting.rpt_best_moment
    (as_of, channel, weekday, hour, customers, customers_stated, customers_learned, customers_held)
select as_of, channel, weekday, hour, count(*), 0, count(*), 2
from marts.fct_best_moment
group by as_of, channel, weekday, hour;

insert into reporting.rpt_alert
    (as_of, sign, sign_label, channel, channel_label, segment, observed, expected, effect, p_value, q_value, severity,
     verdict, alert, incident, since, false_alarms_per_100_series_years, cause, action_code, action, owner, expires_on)
values
    ('2025-03-02', 'unsubscribes', 'Unsubscribes', 'email', 'E-mail', 'all', 0.02, 0.01, 0.01, 0.001, 0.01, 2, 'alert',
     true, false, '2025-02-25', 8, 'campaign c1', 'over_cut_channel', 'Send less', 'CRM', '2025-03-20'),
    ('2025-03-02', 'complaints', 'Complaints', 'sms', 'SMS', 'all', 0.03, 0.01, 0.02, 0.001, 0.01, 3, 'incident',
     false, true, null, 8, 'one day', 'over_cut_channel', 'Send less', 'CRM', '2025-03-20'),
    ('2025-03-02', 'click_rate', 'Clicks', 'email', 'E-mail', 'all', 0.01, 0.03, -0.02, 0.001, 0.01, 3, 'shifted',
     false, false, null, 8, 'readers moved', null, null, null, null);

insert into reporting.rpt_alert_driver
    (as_of, sign, channel, segment, rank, kind, driver, contribution, share, detail)
values
    ('2025-03-02', 'unsubscribes', 'email', 'all', 1, 'campaign', 'c1', 0.008, 0.9, 'Spring @ home'),
    ('2025-03-02', 'unsubscribes', 'email', 'all', 2, 'campaign', 'c2', -0.001, -0.1, null),
    ('2025-03-02', 'unsubscribes', 'email', 'all', 3, 'device', 'mobile', 0.002, 0.2, null);

insert into reporting.rpt_signal_matrix (as_of, sign, channel, verdict, segments, segments_alerting)
values
    ('2025-03-02', 'unsubscribes', 'email', 'alert', 3, 1), ('2025-03-02', 'unsubscribes', 'sms', 'not_judged', 0, 0),
    ('2025-03-02', 'complaints', 'sms', 'incident', 1, 0);

insert into reporting.rpt_pressure_history (as_of, day, channel, state, customers, share)
select as_of, as_of, channel, state, customers, share from reporting.rpt_pressure_state
union all
select as_of, as_of - 1, channel, 'balanced', sum(customers), 1 from reporting.rpt_pressure_state group by 1, 2, 3;

insert into reporting.rpt_channel_health
    (as_of, day, channel, contacts, opens, machine_opens, human_clicks, unsubscribes, spam_complaints, complaints, orders)
select '2025-03-02', occurred_on, channels.channel, count(*), 0, 0, 0, 0, 0, 0, 0
from marts.fct_touchpoint as touchpoints
cross join lateral (values (touchpoints.channel), ('all')) as channels (channel)
where is_contact
group by occurred_on, channels.channel;

insert into reporting.rpt_channel_performance
    (as_of, model, model_label, is_default, channel, channel_label, conversions, conversions_low, conversions_high,
     revenue, revenue_low, revenue_high, revenue_share, cost, roas, roas_low, roas_high, cpa, cpa_low, cpa_high)
select
    '2025-03-02', model, model, model = 'markov', channel, channel, sum(credit), sum(credit) * 0.9, sum(credit) * 1.1,
    sum(revenue), sum(revenue) * 0.9, sum(revenue) * 1.1, sum(revenue) / sum(sum(revenue)) over (partition by model),
    10, sum(revenue) / 10, sum(revenue) / 11, sum(revenue) / 9, 3, 2, 4
from marts.fct_attributed_touchpoint
group by model, channel;

insert into reporting.rpt_segment_performance
    (as_of, dimension, dimension_label, segment, model, model_label, is_default, channel, channel_label, conversions,
     conversions_low, conversions_high, revenue, revenue_low, revenue_high, conversion_share, revenue_share, basis)
select
    '2025-03-02', 'customer_type', 'New or known customer', segment, model, model, model = 'markov', channel, channel,
    sum(credit), sum(credit) * 0.9, sum(credit) * 1.1, sum(revenue), sum(revenue) * 0.9, sum(revenue) * 1.1,
    sum(credit) / sum(sum(credit)) over (partition by segment, model),
    sum(revenue) / sum(sum(revenue)) over (partition by segment, model), 'credits'
from (
    select *, case when conversion_id < 'order:o5' then 'new' else 'returning' end as segment
    from marts.fct_attributed_touchpoint
) as credits
group by segment, model, channel;

insert into reporting.rpt_attribution_change
    (as_of, model, model_label, is_default, channel, channel_label, first_before, last_before, first_now, last_now,
     conversions_before, conversions_now, share_before, share_now, change, change_low, change_high, p_value, q_value,
     is_real, volume_effect, share_effect, verdict)
values
    ('2025-03-02', 'markov', 'Markov', true, 'email', 'E-mail', '2025-01-06', '2025-02-02', '2025-02-03', '2025-03-02',
     20, 36, 0.4, 0.6, 0.2, 0.1, 0.3, 0.001, 0.002, true, 4, 12, 'up'),
    ('2025-03-02', 'markov', 'Markov', true, 'direct', 'Direct', '2025-01-06', '2025-02-02', '2025-02-03', '2025-03-02',
     30, 24, 0.6, 0.4, -0.2, -0.3, -0.1, 0.001, 0.002, true, 6, -12, 'down');

insert into reporting.rpt_budget_plan
    (as_of, channel, channel_label, current_spend, recommended_spend, spend_change, spend_change_share, current_revenue,
     expected_revenue, expected_low, expected_high, expected_gain, marginal_return, marginal_return_low,
     marginal_return_high, is_limited, basis, curve, ceiling, half_spend)
values
    ('2025-03-02', 'search_paid', 'Paid search', 100, 130, 30, 0.3, 500, 590, 500, 700, 90, 3, 2, 4, true, 'series',
     'saturating', 2000, 150),
    ('2025-03-02', 'social', 'Social networks', 100, 70, -30, -0.3, 200, 170, 100, 240, -30, 1, 0, 2, true, 'series',
     'linear', null, null);

insert into reporting.rpt_campaign_performance
    (as_of, model, model_label, campaign_id, campaign_name, team, theme, conversions, revenue, cost, roas)
select
    '2025-03-02', model, model, campaign_id, 'Spring @ home', 'CRM', 'spring', sum(credit), sum(revenue), 10,
    sum(revenue) / 10
from marts.fct_attributed_touchpoint
group by model, campaign_id;

insert into reporting.rpt_daily_activity
    (as_of, day, channel, channel_label, contacts, human_clicks, unsubscribes, complaints, orders, revenue)
select '2025-03-02', day, channel, channel, sum(contacts), 0, 0, 0, sum(orders), sum(revenue)
from (
    select occurred_on as day, channel, 1 as contacts, 0 as orders, 0 as revenue
    from marts.fct_touchpoint where is_contact
    union all
    select converted_on, channel, 0, credit, revenue from marts.fct_attributed_touchpoint where model = 'last'
) as activity
group by day, channel;

insert into reporting.rpt_journey_path (as_of, place, path, steps, journeys, conversions, revenue, conversion_rate)
select
    '2025-03-02', row_number() over (order by path), path, max(steps), count(*), count(*) filter (where is_converted),
    sum(value), avg(is_converted::integer)
from marts.fct_journey
group by path;

insert into reporting.rpt_load_quality
    (as_of, source, feed, last_delivered_on, batches_failed, rows_read, rows_loaded, rows_duplicate, rows_rejected,
     rejected_share, top_reason)
select
    '2025-03-02', source, feed, max(delivered_on), 0, sum(rows_read), sum(rows_loaded), sum(rows_duplicate),
    sum(rows_rejected), 0.001, 'occurred_at is no timestamp'
from ops.load_batches
group by source, feed;

insert into reporting.rpt_kpi_benchmark (as_of, channel, kpi, month, ours, market, gap)
values ('2025-03-02', 'email', 'open_rate', '2025-02-01', 0.3, 0.36, -0.06);

insert into reporting.rpt_key_figures
    (as_of, records, customers, customers_known, touchpoints, conversions, revenue, revenue_30d, conversions_30d,
     customers_under, customers_balanced, customers_over, alerts, rows_read, rows_loaded, rows_duplicate, rows_rejected,
     last_event_at, currency)
select
    '2025-03-02', 20, 20, 20, 240, 12, revenue, revenue, 12, 4, 11, 5, 1, rows_read, rows_loaded, rows_duplicate,
    rows_rejected, '2025-02-25 00:00:00+00', 'EUR'
from (select sum(value) as revenue from marts.fct_conversion) as converted
cross join (
    select
        sum(rows_read) as rows_read, sum(rows_loaded) as rows_loaded, sum(rows_duplicate) as rows_duplicate,
        sum(rows_rejected) as rows_rejected
    from ops.load_batches
) as loaded;

insert into reporting.rpt_identity_quality (as_of, metric, metric_label, unit, direction, value, value_before, change)
values
    ('2025-03-01', 'completeness', 'Share of golden fields filled', 'share', 'up', 0.7, null, null),
    ('2025-03-02', 'completeness', 'Share of golden fields filled', 'share', 'up', 0.75, 0.7, 0.05),
    ('2025-03-02', 'records', 'Records of the CRM', 'records', 'none', 20, null, null);

insert into reporting.rpt_identity_review
    (as_of, left_record, right_record, left_source, right_source, left_customer_id, right_customer_id, is_joined,
     probability, reason, evidence, decision, found_on, revenue_at_stake)
values
    ('2025-03-02', 'crm:r1', 'crm:r2', 'crm', 'crm', 'k1', 'k2', false, 0.6, 'near the threshold',
     'name: same name (+6.0)', null, '2025-03-01', 40),
    ('2025-03-02', 'crm:r3', 'crm:r4', 'crm', 'crm', 'k3', 'k3', true, 0.7, 'near the threshold',
     'mail: same @ other domain (+1.0)', 'must_link', '2025-03-01', 40);
