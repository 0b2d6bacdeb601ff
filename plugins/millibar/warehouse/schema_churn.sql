-- What the churn stage writes and dbt reads: risk, contracts, channel attrition, moments. Every statement may run again;
-- the ones after a table bring an older warehouse up to it.

create table if not exists scores.churn_customer (
    as_of date not null,
    run_id text not null,
    customer_id text not null,
    p_alive double precision not null,
    expected_orders double precision not null,
    expected_value double precision not null,
    risk_band text not null,
    main_reason text not null,
    primary key (as_of, customer_id)
);
alter table scores.churn_customer add column if not exists p_active double precision;
alter table scores.churn_customer add column if not exists expected_loss double precision;
alter table scores.churn_customer add column if not exists second_reason text;
alter table scores.churn_customer add column if not exists third_reason text;
alter table scores.churn_customer add column if not exists basis text;

-- Fitted parameters of every purchase, value and contract model, with the limits of their 95 % intervals.
create table if not exists scores.churn_parameters (
    as_of date not null,
    run_id text not null,
    model text not null,
    parameter text not null,
    value double precision not null,
    low double precision,
    high double precision,
    primary key (as_of, model, parameter)
);

-- How right a model was on the last complete period: fitted on what was known before it, compared with what came.
create table if not exists scores.churn_quality (
    as_of date not null,
    run_id text not null,
    model text not null,
    cut date not null,
    horizon_days integer not null,
    customers bigint not null,
    observed_share double precision not null,
    predicted_share double precision,
    auc double precision,
    auc_low double precision,
    auc_high double precision,
    ece double precision,
    brier double precision,
    lift double precision,
    primary key (as_of, model)
);

create table if not exists scores.churn_calibration (
    as_of date not null,
    run_id text not null,
    model text not null,
    bin integer not null,
    customers bigint not null,
    predicted double precision not null,
    observed double precision not null,
    observed_low double precision,
    observed_high double precision,
    primary key (as_of, model, bin)
);
alter table scores.churn_calibration add column if not exists observed_low double precision;
alter table scores.churn_calibration add column if not exists observed_high double precision;

-- Population stability of what the model reads: its training customers against today's.
create table if not exists scores.churn_drift (
    as_of date not null,
    run_id text not null,
    feature text not null,
    stability_index double precision not null,
    trained_mean double precision,
    current_mean double precision,
    verdict text not null check (verdict in ('stable', 'moved', 'drifted')),
    primary key (as_of, feature)
);

-- Signs the churn stage finds; dbt shows them beside those of scores.pressure_signal, whose columns they have.
create table if not exists scores.churn_signal (like scores.pressure_signal including all);

-- Newest as_of only: a running subscription and the chance that it is renewed at its next end.
create table if not exists scores.contract (
    as_of date not null,
    run_id text not null,
    subscription_id text not null,
    customer_id text not null,
    terms integer not null,
    ends_on date not null,
    p_renewal double precision not null,
    expected_terms double precision not null,
    expected_value double precision not null,
    basis text not null,
    primary key (subscription_id)
);

-- Newest as_of only: the history of verdicts is marts.fct_channel_attrition_history.
create table if not exists scores.channel_attrition (
    as_of date not null,
    run_id text not null,
    customer_id text not null,
    channel text not null,
    responses double precision not null,
    recent_responses double precision not null,
    expected_responses double precision not null,
    silence_days integer,
    rhythm_days double precision,
    p_disengaged double precision not null,
    verdict text not null check (verdict in ('active', 'drifting', 'shifted', 'gone')),
    shifted_to text,
    basis text not null,
    primary key (customer_id, channel)
);

create table if not exists scores.moment_channel (
    as_of date not null,
    run_id text not null,
    channel text not null,
    weekday integer not null,
    hour integer not null,
    responses double precision not null,
    exposures double precision not null,
    expected_response double precision not null,
    primary key (as_of, channel, weekday, hour)
);

-- Newest as_of only: the best hour of each customer, learned from his own answers. Hours of a day of the week; those of
-- quiet times are left out already.
create table if not exists scores.moment_customer (
    as_of date not null,
    run_id text not null,
    customer_id text not null,
    channel text not null,
    weekday integer not null check (weekday between 0 and 6),
    hour integer not null check (hour between 0 and 23),
    expected_response double precision not null,
    usual_response double precision not null,
    exposures double precision not null,
    basis text not null check (basis in ('learned', 'segment', 'channel')),
    primary key (customer_id, channel)
);
