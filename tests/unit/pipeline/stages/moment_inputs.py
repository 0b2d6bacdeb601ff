"""The tables moments and attrition read, as dbt would have built them, empty."""

MOMENT_INPUTS = """
create table if not exists marts.dim_customer (customer_id text, is_known boolean);
alter table marts.dim_customer add column if not exists acquisition_channel text;
create table if not exists intermediate.int_customer__consent (customer_id text, channel text, is_granted boolean);
create table if not exists intermediate.int_moment__customer_hour (
    customer_id text, channel text, weekday integer, hour integer, exposures bigint, responses bigint
);
create table if not exists intermediate.int_moment__customer_visit (customer_id text, hour integer, visits bigint);
create table if not exists intermediate.int_attrition__known_block (
    customer_id text, channel text, block integer, last_day date, contacts bigint, acts bigint, last_act_on date
);
create table if not exists marts.dim_channel (
    channel text, quiet_from_hour integer, quiet_to_hour integer, last_weekday integer, weekly_cap integer
);
"""
