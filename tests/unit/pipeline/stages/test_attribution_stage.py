"""Stage attribution: totals, windows, months refreshed only when their journeys change, no path dependence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from millibar.attribution import AttributionParameters
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import attribution
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

PATHS = "intermediate.int_attribution__paths"
SCORES = ("attribution_channel", "attribution_transition", "attribution_weight")


def journeys(first: date, days: int, seed: int = 1) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = []
    for number in range(days):
        for path in ("email", "email > sms", "search_paid > email", "sms > sms > store"):
            converted = int(random.poisson(2))
            value = float(converted * random.integers(20, 80))
            squared = value**2 / max(converted, 1) * 1.2
            rows.append((first + timedelta(days=number), path, converted, int(random.poisson(6)), value, squared))
    columns = ["closed_on", "path", "conversions", "non_conversions", "value", "value_squared"]
    return pd.DataFrame(rows, columns=columns)


@pytest.fixture
def warehouse_with_journeys(inputs: Warehouse) -> Warehouse:
    fill(inputs, PATHS, journeys(date(2025, 1, 1), 181))
    return inputs


def test_credits_of_the_window_sum_to_its_conversions_and_revenue(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    totals = warehouse.rows(
        "select model, sum(conversions) as conversions, sum(revenue) as revenue from scores.attribution_channel "
        "where as_of = %(as_of)s group by model order by model",
        {"as_of": AS_OF},
    )
    window = warehouse.rows(
        f"select sum(conversions)::float8 as conversions, sum(value) as revenue from {PATHS} where closed_on > %(first)s",
        {"first": AS_OF - timedelta(days=90)},
    )[0]
    assert [row["model"] for row in totals] == ["markov", "shapley"]
    for row in totals:
        assert row["conversions"] == pytest.approx(window["conversions"])
        assert row["revenue"] == pytest.approx(window["revenue"])
    assert warehouse.value("select count(*) from scores.attribution_channel where conversions_low is null") == 0
    fit = warehouse.rows("select inputs from ops.model_runs where model = 'attribution_channel'")[0]["inputs"]
    assert fit["conversions"] == window["conversions"]


def test_months_have_weights_from_the_days_before_them(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    weights = warehouse.frame("select month, channel, weight from scores.attribution_weight")
    assert sorted({str(month) for month in weights["month"]}) == [f"2025-{n:02d}-01" for n in range(2, 7)]
    assert weights.groupby("month")["weight"].mean().to_numpy() == pytest.approx(1.0)
    assert weights["weight"].nunique() > 4
    # a day in June is in no month's window: nothing is fitted again
    fill(warehouse, PATHS, journeys(date(2025, 6, 20), 1, seed=9))
    before = contents(warehouse, "scores.attribution_weight")
    attribution.run(warehouse, settings, replace(run, run_id="run-2", as_of=AS_OF))
    assert contents(warehouse, "scores.attribution_weight") == before


def test_a_late_journey_refreshes_the_months_it_belongs_to(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    fill(warehouse, PATHS, journeys(date(2025, 3, 15), 1, seed=9))
    later = replace(run, run_id="run-2", as_of=AS_OF + timedelta(days=1))
    attribution.run(warehouse, settings, later)
    months = warehouse.rows(
        "select distinct month from scores.attribution_weight where as_of = %(day)s order by month",
        {"day": later.as_of},
    )
    # April, May and June look back to March; July is new
    assert [row["month"].month for row in months] == [4, 5, 6, 7]


def test_day_by_day_equals_from_scratch(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    table = journeys(date(2025, 1, 1), 100)
    for end in (40, 70, 100):
        part = table[(table["closed_on"] >= date(2025, 1, 1) + timedelta(days=end - 30 if end > 40 else 0))]
        part = part[part["closed_on"] < date(2025, 1, 1) + timedelta(days=end)]
        fill(inputs, PATHS, part)
        day = date(2025, 1, 1) + timedelta(days=end - 1)
        attribution.run(inputs, settings, replace(run, run_id=f"run-{end}", as_of=day))
    stepwise = [row | {"as_of": None} for row in contents(inputs, "scores.attribution_weight")]
    newest = inputs.rows("select channel, model, conversions, conversions_low from scores.attribution_channel "
                         "where as_of = %(day)s order by model, channel", {"day": day})  # fmt: skip
    for table_name in SCORES:
        inputs.execute(f"delete from scores.{table_name}")
    inputs.execute("delete from ops.model_runs")
    attribution.run(inputs, settings, replace(run, run_id="rebuild", as_of=day))
    rebuilt = [row | {"as_of": None} for row in contents(inputs, "scores.attribution_weight")]
    assert stepwise == rebuilt
    again = inputs.rows("select channel, model, conversions, conversions_low from scores.attribution_channel "
                        "order by model, channel")  # fmt: skip
    for old, new in zip(newest, again, strict=True):
        assert old == pytest.approx(new)


def test_running_again_gives_the_same_tables(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    attribution.run(warehouse_with_journeys, settings, run)
    before = [contents(warehouse_with_journeys, f"scores.{table}") for table in SCORES]
    attribution.run(warehouse_with_journeys, settings, replace(run, run_id="run-2"))
    assert [contents(warehouse_with_journeys, f"scores.{table}") for table in SCORES] == before


def test_an_older_day_leaves_later_months_alone(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    before = contents(warehouse, "scores.attribution_weight")
    attribution.run(warehouse, settings, replace(run, run_id="older", as_of=date(2025, 4, 10)))
    assert contents(warehouse, "scores.attribution_weight") == before
    attribution.run(warehouse, settings, replace(run, run_id="run-3"))
    assert contents(warehouse, "scores.attribution_weight") == before


def test_little_history_gives_weight_one(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill(inputs, PATHS, journeys(date(2025, 5, 20), 12))
    attribution.run(inputs, settings, run)
    weights = inputs.rows("select distinct weight from scores.attribution_weight")
    assert weights == [{"weight": 1.0}]


def test_no_journeys_no_rows(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    assert attribution.run(inputs, settings, run) == 0
    assert inputs.value("select count(*) from ops.model_runs") == 2


def test_fingerprints_change_with_the_parameters() -> None:
    days = pd.DataFrame({"closed_on": [date(2025, 1, 5)], "conversions": [1.0]})
    first = attribution.month_fingerprints(days, date(2025, 2, 3), AttributionParameters())
    other = attribution.month_fingerprints(days, date(2025, 2, 3), AttributionParameters(minimum_conversions=1))
    assert list(first) == ["2025-01-01", "2025-02-01"]
    assert attribution.months_to_refresh(first, other) == [date(2025, 1, 1), date(2025, 2, 1)]
    assert attribution.months_to_refresh(first, first) == []
