"""Stage pressure: tolerances for all, signals of the last complete day, kept days, empty inputs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import pressure
from millibar.pressure import contact_days
from millibar.pressure.signals import HEALTH_COUNTS
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

SCORES = ("pressure_tolerance", "pressure_signal")


def customers(count: int) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": [f"c{number:05d}" for number in range(count)]})


def fill_engagement(warehouse: Warehouse, count: int = 50) -> None:
    random = np.random.default_rng(1)
    people = customers(count)
    index = people.assign(channel="all", pressure_index=random.gamma(2, 1, count))
    fill(warehouse, "intermediate.int_pressure__index", index)
    contacts = people.assign(
        channel="email", contacts=random.poisson(60, count), human_responses=random.poisson(4, count)
    )
    fill(warehouse, "intermediate.int_engagement__customer_channel", contacts)


def fill_health(warehouse: Warehouse, last: date, clicks: np.ndarray) -> None:
    days = pd.date_range(end=last, periods=len(clicks)).date
    frame = pd.DataFrame({"day": days, "channel": "email", "segment": "all"}).assign(**dict.fromkeys(HEALTH_COUNTS, 0))
    frame["contacts"], frame["human_clicks"] = 2_000, clicks
    fill(warehouse, "marts.fct_channel_health_daily", frame)


def falling_clicks() -> np.ndarray:
    clicks = np.random.default_rng(2).poisson(100, 120)
    clicks[-10:] = 50
    return clicks


def test_every_customer_under_pressure_has_a_tolerance(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_engagement(inputs)
    assert pressure.run(inputs, settings, run) == 50
    rows = inputs.frame("select tolerance::float8, engagement::float8 from scores.pressure_tolerance")
    fit = inputs.rows("select parameters, fit_quality from ops.model_runs where model = 'pressure_tolerance'")[0]
    assert not fit["fit_quality"]["fitted"]
    rho, gamma = fit["parameters"]["rho"], fit["parameters"]["gamma"]
    np.testing.assert_allclose(rows["tolerance"], rho * rows["engagement"] ** gamma)
    assert rows["engagement"].nunique() > 5


def test_tolerance_is_learned_from_the_days_before_the_month(
    inputs: Warehouse, settings: Settings, run: RunContext
) -> None:
    """Contacts that meet an index above 1 annoy more; those of June must not be looked at."""
    random = np.random.default_rng(3)
    count = 4_000
    fill_engagement(inputs, 200)
    daily = pd.DataFrame({
        "customer_id": [f"c{number:05d}" for number in random.integers(0, 200, count)],
        "channel": "email",
        "day": [date(2025, 6, 29) - timedelta(days=int(age)) for age in random.integers(0, 150, count)],
        "contacts_1d": 1,
        "index": random.uniform(0.2, 8.0, count),
        "half_life_days": 3,
    }).drop_duplicates(["customer_id", "day"])  # fmt: skip
    fill(inputs, "marts.fct_pressure_daily", daily)
    met = contact_days(daily.rename(columns={"contacts_1d": "contacts", "index": "pressure_index"}))
    rate = 0.03 * np.maximum(1.0, met["index"] / 1.0) ** 2
    angry = met[random.random(len(met)) < rate].assign(day=lambda rows: rows["day"].dt.date)
    events = angry[["customer_id", "channel", "day"]].rename(columns={"day": "occurred_on"}).assign(
        event_type="unsubscribe", is_contact=False, is_machine=False
    )  # fmt: skip
    fill(inputs, "marts.fct_touchpoint", events)
    pressure.run(inputs, settings, run)
    fit = inputs.rows("select inputs, fit_quality from ops.model_runs where model = 'pressure_tolerance'")[0]
    assert fit["fit_quality"]["fitted"]
    assert fit["fit_quality"]["annoyances"] == sum(day < date(2025, 6, 1) for day in angry["day"])
    assert 0.5 < fit["fit_quality"]["rho"] < 2.0


def test_a_fall_of_clicks_is_written_with_its_campaign(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_health(inputs, AS_OF, falling_clicks())
    fill(inputs, "staging.stg_campaigns__campaigns", pd.DataFrame({"campaign_id": ["k1"], "campaign_name": ["Spring"]}))
    touches = pd.DataFrame({
        "customer_id": "c1", "channel": "email", "occurred_on": AS_OF, "event_type": "send",
        "campaign_id": ["k1"] * 30 + ["k2"] * 10, "is_contact": True, "is_machine": False,
    })  # fmt: skip
    fill(inputs, "marts.fct_touchpoint", touches)
    pressure.run(inputs, settings, run)
    alerts = inputs.rows("select * from scores.pressure_signal where alert")
    assert [(row["sign"], row["channel"], row["action_code"]) for row in alerts] == [
        ("click_rate_falls", "email", "sign_click_rate")
    ]
    assert "campaign Spring" in alerts[0]["cause"]
    assert alerts[0]["observed"] == pytest.approx(0.025)


def test_files_that_come_next_morning_are_no_fall(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    """Nothing of as_of has been delivered yet: yesterday is judged."""
    orders = np.random.default_rng(4).poisson(50, 120)
    frame = pd.DataFrame({"day": pd.date_range(end=AS_OF - timedelta(days=1), periods=120).date})
    frame = frame.assign(channel="all", segment="all", **dict.fromkeys(HEALTH_COUNTS, 0)).assign(orders=orders)
    fill(inputs, "marts.fct_channel_health_daily", frame)
    pressure.run(inputs, settings, run)
    rows = inputs.rows("select as_of, alert, incident from scores.pressure_signal")
    assert rows == [{"as_of": AS_OF, "alert": False, "incident": False}]
    inputs_told = inputs.value("select inputs from ops.model_runs where model = 'pressure_signal'")
    assert inputs_told["last_day"] == (AS_OF - timedelta(days=1)).isoformat()


def test_running_again_gives_the_same_tables(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_engagement(inputs)
    fill_health(inputs, AS_OF, falling_clicks())
    pressure.run(inputs, settings, run)
    before = [contents(inputs, f"scores.{table}") for table in SCORES]
    pressure.run(inputs, settings, replace(run, run_id="run-2"))
    assert [contents(inputs, f"scores.{table}") for table in SCORES] == before


def test_the_newest_week_and_month_ends_are_kept(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_engagement(inputs, 3)
    for days in (40, 30, 29, 12, 7, 6, 1, 0):
        day = AS_OF - timedelta(days=days)
        pressure.run(inputs, settings, replace(run, run_id=f"run-{days}", as_of=day))
    kept = inputs.rows("select distinct as_of from scores.pressure_tolerance order by as_of")
    assert [(AS_OF - row["as_of"]).days for row in kept] == [30, 6, 1, 0]
    # a day long past is filled in and, not being a month end, not kept; the newest are untouched
    pressure.run(inputs, settings, replace(run, run_id="past", as_of=AS_OF - timedelta(days=20)))
    again = inputs.rows("select distinct as_of from scores.pressure_tolerance order by as_of")
    assert again == kept


def test_empty_inputs_give_empty_tables(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    assert pressure.run(inputs, settings, run) == 0
