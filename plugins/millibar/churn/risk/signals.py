"""Drift as signs of the barometer: rows beside those of pressure, with verdict, cause in words and action."""

from __future__ import annotations

from typing import Any

import pandas as pd

from millibar.churn.risk.drift import CalibrationDrift
from millibar.churn.risk.parameters import RiskParameters
from millibar.churn.risk.quality import RiskQuality

INPUTS, CALIBRATION = "churn_inputs_drift", "churn_calibration_drift"
SIGNAL_COLUMNS = [
    "sign", "channel", "segment", "observed", "expected", "effect", "p_value", "q_value", "severity", "severity_level",
    "alert", "incident", "verdict", "cause", "action_code", "detector", "statistic", "threshold", "customers",
]  # fmt: skip
ALL = "all"
_NAMED = 3  # features a cause names
_MANY = 0.25  # share of the features from which their drift is severe
_LARGE = 2.0  # times the size of an alert from which drift of calibration is severe


def drift_signals(
    drift: pd.DataFrame,
    calibration: CalibrationDrift | None = None,
    quality: RiskQuality | None = None,
    parameters: RiskParameters | None = None,
) -> pd.DataFrame:
    """One row a sign, columns ``SIGNAL_COLUMNS`` (those of scores.pressure_signal; as_of and run_id are the caller's).

    ``drift``: of :func:`input_drift`; an empty frame gives no row for the inputs. ``calibration`` with the ``quality``
    it was found in, both or neither. Inputs: observed is the number of drifted features, expected 0, effect their
    share, statistic the largest index. Calibration: observed and expected are active shares, effect the one over the
    other less 1.
    """
    parameters = parameters or RiskParameters()
    rows = [] if drift.empty else [_of_inputs(drift, quality, parameters)]
    if calibration is not None and quality is not None:
        rows.append(_of_calibration(calibration, quality, parameters))
    return pd.DataFrame(rows, columns=SIGNAL_COLUMNS)


def _of_inputs(drift: pd.DataFrame, quality: RiskQuality | None, parameters: RiskParameters) -> dict[str, Any]:
    drifted = drift[drift["verdict"] == "drifted"].sort_values(["stability_index", "feature"], ascending=[False, True])
    share = len(drifted) / len(drift)
    p_value = min(float(drift["p_value"].min()) * len(drift), 1.0)
    largest = float(drift["stability_index"].max())
    row = _row(INPUTS, alert=len(drifted) > 0, is_severe=share >= _MANY, cause=_inputs_in_words(drifted, len(drift)))
    return row | {
        "observed": float(len(drifted)), "expected": 0.0, "effect": share, "p_value": p_value, "q_value": p_value,
        "severity": share, "detector": "stability_index", "statistic": largest, "threshold": parameters.drifted_from,
        "customers": float(quality.customers) if quality else None,
    }  # fmt: skip


def _of_calibration(found: CalibrationDrift, quality: RiskQuality, parameters: RiskParameters) -> dict[str, Any]:
    told = (
        f"{quality.observed_share:.1%} of {quality.customers:,} customers ordered in the last complete period, "
        f"{quality.predicted_share:.1%} were expected; calibration error {quality.ece:.3f}"
    )
    is_severe = found.size >= _LARGE * parameters.calibration_least
    expected = quality.predicted_share
    return _row(CALIBRATION, found.verdict == "alert", is_severe, told) | {
        "observed": quality.observed_share, "expected": expected,
        "effect": quality.observed_share / expected - 1.0 if expected > 0 else None,
        "p_value": found.p_value, "q_value": found.p_value, "severity": found.size,
        "detector": "calibration_error", "statistic": found.size, "threshold": parameters.calibration_least,
        "customers": float(quality.customers),
    }  # fmt: skip


def _row(sign: str, alert: bool, is_severe: bool, cause: str) -> dict[str, Any]:
    level = "high" if alert and is_severe else "normal"
    return {
        "sign": sign,
        "channel": ALL,
        "segment": ALL,
        "severity_level": level,
        "alert": alert,
        "incident": False,
        "verdict": "alert" if alert else "nothing",
        "cause": cause if alert else None,
        "action_code": f"sign_{sign}" + ("_high" if level == "high" else "") if alert else None,
    }


def _inputs_in_words(drifted: pd.DataFrame, features: int) -> str:
    named = "; ".join(
        f"{feature.replace('_', ' ')} (mean {_number(now)}, was {_number(then)})"
        for feature, now, then in drifted[["feature", "current_mean", "trained_mean"]]
        .head(_NAMED)
        .itertuples(index=False)
    )
    return f"{len(drifted)} of {features} inputs of the churn model are not what it was trained on: {named}"


def _number(value: float) -> str:
    return "unknown" if value != value else f"{value:.3g}"
