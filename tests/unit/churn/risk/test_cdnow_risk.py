"""The published holdout: 23,570 customers of CDNOW, 13 weeks after a cut, learned from what was known at the cut."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.churn.risk import CustomerRisk, RiskQuality, judge, later_days, score_orders

HORIZON = 91  # 13 weeks
BAR = date(1997, 9, 30)


@pytest.fixture(scope="module")
def cdnow(reference_data: Path) -> pd.DataFrame:
    names = ["customer_id", "day", "discs", "value"]
    rows = pd.read_csv(
        reference_data / "cdnow" / "CDNOW_master.txt",
        sep=r"\s+",
        skiprows=1,
        names=names,
        dtype={"customer_id": str, "day": str},
    )
    return rows.assign(day=pd.to_datetime(rows["day"], format="%Y%m%d")).drop(columns="discs")


@pytest.fixture(scope="module")
def scored(cdnow: pd.DataFrame) -> CustomerRisk:
    return score_orders(cdnow, BAR, HORIZON)


def quality_of(cdnow: pd.DataFrame, risk: CustomerRisk, cut: date, chance: np.ndarray | None = None) -> RiskQuality:
    active = later_days(cdnow, cut, HORIZON, risk.features["customer_id"]) > 0
    return judge(risk.p_active if chance is None else chance, active, risk.features["days_since_order"])


def test_the_bars(cdnow: pd.DataFrame, scored: CustomerRisk) -> None:
    found = quality_of(cdnow, scored, BAR)
    assert scored.basis == "boosted"
    assert found.customers == 23_570
    assert found.auc >= 0.777
    assert found.ece <= 0.012
    assert found.brier <= 0.117
    assert found.lift > 1.1
    assert found.auc > found.baseline.high  # better than silence alone by more than chance
    purchase = quality_of(cdnow, scored, BAR, scored.features["model_p_active"].to_numpy())
    assert found.auc > purchase.auc + 0.008
    assert found.ece < purchase.ece / 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cut", "auc", "ece"),
    [
        # Floors a little under what was measured, so that a change that only suits the cut of the bar is seen.
        (date(1997, 6, 30), 0.745, 0.018),
        (date(1997, 12, 31), 0.805, 0.025),
        (date(1998, 3, 31), 0.838, 0.012),
    ],
)
def test_other_cuts(cdnow: pd.DataFrame, cut: date, auc: float, ece: float) -> None:
    found = quality_of(cdnow, score_orders(cdnow, cut, HORIZON), cut)
    assert found.auc >= auc
    assert found.ece <= ece


def test_learning_ends_one_horizon_before_the_cut(scored: CustomerRisk) -> None:
    assert scored.told["cuts"][-1] == "1997-07-01"
    assert scored.told["cuts"][0] >= "1997-02-14"


def test_everybody_has_a_reason(scored: CustomerRisk) -> None:
    told = scored.reasons()
    assert told.shape == (23_570, 3)
    assert all(isinstance(first, str) for first in told[:, 0])
    single = scored.features["repeat_purchases"].to_numpy() == 0
    silence = scored.features["days_since_order"].to_numpy()
    long_gone = single & (silence > 200) & (scored.features["orders"].to_numpy() == 1)
    named = [
        f"bought once only, {days} days ago" in row
        for row, days in zip(told[long_gone], silence[long_gone], strict=True)
    ]
    assert np.mean(named) > 0.95
