"""Stage attribution: totals, windows, months refreshed only when their journeys change, no path dependence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import attribution
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.attribution_inputs import PATHS, aggregated_paths, fill_steps
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

SCORES = (
    "attribution_channel", "attribution_transition", "attribution_sequence", "attribution_order",
    "attribution_weight", "attribution_change", "attribution_experiment", "attribution_response",
    "attribution_budget",
)  # fmt: skip


@pytest.fixture
def warehouse_with_journeys(inputs: Warehouse) -> Warehouse:
    fill(inputs, PATHS, aggregated_paths(date(2025, 1, 1), 181))
    return inputs


def test_credits_of_the_window_sum_to_its_conversions_and_revenue(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    totals = warehouse.rows(
        "select model, sum(conversions) as conversions, sum(revenue) as revenue from scores.attribution_channel "
        "where as_of = %(as_of)s and dimension = 'all' group by model order by model",
        {"as_of": AS_OF},
    )
    window = warehouse.rows(
        f"select sum(conversions)::float8 as conversions, sum(value) as revenue from {PATHS} where closed_on > %(first)s",
        {"first": AS_OF - timedelta(days=90)},
    )[0]
    # no experiments: no calibrated rows, and the reason is told
    assert [row["model"] for row in totals] == ["markov", "markov_shapley"]
    for row in totals:
        assert row["conversions"] == pytest.approx(window["conversions"])
        assert row["revenue"] == pytest.approx(window["revenue"])
    assert warehouse.value("select count(*) from scores.attribution_channel where conversions_low is null") == 0
    fits = {row["model"]: row for row in warehouse.rows("select model, inputs, fit_quality from ops.model_runs")}
    assert fits["attribution_channel"]["inputs"]["conversions"] == window["conversions"]
    assert "no experiment" in fits["attribution_calibration"]["fit_quality"]["left_out"]


def test_segments_split_the_whole(warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    sums = warehouse.frame(
        "select dimension, segment, model, sum(conversions)::float8 as conversions, max(model_order) as model_order "
        "from scores.attribution_channel group by dimension, segment, model"
    )
    markov = sums[sums["model"] == "markov"].set_index(["dimension", "segment"])
    whole = markov.loc[("all", "all"), "conversions"]
    kinds = markov.loc["customer_type", "conversions"]
    assert sorted(kinds.index) == ["new", "returning"]
    assert kinds.sum() == pytest.approx(whole)
    assert markov.loc[("segment", "loyal"), "conversions"] == pytest.approx(whole)
    assert markov.loc[("device", "mobile"), "conversions"] == pytest.approx(whole)
    # a lost journey has no goal and counts against every one: one goal alone is the whole
    of_goal, of_all = (
        warehouse.rows(
            "select model, channel, conversions, conversions_low, removal_effect from scores.attribution_channel "
            "where dimension = %(dimension)s order by model, channel",
            {"dimension": dimension},
        )
        for dimension in ("goal", "all")
    )
    for one, other in zip(of_goal, of_all, strict=True):
        assert one == pytest.approx(other)
    assert markov["model_order"].nunique() == 1
    # every conversion was mobile in these journeys: the other device has too few to be judged
    assert ("device", "desktop") not in markov.index
    quality = warehouse.value("select fit_quality from ops.model_runs where model = 'attribution_channel'")
    assert quality["segments_left_out"] == {"device": 1}


def test_orders_and_sequences_are_kept(warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    orders = warehouse.rows("select order_number, is_chosen from scores.attribution_order order by order_number")
    assert [row["order_number"] for row in orders] == [1, 2, 3]
    chosen = [row["order_number"] for row in orders if row["is_chosen"]]
    assert len(chosen) == 1
    used = warehouse.value("select max(model_order) from scores.attribution_channel where model = 'markov'")
    assert used == chosen[0]
    pairs = warehouse.rows("select from_channel, to_channel from scores.attribution_sequence order by 1, 2")
    assert {(row["from_channel"], row["to_channel"]) for row in pairs} == {
        ("email", "sms"), ("search_paid", "email"), ("sms", "sms"), ("sms", "store"),
    }  # fmt: skip


def test_months_have_weights_from_the_days_before_them(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    weights = warehouse.frame("select month, model, channel, place, weight from scores.attribution_weight")
    assert sorted({str(month) for month in weights["month"]}) == [f"2025-{n:02d}-01" for n in range(1, 7)]
    of_paths = weights[weights["place"] == "any"]
    assert set(of_paths["model"]) == {"markov", "markov_shapley"}
    assert of_paths.groupby(["month", "model"])["weight"].mean().to_numpy() == pytest.approx(1.0)
    assert of_paths["weight"].nunique() > 4
    # a day in June is in no month's window: nothing is fitted again
    fill(warehouse, PATHS, aggregated_paths(date(2025, 6, 20), 1, seed=9))
    before = contents(warehouse, "scores.attribution_weight")
    attribution.run(warehouse, settings, replace(run, run_id="run-2", as_of=AS_OF))
    assert contents(warehouse, "scores.attribution_weight") == before


def test_a_touch_weighs_by_its_age(warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext) -> None:
    warehouse = warehouse_with_journeys
    fill_steps(warehouse, date(2025, 1, 1), 181)
    attribution.run(warehouse, settings, run)
    table = warehouse.frame(
        "select channel, place, weight from scores.attribution_weight "
        "where model = 'time_to_conversion' and month = '2025-06-01'"
    ).pivot(index="channel", columns="place", values="weight")
    assert sorted(table.columns) == [str(number) for number in range(8)]
    assert sorted(table.index) == ["(any)", "email", "search_paid"]
    # search converts within the hour, email between half a day and two and a half
    assert table.loc["search_paid", "0"] > 10 * table.loc["email", "0"]
    assert table.loc["email", "3"] > 5 * table.loc["search_paid", "3"]
    # the time a touch was made is part of what a month stands on
    warehouse.execute(
        "update intermediate.int_journey__steps set occurred_at = occurred_at - interval '1 hour' "
        "where converted_on = '2025-05-20'"
    )
    attribution.run(warehouse, settings, replace(run, run_id="run-2"))
    quality = warehouse.value(
        "select fit_quality from ops.model_runs where model = 'attribution_weight' and run_id = 'run-2'"
    )
    assert quality["months_fitted"] == ["2025-06-01"]


def test_a_late_journey_refreshes_the_months_it_belongs_to(
    warehouse_with_journeys: Warehouse, settings: Settings, run: RunContext
) -> None:
    warehouse = warehouse_with_journeys
    attribution.run(warehouse, settings, run)
    fill(warehouse, PATHS, aggregated_paths(date(2025, 3, 15), 1, seed=9))
    later = replace(run, run_id="run-2", as_of=AS_OF + timedelta(days=1))
    attribution.run(warehouse, settings, later)
    months = warehouse.rows(
        "select distinct month from scores.attribution_weight where as_of = %(day)s order by month",
        {"day": later.as_of},
    )
    # April, May and June look back to March; July is new
    assert [row["month"].month for row in months] == [4, 5, 6, 7]


def test_day_by_day_equals_from_scratch(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    table = aggregated_paths(date(2025, 1, 1), 100)
    for end in (40, 70, 100):
        part = table[(table["closed_on"] >= date(2025, 1, 1) + timedelta(days=end - 30 if end > 40 else 0))]
        part = part[part["closed_on"] < date(2025, 1, 1) + timedelta(days=end)]
        fill(inputs, PATHS, part)
        day = date(2025, 1, 1) + timedelta(days=end - 1)
        attribution.run(inputs, settings, replace(run, run_id=f"run-{end}", as_of=day))
    stepwise = [row | {"as_of": None} for row in contents(inputs, "scores.attribution_weight")]
    newest = "select dimension, segment, channel, model, conversions, conversions_low from scores.attribution_channel "
    ordered = "where as_of = %(day)s order by dimension, segment, model, channel"
    before = inputs.rows(newest + ordered, {"day": day})
    for table_name in SCORES:
        inputs.execute(f"delete from scores.{table_name}")
    inputs.execute("delete from ops.model_runs")
    attribution.run(inputs, settings, replace(run, run_id="rebuild", as_of=day))
    rebuilt = [row | {"as_of": None} for row in contents(inputs, "scores.attribution_weight")]
    assert stepwise == rebuilt
    for old, new in zip(before, inputs.rows(newest + ordered, {"day": day}), strict=True):
        assert old == pytest.approx(new)


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
    fill(inputs, PATHS, aggregated_paths(date(2025, 5, 20), 12))
    fill_steps(inputs, date(2025, 5, 20), 12)
    attribution.run(inputs, settings, run)
    weights = inputs.rows("select distinct weight from scores.attribution_weight")
    assert weights == [{"weight": 1.0}]


@pytest.mark.parametrize("conversions", [False, True])
def test_without_journeys_or_conversions_nothing_is_claimed(
    inputs: Warehouse, settings: Settings, run: RunContext, conversions: bool
) -> None:
    if conversions:
        lost = aggregated_paths(date(2025, 6, 1), 20)
        fill(inputs, PATHS, lost[lost["conversions"] == 0])
    attribution.run(inputs, settings, run)
    for table in ("attribution_change", "attribution_experiment", "attribution_response", "attribution_budget"):
        assert inputs.value(f"select count(*) from scores.{table}") == 0
    credited = inputs.value("select coalesce(sum(conversions), 0) from scores.attribution_channel")
    assert credited == 0
    assert inputs.value("select count(*) from ops.model_runs") == 6


def test_fingerprints_change_with_the_parameters() -> None:
    days = pd.DataFrame({"closed_on": [date(2025, 1, 5)], "conversions": [1.0]})
    first = attribution.month_fingerprints(days, date(2025, 2, 3), 90, "minimum 200")
    other = attribution.month_fingerprints(days, date(2025, 2, 3), 90, "minimum 1")
    assert list(first) == ["2025-01-01", "2025-02-01"]
    assert attribution.months_to_refresh(first, other) == [date(2025, 1, 1), date(2025, 2, 1)]
    assert attribution.months_to_refresh(first, first) == []


def test_a_month_stands_on_the_days_before_it_alone() -> None:
    days = pd.DataFrame({"closed_on": [date(2025, 1, 31), date(2025, 2, 1), date(2025, 2, 28)], "conversions": 1.0})
    before = attribution.month_fingerprints(days, date(2025, 3, 3), 30, "")
    for row, changed in ((0, ["2025-02-01", "2025-03-01"]), (1, ["2025-03-01"]), (2, ["2025-03-01"])):
        other = days.assign(conversions=[2.0 if place == row else 1.0 for place in range(3)])
        after = attribution.month_fingerprints(other, date(2025, 3, 3), 30, "")
        assert [month for month in before if before[month] != after[month]] == changed
