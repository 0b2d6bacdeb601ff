"""Opens and clicks of machines: recognised in a simulated market, and nothing is learned from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dbt.invoked import UNCHECKED
from dbt.landed import begin, land
from dbt.stand_ins import identify
from millibar.pipeline import ingest
from millibar.settings import Settings
from millibar.simulation.market import simulate
from millibar.simulation.parameters import MarketParameters
from millibar.warehouse.connect import Warehouse

PROJECT = Path(__file__).resolve().parents[2]
START, DAYS = date(2025, 10, 6), 45
LAST = START + timedelta(days=DAYS - 1)
Dbt = Callable[..., None]

# What models are fitted on and people are judged by, and the columns that count machines on purpose.
LEARNED_FROM = {
    "intermediate.int_engagement__customer_channel": ("touchpoints", "opens", "last_seen_on"),
    "intermediate.int_journey__steps": (),
    "intermediate.int_attribution__paths": (),
    "intermediate.int_churn__customer": (),
    "intermediate.int_moment__customer_hour": (),
    "intermediate.int_moment__customer_visit": (),
    "intermediate.int_attrition__customer_block": (),
    "intermediate.int_pressure__current": (),
    "intermediate.int_pressure__health": ("opens",),
    "marts.fct_pressure_daily": (),
    "marts.fct_conversion": (),
    "marts.fct_journey": (),
    "marts.fct_channel_affinity": (),
    "marts.dim_customer": ("touchpoints", "last_seen_on", "last_seen_channel"),
}


@pytest.fixture
def market(tmp_path: Path, settings: Settings) -> tuple[Settings, pd.DataFrame]:
    """Settings of a small market's deliveries, and who made each touchpoint."""
    simulate(MarketParameters(customers=900, start=START, days=DAYS, seed=23), tmp_path / "market", tmp_path / "truth")
    settings = replace(settings, landing=tmp_path / "market", sources=PROJECT / "config" / "sources")
    return settings, pd.read_parquet(tmp_path / "truth" / "touchpoints.parquet")


def build_core(warehouse: Warehouse, dbt: Dbt) -> None:
    begin(warehouse, LAST)
    dbt("build", "--selector", "staging", *UNCHECKED)
    identify(warehouse)
    dbt("run", "--selector", "core")


@pytest.mark.slow
def test_machines_are_told_from_persons_and_nothing_is_learned_from_them(
    warehouse: Warehouse, market: tuple[Settings, pd.DataFrame], dbt: Dbt
) -> None:
    settings, truth = market
    for source in ingest.prepare(settings):
        ingest.load(settings, source, "test", LAST)
    build_core(warehouse, dbt)
    _holds_recall_and_precision(warehouse, truth)
    before = inputs(warehouse)
    assert [name for name, rows in before.items() if rows.empty] == []
    added = _deliver_machine_acts(warehouse)
    build_core(warehouse, dbt)
    seen = warehouse.value(
        "select count(*) from marts.fct_touchpoint where is_machine and _source = 'test_touchpoints'"
    )
    assert seen == added
    after = inputs(warehouse)
    assert [name for name in before if not before[name].equals(after[name])] == []


def _holds_recall_and_precision(warehouse: Warehouse, truth: pd.DataFrame) -> None:
    marked = pd.DataFrame(
        warehouse.rows(
            "select touchpoint_id, event_type, is_machine as is_marked from marts.fct_touchpoint "
            "where event_type in ('open', 'click')"
        )
    )
    truth = truth.assign(touchpoint_id=truth["source"] + ":" + truth["touchpoint_id"])
    both = marked.merge(truth[["touchpoint_id", "is_machine"]], on="touchpoint_id", validate="one_to_one")
    assert len(both) == len(marked)
    for event_type, least_machines, least_precision in (("open", 100, 0.93), ("click", 20, 0.98)):
        acts = both[both["event_type"] == event_type]
        machines, right = acts["is_machine"].sum(), (acts["is_machine"] & acts["is_marked"]).sum()
        print(f"{event_type}: {machines} machines of {len(acts)}, recall {right / machines:.3f}, "
              f"precision {right / acts['is_marked'].sum():.3f}")  # fmt: skip
        assert machines >= least_machines
        assert right / machines >= 0.98
        assert right / acts["is_marked"].sum() >= least_precision


def _deliver_machine_acts(warehouse: Warehouse) -> int:
    """A client opens and a gateway clicks on every fourth mail of the last days; another follows all links later."""
    sends = warehouse.rows(
        "select message_id, email, crm_id, campaign_id, occurred_at from raw.touchpoints where event_type = 'send' "
        "and channel = 'email' and message_id is not null and email is not null and occurred_at::date < %(last)s "
        "order by touchpoint_id",
        {"last": LAST},
    )[::4]
    assert len(sends) >= 30
    rows: list[dict[str, Any]] = []
    for number, send in enumerate(sends):
        acts = [("open", 90.0), ("click", 6.0), *([("click", 500 + n / 4) for n in range(3)] if number % 2 else [])]
        for kind, seconds in acts:
            at = send["occurred_at"].replace(microsecond=0) + timedelta(seconds=seconds)
            rows.append(
                {
                    "touchpoint_id": f"x{len(rows)}",
                    "occurred_at": at.isoformat(),
                    "channel": "email",
                    "event_type": kind,
                }
                | {name: send[name] for name in ("message_id", "email", "crm_id", "campaign_id")}
            )
    land(warehouse, "touchpoints", LAST, rows)
    return len(rows)


def inputs(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    """Each table without the columns that count machines, in an order of its own."""
    found = {}
    for name, left_out in LEARNED_FROM.items():
        rows = pd.DataFrame(warehouse.rows(f"select * from {name}"))
        rows = rows.drop(columns=[column for column in (*left_out, "_batch_id", "changed_as_of") if column in rows])
        for column in rows.columns[rows.dtypes == "float64"]:
            rows[column] = rows[column].map(lambda value: f"{value:.9g}")
        rows = rows.astype(str)
        found[name] = rows.sort_values(list(rows.columns)).reset_index(drop=True)
    return found
