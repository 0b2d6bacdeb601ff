-- What the pressure stage writes and dbt reads. Every statement may run again; the ones after a table bring an older
-- warehouse up to it.

-- Learned weight and half-life of each channel, one partition of as_of. short_share, middle_share, long_share: how the
-- index mixes the decayed contacts of half, once and twice the half-life of the channel profile.
create table if not exists scores.pressure_channel (
    as_of date not null,
    run_id text not null,
    channel text not null,
    weight double precision not null,
    weight_low double precision,
    weight_high double precision,
    half_life_days double precision not null,
    half_life_low double precision,
    half_life_high double precision,
    short_share double precision not null,
    middle_share double precision not null,
    long_share double precision not null,
    tolerance_share double precision not null,
    basis text not null,
    primary key (as_of, channel)
);

create table if not exists scores.pressure_tolerance (
    as_of date not null,
    run_id text not null,
    customer_id text not null,
    tolerance double precision not null,
    engagement double precision not null,
    basis text not null,
    primary key (as_of, customer_id)
);
alter table scores.pressure_tolerance add column if not exists tolerance_low double precision;
alter table scores.pressure_tolerance add column if not exists tolerance_high double precision;
alter table scores.pressure_tolerance add column if not exists fitted_on date;

-- Newest as_of only: the history of states is marts.fct_pressure_state_history.
create table if not exists scores.pressure_state (
    as_of date not null,
    run_id text not null,
    customer_id text not null,
    channel text not null,
    pressure_index double precision not null,
    mean_index double precision not null,
    tolerance double precision not null,
    tolerance_low double precision not null,
    tolerance_high double precision not null,
    state text not null check (state in ('under', 'balanced', 'over')),
    probability double precision not null,
    probability_over double precision not null,
    probability_under double precision not null,
    severity text not null check (severity in ('normal', 'high')),
    basis text not null,
    cut_channel text,
    last_contact_on date,
    next_contact_on date not null,
    primary key (customer_id, channel)
);

create table if not exists scores.pressure_signal (
    as_of date not null,
    run_id text not null,
    sign text not null,
    channel text not null,
    segment text not null,
    observed double precision,
    expected double precision,
    effect double precision,
    p_value double precision,
    q_value double precision,
    severity double precision,
    alert boolean not null,
    incident boolean not null,
    cause text,
    action_code text,
    primary key (as_of, sign, channel, segment)
);
alter table scores.pressure_signal add column if not exists judged_on date;
alter table scores.pressure_signal add column if not exists baseline double precision;
alter table scores.pressure_signal add column if not exists exposure double precision;
alter table scores.pressure_signal add column if not exists verdict text;
alter table scores.pressure_signal add column if not exists shifted_to text;
alter table scores.pressure_signal add column if not exists severity_level text;
alter table scores.pressure_signal add column if not exists probability_real double precision;
alter table scores.pressure_signal add column if not exists customers double precision;
alter table scores.pressure_signal add column if not exists value_at_risk double precision;
alter table scores.pressure_signal add column if not exists since date;
alter table scores.pressure_signal add column if not exists detector text;
alter table scores.pressure_signal add column if not exists statistic double precision;
alter table scores.pressure_signal add column if not exists threshold double precision;
alter table scores.pressure_signal add column if not exists false_alarms_per_100_series_years double precision;

-- The cause sheet of an alert or incident: what contributes how much to the gap, largest first.
create table if not exists scores.pressure_signal_driver (
    as_of date not null,
    run_id text not null,
    sign text not null,
    channel text not null,
    segment text not null,
    rank integer not null,
    kind text not null,
    driver text not null,
    contribution double precision not null,
    share double precision,
    detail text,
    primary key (as_of, sign, channel, segment, rank)
);

-- What the fit of a month learned, kept so that a day need not learn it again while its inputs stay the same.
create table if not exists scores.pressure_fit (
    fitted_on date primary key,
    run_id text not null,
    fingerprint text not null,
    learned jsonb not null
);
create table if not exists scores.pressure_fit_tolerance (
    fitted_on date not null,
    customer_id text not null,
    tolerance double precision not null,
    tolerance_low double precision not null,
    tolerance_high double precision not null,
    engagement double precision not null,
    basis text not null,
    primary key (fitted_on, customer_id)
);
