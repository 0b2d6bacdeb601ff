"""The signals through a warehouse: what is read, what is written, and that a rerun writes the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.pressure.cohorts import cohort_reader, segment_columns
from millibar.pipeline.stages.pressure.signals import TABLES, write_signals
from millibar.pressure.detection import DetectionParameters
from millibar.pressure.signals import SignParameters
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.signal_inputs import TABLES as INPUT_TABLES
from unit.pipeline.stages.signal_inputs import statements
from unit.pipeline.stages.stage_inputs import contents

AS_OF = date(2025, 6, 30)
RUN = RunContext("run-1", AS_OF, 1)
DAYS = 150
HOSTILE = "=cmd|' /C calc'!A0 \"été\"; drop table x; --"


@pytest.fixture
def signal_inputs(warehouse: Warehouse) -> Warehouse:
    warehouse.execute(statements())
    return warehouse


def fill(warehouse: Warehouse, table: str, frame: pd.DataFrame) -> None:
    """Rows into an input table; counts a test does not name are 0."""
    columns = INPUT_TABLES[table]
    for name, kind in columns.items():
        if name not in frame and kind == "bigint":
            frame = frame.assign(**{name: 0})
    warehouse.append(table, pa.Table.from_pandas(frame, preserve_index=False))


def days(count: int = DAYS, last: date = AS_OF) -> list[date]:
    return list(pd.date_range(end=last, periods=count).date)


def fill_health(warehouse: Warehouse, channel: str = "email", last: date = AS_OF, **counts: object) -> None:
    frame = pd.DataFrame({"day": days(last=last), "channel": channel, "segment": "all", "revenue": 0.0})
    fill(warehouse, "marts.fct_channel_health_daily", frame.assign(**counts))


def fallen(mean: float, factor: float, seed: int) -> np.ndarray:
    level = np.full(DAYS, float(mean))
    level[-10:] *= factor
    return np.random.default_rng(seed).poisson(level)


def fill_campaigns(warehouse: Warehouse) -> None:
    """Spring answers badly; k2 is in no plan."""
    plan = pd.DataFrame({
        "campaign_id": ["k1"], "campaign_name": [HOSTILE], "team": ["crm"], "theme": [None], "targeting": ["mass"],
        "content": ["generic"],
    })  # fmt: skip
    fill(warehouse, "staging.stg_campaigns__campaigns", plan)
    rows = [
        pd.DataFrame({"day": days(120), "channel": "email", "campaign_id": "k2", "contacts": 1_000, "human_clicks": 50,
                      "theme": "sale"}),
        pd.DataFrame({"day": days(9), "channel": "email", "campaign_id": "k1", "contacts": 1_000, "human_clicks": 5}),
        pd.DataFrame({"day": days(120), "channel": "email", "campaign_id": None, "contacts": 10, "human_clicks": 1}),
    ]  # fmt: skip
    for frame in rows:
        fill(warehouse, "intermediate.int_touchpoint__daily", frame)


def test_a_fall_of_clicks_is_written_with_its_campaign(signal_inputs: Warehouse, settings: Settings) -> None:
    fill_health(signal_inputs, contacts=2_000, human_clicks=fallen(100, 0.5, 1))
    fill_campaigns(signal_inputs)
    written = write_signals(signal_inputs, settings, RUN)
    signals = signal_inputs.rows("select * from scores.pressure_signal")
    drivers = signal_inputs.rows("select * from scores.pressure_signal_driver order by rank")
    assert written == len(signals) + len(drivers)
    (found,) = [row for row in signals if row["alert"]]
    assert (found["sign"], found["channel"], found["verdict"]) == ("click_rate_falls", "email", "alert")
    assert found["judged_on"] == AS_OF
    assert AS_OF - timedelta(days=14) <= found["since"] < AS_OF
    assert found["observed"] == pytest.approx(0.025, rel=0.15)
    assert HOSTILE in found["cause"]
    named = [row for row in drivers if row["kind"] == "campaign"]
    assert {HOSTILE, "k2"} <= {row["driver"] for row in named}
    assert sum(row["contribution"] for row in named) == pytest.approx(-found["customers"])


def test_files_that_come_next_morning_are_no_fall(signal_inputs: Warehouse, settings: Settings) -> None:
    yesterday = AS_OF - timedelta(days=1)
    fill_health(signal_inputs, "all", yesterday, orders=np.random.default_rng(4).poisson(50, DAYS))
    write_signals(signal_inputs, settings, RUN)
    rows = signal_inputs.rows("select as_of, judged_on, verdict from scores.pressure_signal")
    assert rows == [{"as_of": AS_OF, "judged_on": yesterday, "verdict": "nothing"}]
    told = signal_inputs.value("select inputs from ops.model_runs where model = 'pressure_signal'")
    assert told["last_day"] == yesterday.isoformat()


def test_running_again_gives_the_same_and_the_past_is_not_read(signal_inputs: Warehouse, settings: Settings) -> None:
    fill_health(signal_inputs, contacts=2_000, human_clicks=fallen(100, 0.5, 1))
    fill_campaigns(signal_inputs)
    write_signals(signal_inputs, settings, RUN)
    before = [contents(signal_inputs, table) for table in TABLES]
    ancient = AS_OF - timedelta(days=900)
    fill_health(signal_inputs, last=ancient, contacts=9_000, human_clicks=1)
    fill(signal_inputs, "intermediate.int_touchpoint__daily", pd.DataFrame({
        "day": days(100, ancient), "channel": "email", "campaign_id": "k1", "contacts": 5, "human_clicks": 5,
    }))  # fmt: skip
    write_signals(signal_inputs, settings, replace(RUN, run_id="run-2"))
    assert [contents(signal_inputs, table) for table in TABLES] == before


def test_an_earlier_day_leaves_the_later_ones(signal_inputs: Warehouse, settings: Settings) -> None:
    fill_health(signal_inputs, contacts=2_000, human_clicks=fallen(100, 0.5, 1))
    write_signals(signal_inputs, settings, RUN)
    write_signals(signal_inputs, settings, replace(RUN, run_id="past", as_of=AS_OF - timedelta(days=20)))
    verdicts = signal_inputs.rows("select as_of, verdict from scores.pressure_signal order by as_of")
    assert [row["verdict"] for row in verdicts] == ["nothing", "alert"]


def test_empty_inputs_write_nothing(signal_inputs: Warehouse, settings: Settings) -> None:
    assert write_signals(signal_inputs, settings, RUN) == 0


def fill_readers(warehouse: Warehouse, moved: bool) -> None:
    """300 readers of the newsletter click every fifth day; for ten days nobody does, on the app they do, or do not."""
    random = np.random.default_rng(5)
    rows = []
    for number in range(300):
        segment = "store" if number % 2 else "search"
        rows.append(pd.DataFrame({"customer_id": [f"c{number}"], "acquisition_channel": segment}))
    fill(warehouse, "marts.dim_customer", pd.concat(rows, ignore_index=True))
    events = []
    for place, day in enumerate(days(100)):
        late = place >= 90
        people = np.flatnonzero(random.random(300) < 0.2)
        everybody = pd.DataFrame({"customer_id": [f"c{n}" for n in range(300)], "channel": "email", "is_contact": True})
        clicks = pd.DataFrame({"customer_id": [f"c{n}" for n in people], "is_response": True})
        clicks["channel"] = "push_app" if late else "email"
        events.append(everybody.assign(occurred_on=day, is_response=False, event_type="send"))
        if not late or moved:
            events.append(clicks.assign(occurred_on=day, is_contact=False, event_type="click"))
    frame = pd.concat(events, ignore_index=True).assign(is_machine=False)
    frame["occurred_at"] = pd.to_datetime(frame["occurred_on"]).dt.tz_localize("UTC") + pd.Timedelta(hours=9)
    fill(warehouse, "marts.fct_touchpoint", frame.assign(campaign_id=None))


@pytest.mark.parametrize(("moved", "verdict"), [(True, "shifted"), (False, "alert")])
def test_readers_who_moved_are_asked_for_and_are_no_alert(
    signal_inputs: Warehouse, settings: Settings, moved: bool, verdict: str
) -> None:
    fill_health(signal_inputs, contacts=300, human_clicks=fallen(60, 0.0, 6))
    fill_readers(signal_inputs, moved)
    write_signals(signal_inputs, settings, RUN)
    (found,) = signal_inputs.rows("select * from scores.pressure_signal where sign = 'click_rate_falls'")
    assert found["verdict"] == verdict
    assert found["alert"] is not moved
    assert found["shifted_to"] == ("push_app" if moved else None)
    assert (found["action_code"] is None) is moved


def test_a_segments_cohort_holds_its_customers_alone(signal_inputs: Warehouse, settings: Settings) -> None:
    fill_readers(signal_inputs, moved=True)
    read = cohort_reader(signal_inputs, settings, AS_OF, SignParameters(), DetectionParameters())
    assert segment_columns(settings) == ["acquisition_channel"]
    everybody, half = read("email", "all"), read("email", "acquisition_channel:store")
    assert everybody is not None
    assert half is not None
    assert half["contacts"].sum() == pytest.approx(everybody["contacts"].sum() / 2)
    assert read("email", "acquisition_channel:'; drop table x; --").empty
    device = read("email", "device:mobile")
    assert device is not None
    assert device["contacts"].sum() == everybody["contacts"].sum()


def test_the_companys_own_signs_are_read(signal_inputs: Warehouse, settings: Settings) -> None:
    """A team that empties, two teams on the same days, themes off the plan."""
    fill_health(signal_inputs, contacts=2_000, human_clicks=fallen(100, 1.0, 7))
    months = pd.date_range("2024-07-01", "2025-06-01", freq="MS").date
    fill(signal_inputs, "staging.stg_staffing__months", pd.DataFrame({
        "month_on": list(months) * 2, "team": ["crm"] * 12 + ["brand"] * 12, "headcount": 10,
        "leavers": [0] * 9 + [2, 2, 2] + [0, 1] * 6,
    }))  # fmt: skip
    fill(signal_inputs, "staging.stg_theme_plans__commitments", pd.DataFrame({
        "quarter": "2025-Q2", "channel": "email", "theme": ["service", "loyalty"], "committed_share": [0.5, 0.5],
    }))  # fmt: skip
    names = [f"{team}{number}" for team in ("crm", "digital") for number in range(10)]
    fill(signal_inputs, "staging.stg_campaigns__campaigns", pd.DataFrame({
        "campaign_id": names, "campaign_name": names, "team": [name.rstrip("0123456789") for name in names],
        "theme": "sale", "targeting": "segment", "content": "product",
    }))  # fmt: skip
    sent_on = [AS_OF - timedelta(days=age) for age in (2, 11, 17, 22, 31, 37, 45, 53)]
    fill(signal_inputs, "intermediate.int_touchpoint__daily", pd.DataFrame({
        "day": sent_on * 2, "channel": "email", "campaign_id": [*names[:8], *names[10:18]], "contacts": 400,
    }))  # fmt: skip
    touches = pd.concat([
        pd.DataFrame({"customer_id": [f"c{n}" for n in range(200)], "channel": "email", "occurred_on": day,
                      "campaign_id": campaign, "event_type": "send", "is_contact": True, "is_response": False,
                      "is_machine": False})
        for place, day in enumerate(sent_on) for campaign in (names[place], names[10 + place])
    ])  # fmt: skip
    at = pd.to_datetime(touches["occurred_on"]).dt.tz_localize("UTC") + pd.Timedelta(hours=9)
    fill(signal_inputs, "marts.fct_touchpoint", touches.assign(occurred_at=at))
    fill(signal_inputs, "intermediate.int_pressure__current", pd.DataFrame({
        "customer_id": [f"c{n}" for n in range(200)], "channel": "email", "last_contact_on": AS_OF,
    }))  # fmt: skip
    write_signals(signal_inputs, settings, RUN)
    rows = signal_inputs.rows("select sign, segment, verdict, action_code from scores.pressure_signal")
    verdicts = {(row["sign"], row["segment"]): row["verdict"] for row in rows}
    assert verdicts["team_turnover", "team:crm"] == "alert"
    assert verdicts["team_turnover", "team:brand"] == "nothing"
    assert verdicts["uncoordinated_plan", "all"] == "alert"
    assert verdicts["generic_content", "theme_plan"] == "alert"
    assert all(row["action_code"] for row in rows if row["verdict"] == "alert")
