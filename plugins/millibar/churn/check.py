"""How right the scores were on the last complete period, and whether the ground moves under them.

The newest earlier cut is scored as it would have been then: learned from the cut before it, on what was known, and
compared with what has come since. Today's customers are compared with those the model in use was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from millibar.churn.risk import (
    CustomerRisk,
    RiskQuality,
    calibration_drift,
    drift_signals,
    input_drift,
    judge,
    score_features,
)
from millibar.churn.scores import RHYTHM, BuyerScores, ChurnModels

RISK, RECENCY = "churn_risk", "recency"
QUALITY_COLUMNS = (
    "model", "cut", "horizon_days", "customers", "observed_share", "predicted_share", "auc", "auc_low", "auc_high",
    "ece", "brier", "lift",
)  # fmt: skip
CALIBRATION_COLUMNS = ("model", "bin", "customers", "predicted", "observed", "observed_low", "observed_high")


@dataclass(frozen=True)
class ChurnCheck:
    """``quality``, ``calibration``, ``drift``, ``signals``: rows of scores.churn_*, less as_of and run_id; the first
    two are empty while no period is complete. ``basis``: what the scores of that period came from.
    """

    quality: pd.DataFrame
    calibration: pd.DataFrame
    drift: pd.DataFrame
    signals: pd.DataFrame
    basis: str | None

    def told(self) -> dict[str, Any]:
        """For ops.model_runs."""
        return {"basis": self.basis, "models": self.quality.drop(columns="cut").to_dict("records")}


def check_buyers(scored: BuyerScores, earlier: pd.DataFrame, models: ChurnModels) -> ChurnCheck:
    """Judge the newest cut of ``earlier`` (see ``score_buyers``) and compare its customers with those just scored."""
    cuts = sorted(earlier["cut"].unique())
    if not cuts:
        return _unchecked()
    before, past = earlier[earlier["cut"] < cuts[-1]], earlier[earlier["cut"] == cuts[-1]].reset_index(drop=True)
    then = score_features(past, before, models.churn.horizon_days, models.risk)
    judged = _judged(then, past)
    drift = input_drift(past, scored.risk.features, models.risk, before if len(before) else None)
    signals = drift_signals(drift, calibration_drift(judged[RISK], models.risk), judged[RISK], models.risk)
    quality = _quality_rows(judged, cuts[-1], models.churn.horizon_days)
    return ChurnCheck(quality, _calibration_rows(judged), _stored(drift), signals, then.basis)


def _unchecked() -> ChurnCheck:
    """While no period is complete there is nothing to judge, and no model whose inputs could have drifted."""
    drift = input_drift(pd.DataFrame(), pd.DataFrame())
    return ChurnCheck(
        pd.DataFrame(columns=list(QUALITY_COLUMNS)),
        pd.DataFrame(columns=list(CALIBRATION_COLUMNS)),
        _stored(drift),
        drift_signals(drift),
        None,
    )


def _judged(then: CustomerRisk, past: pd.DataFrame) -> dict[str, RiskQuality]:
    """Quality of the risk model and of the purchase model beside it."""
    active = past["later_orders"].to_numpy(dtype=float) > 0
    since = past["days_since_order"].to_numpy(dtype=float)
    alone = then.features["model_p_active"].to_numpy(dtype=float)
    return {RISK: judge(then.p_active, active, since), RHYTHM: judge(alone, active, since)}


def _quality_rows(judged: dict[str, RiskQuality], cut: date, horizon_days: int) -> pd.DataFrame:
    """A row a model, and one of the days since the last order, which foretell no chance."""
    rows = [
        (name, cut, horizon_days, found.customers, found.observed_share, found.predicted_share, *found.ranking,
         found.ece, found.brier, found.lift)
        for name, found in judged.items()
    ]  # fmt: skip
    risk, nothing = judged[RISK], float("nan")
    rows.append(
        (RECENCY, cut, horizon_days, risk.customers, risk.observed_share, nothing, *risk.baseline, nothing, nothing,
         risk.baseline_lift)
    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(QUALITY_COLUMNS))


def _calibration_rows(judged: dict[str, RiskQuality]) -> pd.DataFrame:
    rows = [
        (name, part.bin, part.customers, part.predicted, part.observed, part.observed_low, part.observed_high)
        for name, found in judged.items()
        for part in found.bins
    ]
    return pd.DataFrame(rows, columns=list(CALIBRATION_COLUMNS))


def _stored(drift: pd.DataFrame) -> pd.DataFrame:
    return drift[["feature", "stability_index", "trained_mean", "current_mean", "verdict"]]
