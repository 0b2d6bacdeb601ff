"""Stage attribution: changes between periods, experiments with planted effects, calibrated credits, budget."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import attribution
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.attribution_inputs import PATHS, aggregated_paths, fill_experiment, fill_steps
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill
from unit.pipeline.stages.test_attribution_stage import SCORES

RUNNING = {"first_on": date(2025, 4, 1), "last_on": date(2025, 6, 20)}


@pytest.fixture
def brand(inputs: Warehouse) -> Warehouse:
    """Half a year of journeys and of their steps."""
    fill(inputs, PATHS, aggregated_paths(date(2025, 1, 1), 181))
    fill_steps(inputs, date(2025, 1, 1), 181)
    return inputs


def channel_rows(warehouse: Warehouse, model: str) -> pd.DataFrame:
    return warehouse.frame(
        f"select * from scores.attribution_channel where model = '{model}' and dimension = 'all' order by channel"
    ).set_index("channel")


def test_a_planted_change_is_found_and_explained(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    calm = aggregated_paths(date(2025, 5, 1), 33)
    fill(inputs, PATHS, calm)
    fill(inputs, PATHS, aggregated_paths(date(2025, 6, 3), 28, seed=2, email_factor=3.0))
    attribution.run(inputs, settings, run)
    table = inputs.frame("select * from scores.attribution_change")
    assert set(table["model"]) == {
        "markov", "markov_shapley", "shapley", "first", "last", "last_non_direct", "linear",
    }  # fmt: skip
    for _, rows in table.groupby("model"):
        assert rows["conversions_now"].sum() == pytest.approx(table["conversions_now"].sum() / 7)
    rows = table[table["model"] == "markov_shapley"].set_index("channel")
    assert rows.loc["email", "is_real"]
    assert rows.loc["email", "change"] > 0
    assert str(rows.loc["email", "first_before"]) == "2025-05-06"
    assert str(rows.loc["email", "last_before"]) == "2025-06-02"
    assert str(rows.loc["email", "first_now"]) == "2025-06-03"
    moved = rows["conversions_now"] - rows["conversions_before"]
    assert (rows["volume_effect"] + rows["share_effect"]).to_numpy() == pytest.approx(moved.to_numpy())
    assert rows["change"].sum() == pytest.approx(0.0, abs=1e-9)


def test_a_planted_effect_is_measured_and_calibrates(brand: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_experiment(brand, channel="email", treated_rate=1.5, holdout_rate=1.0, customers=4000, **RUNNING)
    attribution.run(brand, settings, run)
    found = brand.rows("select * from scores.attribution_experiment")[0]
    assert found["effect_low"] < 0.5 < found["effect_high"]
    assert found["effect"] == pytest.approx(0.5, abs=0.15)
    # every hundredth customer was in both arms
    assert found["treated"] + found["holdout"] == 3960
    assert found["is_complete"]
    # all customers of the brand were in it, so a third of the treated customers' conversions is its doing
    total = brand.value(
        "select count(*) from marts.fct_conversion where converted_on between '2025-04-01' and '2025-06-20'"
    )
    share = found["incremental_conversions"] / total
    assert share == pytest.approx(0.5 / 1.5, abs=0.08)
    assert found["incremental_revenue"] == pytest.approx(50 * found["incremental_conversions"], rel=0.02)

    rows, model = channel_rows(brand, "calibrated"), channel_rows(brand, "markov_shapley")
    whole = model["conversions"].sum()
    assert rows["conversions"].sum() == pytest.approx(whole)
    assert rows["revenue"].sum() == pytest.approx(model["revenue"].sum())
    assert rows.loc["email", "conversions"] / whole == pytest.approx(share, abs=0.06)
    # comes of its own accord: nothing is its doing, and a row without credit is left out
    assert "store" in model.index
    assert "store" not in rows.index
    assert rows.loc["(base)", "conversions"] > 0
    assert (rows["conversions_low"] <= rows["conversions"]).all()
    assert (rows["conversions"] <= rows["conversions_high"]).all()
    # an experiment of one channel says less of the others
    width = (rows["conversions_high"] - rows["conversions_low"]) / rows["conversions"]
    assert width["sms"] > 2 * width["email"]


def test_customers_out_of_reach_are_left_out(brand: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_experiment(
        brand, channel="email", treated_rate=1.5, holdout_rate=1.0, customers=4000, reachable=0.3, **RUNNING
    )
    attribution.run(brand, settings, run)
    found = brand.rows("select * from scores.attribution_experiment")[0]
    assert found["treated"] + found["holdout"] == pytest.approx(0.3 * 3960, rel=0.1)
    assert found["effect_low"] < 0.5 < found["effect_high"]
    quality = brand.value("select fit_quality from ops.model_runs where model = 'attribution_experiment'")
    assert quality["holdout-1"]["out_of_reach"] == 3960 - found["treated"] - found["holdout"]
    # 0.3 of the customers times 0.5 conversions, of 1.15 a customer
    total = brand.value(
        "select count(*) from marts.fct_conversion where converted_on between '2025-04-01' and '2025-06-20'"
    )
    assert found["incremental_conversions"] / total == pytest.approx(0.15 / 1.15, abs=0.06)


def test_an_experiment_that_hurts_leaves_no_credit_below_nothing(
    brand: Warehouse, settings: Settings, run: RunContext
) -> None:
    fill_experiment(brand, channel="sms", treated_rate=0.8, holdout_rate=1.0, customers=4000, **RUNNING)
    attribution.run(brand, settings, run)
    rows = channel_rows(brand, "calibrated")
    assert (rows["conversions"] >= 0).all()
    assert rows.loc["sms", "conversions"] < 0.05 * rows["conversions"].sum()
    quality = brand.value("select fit_quality from ops.model_runs where model = 'attribution_calibration'")
    assert quality["below_nothing"] == ["sms"]


def test_a_frequency_test_is_reported_and_calibrates_nothing(
    brand: Warehouse, settings: Settings, run: RunContext
) -> None:
    fill_experiment(brand, channel=None, treated_rate=1.2, holdout_rate=1.0, **RUNNING)
    attribution.run(brand, settings, run)
    found = brand.rows("select channel, effect from scores.attribution_experiment")
    assert [row["channel"] for row in found] == [None]
    assert channel_rows(brand, "calibrated").empty


def test_an_experiment_that_runs_counts_to_as_of(brand: Warehouse, settings: Settings, run: RunContext) -> None:
    later = {"first_on": date(2025, 6, 1), "last_on": date(2025, 8, 1)}
    fill_experiment(brand, channel="email", treated_rate=2.0, holdout_rate=1.0, **later)
    attribution.run(brand, settings, run)
    found = brand.rows("select * from scores.attribution_experiment")[0]
    assert not found["is_complete"]
    assert found["last_on"] == AS_OF
    # half of the two months
    assert found["effect"] == pytest.approx(0.5, abs=0.2)


def test_an_experiment_of_a_handful_says_nothing(brand: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_experiment(brand, channel="email", treated_rate=2.0, holdout_rate=1.0, customers=40, **RUNNING)
    attribution.run(brand, settings, run)
    found = brand.rows("select * from scores.attribution_experiment")[0]
    assert found["effect"] is None
    assert channel_rows(brand, "calibrated").empty


def spend(first: date, days: int) -> pd.DataFrame:
    random = np.random.default_rng(8)
    day = [first + timedelta(days=number) for number in range(days)]
    return pd.DataFrame(
        {
            "spent_on": day * 2,
            "channel": ["email"] * days + ["search_paid"] * days,
            "cost": [*random.uniform(5, 15, days).round(2), *random.uniform(40, 120, days).round(2)],
        }
    )


def test_the_plan_keeps_the_total_and_the_bounds(brand: Warehouse, settings: Settings, run: RunContext) -> None:
    fill(brand, "staging.stg_spend__costs", spend(date(2025, 1, 1), 181))
    attribution.run(brand, settings, run)
    plan = brand.frame("select * from scores.attribution_budget order by channel").set_index("channel")
    assert list(plan.index) == ["email", "search_paid"]
    assert plan["recommended_spend"].sum() == pytest.approx(plan["current_spend"].sum())
    assert ((plan["recommended_spend"] / plan["current_spend"] - 1).abs() <= 0.3 + 1e-6).all()
    in_window = brand.value("select sum(cost)::float8 from staging.stg_spend__costs where spent_on > '2025-04-01'")
    assert plan["current_spend"].sum() == pytest.approx(in_window)
    # email costs a tenth: the money goes there, as far as it may
    assert plan.loc["email", "recommended_spend"] == pytest.approx(1.3 * plan.loc["email", "current_spend"])
    assert plan.loc["email", "is_limited"]
    assert (plan["expected_low"] <= plan["expected_revenue"]).all()
    assert plan["expected_revenue"].sum() >= plan["current_revenue"].sum()
    curves = brand.frame("select * from scores.attribution_response order by channel").set_index("channel")
    assert (curves["marginal_revenue_low"] < curves["marginal_revenue"]).all()
    assert curves.loc["email", "days"] == 167  # from the first sale to two weeks before as_of
    # the curve passes through the credit
    credit = channel_rows(brand, "markov_shapley")["revenue"]
    assert plan["current_revenue"].to_numpy() == pytest.approx(credit[plan.index].to_numpy(), rel=0.02)


def test_a_channel_with_few_days_of_spend_has_no_curve_of_its_own(
    brand: Warehouse, settings: Settings, run: RunContext
) -> None:
    fill(brand, "staging.stg_spend__costs", spend(date(2025, 6, 1), 20))
    fill(brand, "staging.stg_spend__costs", spend(date(2025, 6, 1), 20).head(1).assign(channel="radio"))
    attribution.run(brand, settings, run)
    curves = brand.rows("select curve, ceiling, basis from scores.attribution_response")
    assert {row["curve"] for row in curves} == {"linear"}
    assert {row["ceiling"] for row in curves} == {None}
    assert all("days with spend" in row["basis"] for row in curves)
    # no journey holds radio: its money is not planned with, and that is told
    quality = brand.value("select fit_quality from ops.model_runs where model = 'attribution_budget'")
    assert quality["not_planned"] == ["radio"]


def test_a_channel_that_costs_next_to_nothing_is_not_planned_with(
    brand: Warehouse, settings: Settings, run: RunContext
) -> None:
    """Some cents beside thousands return ten thousand times their cost, and could not take a budget."""
    money = spend(date(2025, 1, 1), 181)
    fill(brand, "staging.stg_spend__costs", money)
    cents = money[money["channel"] == "email"].assign(channel="sms", cost=0.001)
    fill(brand, "staging.stg_spend__costs", cents)
    attribution.run(brand, settings, run)
    planned = brand.rows("select channel from scores.attribution_budget order by channel")
    assert [row["channel"] for row in planned] == ["email", "search_paid"]
    quality = brand.value("select fit_quality from ops.model_runs where model = 'attribution_budget'")
    assert quality["not_planned"] == ["sms"]


def test_running_again_gives_the_same_tables(brand: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_experiment(brand, channel="email", treated_rate=1.5, holdout_rate=1.0, **RUNNING)
    fill(brand, "staging.stg_spend__costs", spend(date(2025, 1, 1), 181))
    attribution.run(brand, settings, run)
    before = [contents(brand, f"scores.{table}") for table in SCORES]
    assert all(before)
    attribution.run(brand, settings, replace(run, run_id="run-2"))
    assert [contents(brand, f"scores.{table}") for table in SCORES] == before
