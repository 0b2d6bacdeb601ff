"""Drift: whether what the model reads, or how right it is, has moved away from what it was trained on."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2, norm

from millibar.churn.risk.matrix import Floats, columns_of
from millibar.churn.risk.parameters import RiskParameters
from millibar.churn.risk.quality import RiskQuality

DRIFT_COLUMNS = ["feature", "stability_index", "trained_mean", "current_mean", "verdict", "p_value"]
_DECILES = np.linspace(0.1, 0.9, 9)
_AGEING = 2.0  # times the movement of the period before it that a feature must show to have drifted
_HALF = 0.5  # customers every bin starts with, so that an empty one is no infinite drift


class CalibrationDrift(NamedTuple):
    """``size``: calibration error against the smaller of active and inactive predicted share; ``level``: observed
    share less the predicted one; ``p_value``: of both tests together; ``verdict``: alert or nothing."""

    size: float
    level: float
    p_value: float
    verdict: Literal["alert", "nothing"]


def input_drift(
    trained: pd.DataFrame,
    current: pd.DataFrame,
    parameters: RiskParameters | None = None,
    before: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Population stability index of every catalogued feature both frames have; columns ``DRIFT_COLUMNS``, by feature.

    ``trained``, ``current``: a row a customer, at one cut each. Bins: deciles of ``trained``, what lies outside its
    range, and unknown. stable < ``moved_from`` <= moved < ``drifted_from`` <= drifted; an index that equal populations
    of this size would show (chi-square, ``noise_quantile``) is stable. ``before``: the customers one period before
    ``trained``. A base that only grows older moves every period: a feature that moved half as much then has moved, not
    drifted.
    """
    parameters = parameters or RiskParameters()
    then, now = columns_of(trained), columns_of(current)
    earlier = columns_of(before) if before is not None else {}
    rows = []
    for name in sorted(then.keys() & now.keys()):
        index, degrees = stability_index(then[name], now[name])
        usual = stability_index(earlier[name], then[name])[0] if name in earlier else 0.0
        noise = _noise(len(then[name]), len(now[name]))
        p_value = float(chi2.sf(index / noise, degrees)) if degrees and noise else 1.0
        rows.append(
            {
                "feature": name,
                "stability_index": index,
                "trained_mean": _mean(then[name]),
                "current_mean": _mean(now[name]),
                "verdict": _verdict(index, p_value, usual, parameters),
                "p_value": p_value,
            }
        )
    return pd.DataFrame(rows, columns=DRIFT_COLUMNS)


def stability_index(trained: Floats, current: Floats) -> tuple[float, int]:
    """(population stability index, degrees of freedom): sum over bins of (q - p) ln(q / p); 0 without customers."""
    if not len(trained) or not len(current):
        return 0.0, 0
    known = trained[~np.isnan(trained)]
    edges = np.unique(np.concatenate([np.quantile(known, _DECILES, method="inverted_cdf"), [known.min(), known.max()]])
                      if len(known) else np.zeros(1))  # fmt: skip
    bins = len(edges) + 2
    then, now = (np.bincount(_bin(values, edges), minlength=bins).astype(np.float64) for values in (trained, current))
    used = (then + now) > 0
    p, q = ((counts[used] + _HALF) / (counts[used].sum() + _HALF * used.sum()) for counts in (then, now))
    return float(np.sum((q - p) * np.log(q / p))), int(used.sum()) - 1


def calibration_drift(quality: RiskQuality, parameters: RiskParameters | None = None) -> CalibrationDrift:
    """Whether the predictions of a period that is over were wrong by more than chance, and by enough to matter.

    Chance: the level (observed less predicted customers against their binomial spread) and Spiegelhalter's z, the
    smaller p-value of the two doubled, below ``calibration_p``. Size: the calibration error as a part of the predicted
    share of the rarer kind, at least ``calibration_least``.
    """
    parameters = parameters or RiskParameters()
    p_value = min(2 * min(_two_sided(quality.level_z), _two_sided(quality.spiegelhalter_z)), 1.0)
    rarer = min(quality.predicted_share, 1.0 - quality.predicted_share)
    size = quality.ece / max(rarer, 1.0 / quality.customers)
    drifted = p_value < parameters.calibration_p and size >= parameters.calibration_least
    level = quality.observed_share - quality.predicted_share
    return CalibrationDrift(size, level, p_value, "alert" if drifted else "nothing")


def _verdict(index: float, p_value: float, usual: float, parameters: RiskParameters) -> str:
    if index < parameters.moved_from or p_value > 1.0 - parameters.noise_quantile:
        return "stable"
    return "drifted" if index >= parameters.drifted_from and index > _AGEING * usual else "moved"


def _bin(values: Floats, edges: Floats) -> npt.NDArray[np.int64]:
    """0 ... len(edges): up to each edge, above the last; len(edges) + 1: unknown."""
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left")).astype(np.int64)


def _noise(trained: int, current: int) -> float:
    """What an index of equal populations is a chi-square of: 1 / n + 1 / m."""
    return 1.0 / trained + 1.0 / current if trained and current else 0.0


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _two_sided(z: float) -> float:
    return 2.0 * float(norm.sf(abs(z)))
