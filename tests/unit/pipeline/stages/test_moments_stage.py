"""Stage churn, best moments: known customers on channels they agreed to, quiet times kept, tables replaced."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.churn import moments
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.moment_inputs import MOMENT_INPUTS
from unit.pipeline.stages.stage_inputs import contents, fill

TABLES = ("moment_channel", "moment_customer")
CHANNELS = pd.DataFrame(
    {"channel": ["email", "sms"], "quiet_from_hour": [22, 20], "quiet_to_hour": [7, 9], "last_weekday": [6, 5], "weekly_cap": 4}
)  # fmt: skip


@pytest.fixture
def known(inputs: Warehouse) -> Warehouse:
    inputs.execute(MOMENT_INPUTS)
    fill(inputs, "marts.dim_channel", CHANNELS)
    return inputs


@pytest.fixture
def small(settings: Settings, tmp_path: Path) -> Settings:
    """Few customers read at once, so that several ranges are read."""
    told = "vars: {estimation: {moments: {read_customers: 7, fit_customers: 100, passes: 5, levels: 2}}}"
    (tmp_path / "dbt_project").mkdir()
    (tmp_path / "dbt_project" / "dbt_project.yml").write_text(told)
    return replace(settings, project=tmp_path)


def fill_hours(warehouse: Warehouse, customers: int = 60) -> None:
    """Even customers answer at 9 h, odd ones at 19 h; x01 is a cookie nobody knows."""
    random = np.random.default_rng(2)
    names = [f"c{number:02d}" for number in range(customers)] + ["c05x"]
    rows = pd.DataFrame({
        "customer_id": np.repeat(names, 40), "channel": "email", "weekday": random.integers(0, 7, 40 * len(names)),
        "hour": random.integers(7, 22, 40 * len(names)),
    })  # fmt: skip
    best = np.where(rows["customer_id"].str[1:3].astype(int) % 2 == 0, 9, 19)
    rows["responses"] = (random.random(len(rows)) < np.where((rows["hour"] - best).abs() <= 2, 0.6, 0.05)).astype(int)
    rows["exposures"] = 1
    keys = ["customer_id", "channel", "weekday", "hour"]
    summed = rows.groupby(keys)[["exposures", "responses"]].sum().reset_index()
    fill(warehouse, "intermediate.int_moment__customer_hour", summed)
    people = pd.DataFrame({"customer_id": names, "is_known": [name != "c05x" for name in names]})
    people["acquisition_channel"] = "store"
    fill(warehouse, "marts.dim_customer", people)


def test_known_customers_have_a_moment_on_every_channel_they_agreed_to(
    known: Warehouse, small: Settings, run: RunContext
) -> None:
    fill_hours(known)
    consents = pd.DataFrame(
        {"customer_id": ["c00", "c01", "c02", "new"], "channel": ["sms", "sms", "email", "email"],
         "is_granted": [True, False, True, True]}
    )  # fmt: skip
    fill(known, "intermediate.int_customer__consent", consents)
    fill(known, "marts.dim_customer", pd.DataFrame({"customer_id": ["new"], "is_known": [True]}))
    sent = pd.DataFrame({"customer_id": ["c03"], "channel": ["sms"], "weekday": [1], "hour": [10], "exposures": [3]})
    fill(known, "intermediate.int_moment__customer_hour", sent.assign(responses=1))
    written = moments.run(known, small, run)
    found = known.frame("select * from scores.moment_customer order by customer_id, channel")
    pairs = set(zip(found["customer_id"], found["channel"], strict=True))
    assert pairs == {(f"c{n:02d}", "email") for n in range(60)} | {("c00", "sms"), ("c03", "sms"), ("new", "email")}
    email = found[(found["channel"] == "email") & (found["customer_id"] != "new")]
    best = np.where(email["customer_id"].str[1:].astype(int) % 2 == 0, 9, 19)
    assert ((email["hour"] - best).abs() <= 3).mean() > 0.9
    assert found.set_index("customer_id").loc["new", "basis"] == "channel"
    assert known.value("select count(*) from scores.moment_channel") + len(found) == written
    quality = known.value("select fit_quality from ops.model_runs where model = 'best_moment'")
    assert quality["fitted"]
    assert sum(quality["rows_by_basis"].values()) == len(found)


def test_quiet_times_are_kept(known: Warehouse, small: Settings, run: RunContext) -> None:
    fill_hours(known)
    known.execute("update marts.dim_channel set quiet_from_hour = 12, quiet_to_hour = 10, last_weekday = 3")
    moments.run(known, small, run)
    found = known.frame("select * from scores.moment_customer")
    assert found["hour"].between(10, 11).all()
    assert found["weekday"].between(0, 3).all()


def test_running_again_replaces_the_tables(known: Warehouse, small: Settings, run: RunContext) -> None:
    fill_hours(known, 20)
    moments.run(known, small, run)
    before = [contents(known, f"scores.{table}") for table in TABLES]
    moments.run(known, small, replace(run, run_id="run-2"))
    assert [contents(known, f"scores.{table}") for table in TABLES] == before
    known.execute("delete from intermediate.int_moment__customer_hour where customer_id = 'c01'")
    moments.run(known, small, replace(run, run_id="run-3"))
    assert known.value("select count(*) from scores.moment_customer where customer_id = 'c01'") == 0


def test_an_empty_warehouse_is_fine(known: Warehouse, settings: Settings, run: RunContext) -> None:
    assert moments.run(known, settings, run) == 0
