-- What the attribution stage writes and dbt reads: one partition of as_of in every table but the weights, which are
-- kept by month. Every statement may run again; the ones after a table bring an older warehouse up to it.

-- Credits of the fitted models over the attribution window. dimension 'all' has the one segment 'all'; the others are
-- customer_type, device, segment and goal. Model 'calibrated' has a channel '(base)': what would have come anyway.
create table if not exists scores.attribution_channel (
    as_of date not null,
    run_id text not null,
    dimension text not null default 'all',
    segment text not null default 'all',
    model text not null,
    channel text not null,
    conversions double precision not null,
    revenue double precision not null,
    conversions_low double precision,
    conversions_high double precision,
    revenue_low double precision,
    revenue_high double precision,
    removal_effect double precision,
    model_order integer,
    primary key (as_of, dimension, segment, model, channel)
);
alter table scores.attribution_channel add column if not exists dimension text not null default 'all';
alter table scores.attribution_channel add column if not exists segment text not null default 'all';
alter table scores.attribution_channel add column if not exists model_order integer;
do $$ begin
    if not exists (
        select 1 from information_schema.key_column_usage
        where table_schema = 'scores' and table_name = 'attribution_channel' and column_name = 'dimension'
    ) then
        alter table scores.attribution_channel drop constraint attribution_channel_pkey;
        alter table scores.attribution_channel add primary key (as_of, dimension, segment, model, channel);
    end if;
end $$;

create table if not exists scores.attribution_transition (
    as_of date not null,
    run_id text not null,
    from_channel text not null,
    to_channel text not null,
    transitions double precision not null,
    probability double precision not null,
    primary key (as_of, from_channel, to_channel)
);

-- What a channel directly followed by another is worth: the share of conversions lost without the pair.
create table if not exists scores.attribution_sequence (
    as_of date not null,
    run_id text not null,
    from_channel text not null,
    to_channel text not null,
    transitions double precision not null,
    removal_effect double precision not null,
    primary key (as_of, from_channel, to_channel)
);

-- How well a chain of each order foretells journeys it was not fitted on.
create table if not exists scores.attribution_order (
    as_of date not null,
    run_id text not null,
    order_number integer not null,
    held_out_log_likelihood double precision,
    bic double precision,
    parameters double precision,
    is_chosen boolean not null,
    primary key (as_of, order_number)
);

-- Weight of a step inside a journey, for conversions of one calendar month (fitted on the journeys before it).
-- place 'any', or for time_to_conversion the age bin of the touch at the conversion ('0' is the youngest); channel
-- '(any)' is what a channel that is not listed weighs.
create table if not exists scores.attribution_weight (
    month date not null,
    model text not null,
    channel text not null,
    place text not null default 'any',
    weight double precision not null,
    as_of date not null,
    run_id text not null,
    primary key (month, model, channel, place)
);
alter table scores.attribution_weight add column if not exists place text not null default 'any';
do $$ begin
    if not exists (
        select 1 from information_schema.key_column_usage
        where table_schema = 'scores' and table_name = 'attribution_weight' and column_name = 'place'
    ) then
        alter table scores.attribution_weight drop constraint attribution_weight_pkey;
        alter table scores.attribution_weight add primary key (month, model, channel, place);
    end if;
end $$;

-- Two periods of equal length that end at as_of: conversions_now - conversions_before = volume_effect + share_effect.
create table if not exists scores.attribution_change (
    as_of date not null,
    run_id text not null,
    model text not null,
    channel text not null,
    first_before date not null,
    last_before date not null,
    first_now date not null,
    last_now date not null,
    conversions_before double precision not null,
    conversions_now double precision not null,
    share_before double precision not null,
    share_now double precision not null,
    change double precision not null,
    change_low double precision,
    change_high double precision,
    p_value double precision,
    q_value double precision,
    is_real boolean not null,
    volume_effect double precision not null,
    share_effect double precision not null,
    primary key (as_of, model, channel)
);

-- What each holdout experiment showed; channel null is a frequency test. effect is of one treated customer,
-- incremental_* of all customers of the brand while it ran.
create table if not exists scores.attribution_experiment (
    as_of date not null,
    run_id text not null,
    experiment_id text not null,
    channel text,
    first_on date not null,
    last_on date not null,
    treated bigint not null,
    holdout bigint not null,
    conversions_treated double precision not null,
    conversions_holdout double precision not null,
    effect double precision,
    effect_low double precision,
    effect_high double precision,
    incremental_conversions double precision,
    incremental_conversions_low double precision,
    incremental_conversions_high double precision,
    incremental_revenue double precision,
    incremental_revenue_low double precision,
    incremental_revenue_high double precision,
    is_complete boolean not null,
    primary key (as_of, experiment_id)
);

-- Response to a day's spend. marginal_* is what one more unit of money brings at the present spend.
create table if not exists scores.attribution_response (
    as_of date not null,
    run_id text not null,
    channel text not null,
    spend_day double precision not null,
    curve text not null check (curve in ('saturating', 'linear', 'none')),
    ceiling double precision,
    half_spend double precision,
    marginal_conversions double precision,
    marginal_revenue double precision,
    marginal_revenue_low double precision,
    marginal_revenue_high double precision,
    days integer not null,
    basis text not null,
    primary key (as_of, channel)
);

-- The same money, spent where it brings most; amounts are of the attribution window.
create table if not exists scores.attribution_budget (
    as_of date not null,
    run_id text not null,
    channel text not null,
    current_spend double precision not null,
    recommended_spend double precision not null,
    current_revenue double precision not null,
    expected_revenue double precision not null,
    expected_low double precision,
    expected_high double precision,
    marginal_return double precision,
    marginal_return_low double precision,
    marginal_return_high double precision,
    is_limited boolean not null,
    basis text not null,
    primary key (as_of, channel)
);
