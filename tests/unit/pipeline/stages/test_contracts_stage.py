"""Stage churn, contracts: running subscriptions scored, a cancelled one at 0, nothing without the feed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.churn import contracts
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

TABLE = """
    create table if not exists marts.fct_subscription (
        subscription_id text, customer_id text, plan text, started_on date, terms integer, term_starts_on date,
        ends_on date, term_days integer, cancelled_on date, is_ended boolean, amount numeric(18, 4), currency text
    )
"""


@pytest.fixture
def house(inputs: Warehouse) -> Warehouse:
    inputs.execute(TABLE)
    inputs.execute("delete from marts.fct_subscription")
    return inputs


def subscriptions(count: int) -> pd.DataFrame:
    """A yearly tenth or so leaves, the faithful ones less; every 50th of those who run has cancelled."""
    random = np.random.default_rng(4)
    lifetime = random.geometric(np.clip(random.beta(1.0, 5.0, count), 1e-6, 1))
    seen = random.integers(1, 8, count)
    ended = lifetime < seen
    cancelled = ~ended & (np.arange(count) % 50 == 0)
    return pd.DataFrame(
        {
            "subscription_id": [f"s{number:05}" for number in range(count)],
            "customer_id": [f"k{number % 997}" for number in range(count)],
            "terms": np.minimum(lifetime, seen),
            "ends_on": [AS_OF + timedelta(days=-40 if over else 20) for over in ended],
            "cancelled_on": [AS_OF if gone else None for gone in cancelled],
            "is_ended": ended,
            "amount": [None if number % 7 == 0 else 20.0 for number in range(count)],
        }
    )


def test_running_subscriptions_are_scored(house: Warehouse, settings: Settings, run: RunContext) -> None:
    told = subscriptions(3_000)
    fill(house, "marts.fct_subscription", told)
    assert contracts.run(house, settings, run) == len(told[~told["is_ended"]]) + 3
    scored = house.frame("select * from scores.contract order by subscription_id")
    running = told[~told["is_ended"]]
    assert scored["subscription_id"].tolist() == running["subscription_id"].tolist()
    assert scored["as_of"].eq(AS_OF).all()
    gone = running["cancelled_on"].notna().to_numpy()
    assert scored.loc[gone, ["p_renewal", "expected_terms", "expected_value"]].to_numpy().max() == 0
    assert set(scored.loc[gone, "basis"]) == {"cancelled"}
    assert scored.loc[~gone, "p_renewal"].between(0.5, 1, inclusive="neither").all()
    assert scored.loc[~gone].groupby("terms")["p_renewal"].mean().is_monotonic_increasing
    worth = np.where(running["amount"].isna(), 0, 20) * scored["expected_terms"]
    assert scored["expected_value"].to_numpy() == pytest.approx(worth.to_numpy())


def test_the_model_is_told(house: Warehouse, settings: Settings, run: RunContext) -> None:
    fill(house, "marts.fct_subscription", subscriptions(3_000))
    contracts.run(house, settings, run)
    rows = house.frame("select parameter, value, low, high from scores.churn_parameters").set_index("parameter")
    assert set(rows.index) == {"alpha", "beta", "renewed_share"}
    for name, truth in (("alpha", 1.0), ("beta", 5.0)):
        assert rows.loc[name, "low"] < truth < rows.loc[name, "high"]
    quality = house.value("select fit_quality from ops.model_runs where model = 'shifted_beta_geometric'")
    assert quality["fitted"]
    assert {"term", "survival", "expected", "low", "high"} <= set(quality["survival"][0])
    assert quality["largest_gap"] < 0.05


def test_a_second_run_writes_the_same(house: Warehouse, settings: Settings, run: RunContext) -> None:
    fill(house, "marts.fct_subscription", subscriptions(500))
    contracts.run(house, settings, run)
    first = [contents(house, table) for table in ("scores.contract", "scores.churn_parameters")]
    contracts.run(house, settings, run)
    assert [contents(house, table) for table in ("scores.contract", "scores.churn_parameters")] == first


def test_a_handful_gets_the_share_of_renewals(house: Warehouse, settings: Settings, run: RunContext) -> None:
    fill(house, "marts.fct_subscription", subscriptions(12))
    contracts.run(house, settings, run)
    scored = house.frame("select p_renewal, basis from scores.contract where basis <> 'cancelled'")
    assert set(scored["basis"]) == {"renewal_share"}
    assert scored["p_renewal"].nunique() == 1
    assert house.frame("select parameter from scores.churn_parameters")["parameter"].tolist() == ["renewed_share"]


def test_without_the_feed_nothing_is_written(house: Warehouse, settings: Settings, run: RunContext) -> None:
    assert contracts.run(house, settings, run) == 0
    assert house.value("select count(*) from ops.model_runs") == 0
    fill(house, "marts.fct_subscription", subscriptions(500))
    contracts.run(house, settings, run)
    house.execute("delete from marts.fct_subscription")
    assert contracts.run(house, settings, run) == 0  # the last subscription is gone: no score of it stays
    assert house.value("select count(*) from scores.contract") == 0
    assert house.value("select count(*) from scores.churn_parameters") == 0
