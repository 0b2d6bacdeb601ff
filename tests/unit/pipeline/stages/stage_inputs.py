"""The tables dbt would have built for the estimation stages, empty; tests fill them by hand."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pyarrow as pa
import pytest

from millibar.pipeline.context import RunContext
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages import churn_inputs
from unit.pipeline.stages.signal_inputs import statements

AS_OF = date(2025, 6, 30)

INPUTS = """
create schema if not exists staging;
create schema if not exists intermediate;
create schema if not exists marts;
create table intermediate.int_attribution__paths (
    closed_on date, customer_type text, device text, segment text, goal text, path text, steps integer,
    conversions bigint, non_conversions bigint, value double precision, value_squared double precision
);
create table intermediate.int_journey__steps (
    journey_id text, customer_id text, conversion_id text, touchpoint_id text, occurred_at timestamptz,
    occurred_on date, converted_at timestamptz, converted_on date, channel text, campaign_id text,
    value double precision, step_number integer, steps integer
);
create table marts.fct_journey (journey_id text, customer_id text, conversion_id text, closed_on date);
create table marts.dim_customer (customer_id text, is_known boolean);
create table marts.fct_conversion (
    conversion_id text, customer_id text, converted_at timestamptz, converted_on date, value double precision
);
create table marts.fct_experiment_assignment (
    experiment_id text, customer_id text, channel text, arm text, assigned_at timestamptz, assigned_on date,
    ends_on date, is_contaminated boolean
);
create table staging.stg_consents__changes (
    signature text, channel text, is_granted boolean, changed_at timestamptz
);
create table staging.stg_spend__costs (spent_on date, channel text, cost numeric);
create table intermediate.int_identity__signature_customers (
    signature text, customer_id text, valid_from timestamptz, valid_to timestamptz
);
create table intermediate.int_touchpoint__daily (day date, channel text, cost numeric);
create table marts.fct_pressure_daily (
    customer_id text, channel text, day date, contacts_1d bigint, contacts_7d bigint, index double precision,
    half_life_days integer, decayed_half double precision, decayed double precision, decayed_double double precision,
    decayed_memory double precision
);
create table intermediate.int_pressure__current (
    customer_id text, channel text, last_contact_on date, contacts_7d bigint, decayed_half double precision,
    decayed double precision, decayed_double double precision, decayed_memory double precision
);
create schema if not exists seeds;
create table seeds.channel_profiles (
    channel text, pressure_weight numeric, persistence_days integer, weekly_cap integer, intrusiveness numeric
);
create table marts.fct_touchpoint (
    customer_id text, channel text, occurred_on date, event_type text, campaign_id text, is_contact boolean,
    is_machine boolean
);
create table staging.stg_campaigns__campaigns (campaign_id text, campaign_name text);
create table marts.fct_order (customer_id text, ordered_on date);
"""


@pytest.fixture
def inputs(warehouse: Warehouse) -> Warehouse:
    """The warehouse with the stages' input tables, empty."""
    warehouse.execute(INPUTS)
    warehouse.execute(statements())
    warehouse.execute(churn_inputs.statements())
    return warehouse


@pytest.fixture
def run() -> RunContext:
    return RunContext("run-1", AS_OF, 1)


def fill(warehouse: Warehouse, table: str, frame: pd.DataFrame) -> None:
    """Add rows to an input table."""
    warehouse.append(table, pa.Table.from_pandas(frame, preserve_index=False))


def contents(warehouse: Warehouse, table: str) -> list[dict]:
    """All rows of a table without the run's id, in a fixed order."""
    rows = [dict(row) for row in warehouse.rows(f"select * from {table}")]
    for row in rows:
        row.pop("run_id", None)
    return sorted(rows, key=str)
