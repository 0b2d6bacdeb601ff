"""Churn scores: who is still a customer, what he is worth in the next days, and why we think so, in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from millibar.churn.parameters import ChurnParameters
from millibar.churn.rhythm import Floats, Purchases, Rhythm, fit_rhythm, rate_grid, score_rhythm

SCORE_COLUMNS = ["customer_id", "p_alive", "expected_orders", "expected_value", "risk_band", "main_reason"]
LATE_FACTOR = 2.0  # silent for so many of his own intervals, a customer is late
_WEIGHT_BOUNDS = (0.1, 20.0)


def purchases_of(customers: pd.DataFrame) -> Purchases:
    """Counted purchases of ``customers``: repeat_purchases, recency_days, age_days (null counts as 0)."""
    x, t_x, age = (
        pd.to_numeric(customers[name]).fillna(0).clip(lower=0).to_numpy(dtype=float)
        for name in ("repeat_purchases", "recency_days", "age_days")
    )
    return Purchases(x, np.minimum(t_x, age), age)


def score_customers(customers: pd.DataFrame, rhythm: Rhythm, parameters: ChurnParameters) -> pd.DataFrame:
    """Score every buyer; columns ``SCORE_COLUMNS``, one row a customer in the order given.

    ``customers``: customer_id, repeat_purchases, recency_days, age_days, mean_day_value (revenue a purchase day), and
    for the reasons days_since_response (null where there never was one), contacts, unsubscribes, complaints.
    """
    if customers.empty:
        return pd.DataFrame(columns=SCORE_COLUMNS)
    purchases = purchases_of(customers)
    alive, expected, _ = score_rhythm(purchases, rhythm, parameters.horizon_days, rate_grid(parameters))
    value, _ = shrunk_value(purchases.repeats + 1, customers["mean_day_value"].to_numpy(dtype=float))
    return pd.DataFrame(
        {
            "customer_id": customers["customer_id"].to_numpy(),
            "p_alive": alive,
            "expected_orders": expected,
            "expected_value": expected * value,
            "risk_band": risk_bands(alive, parameters),
            "main_reason": _reasons(customers, purchases, alive, parameters),
        }
    )


def risk_bands(alive: Floats, parameters: ChurnParameters) -> npt.NDArray[np.object_]:
    """low / medium / high / lost by the named thresholds."""
    conditions = [alive >= parameters.low_above, alive >= parameters.medium_above, alive >= parameters.high_above]
    return np.select(conditions, ["low", "medium", "high"], default="lost").astype(object)


def shrunk_value(days: Floats, means: Floats) -> tuple[Floats, float]:
    """Mean value of a purchase day shrunk to the population: (values, weight).

    ``days``: purchase days of each customer; ``means``: their mean value. The population's mean weighs as much as
    ``weight`` own purchases. Since ``E (mean_i - mean)^2 = tau^2 + sigma^2 / days_i``, the weight sigma^2 / tau^2 is
    the slope over the intercept of a least-squares line, kept within 0.1 and 20.
    """
    known = np.isfinite(means)
    if not known.any():
        return np.zeros(len(means)), _WEIGHT_BOUNDS[1]
    overall = float(np.average(means[known], weights=days[known]))
    inverse, squares = 1.0 / days[known], (means[known] - overall) ** 2
    weight = _WEIGHT_BOUNDS[1]
    if np.ptp(inverse) > 0:
        slope, intercept = np.polyfit(inverse, squares, 1)
        if intercept > 0:
            weight = float(np.clip(slope / intercept, *_WEIGHT_BOUNDS))
    own = np.where(known, means, overall)
    return (days * own + weight * overall) / (days + weight), weight


def holdout_quality(earlier: pd.DataFrame, parameters: ChurnParameters) -> dict[str, Any]:
    """Fit on counts at an earlier cut, compare with the purchases of the horizon that followed.

    ``earlier``: repeat_purchases, recency_days, age_days at the cut, later_purchases in the horizon after it. Returns
    customers, auc (of the chance of a purchase), auc_p_alive, brier, expected and observed purchases; only
    ``customers`` where nobody, or everybody, bought.
    """
    bought = earlier["later_purchases"].to_numpy(dtype=float) > 0
    figures: dict[str, Any] = {"customers": len(earlier)}
    if not bought.any() or bought.all():
        return figures
    purchases = purchases_of(earlier)
    rhythm = fit_rhythm(purchases, parameters)
    alive, expected, chance = score_rhythm(purchases, rhythm, parameters.horizon_days, rate_grid(parameters))
    return figures | {
        "fitted": rhythm.fitted,
        "auc": area_under_curve(chance, bought),
        "auc_p_alive": area_under_curve(alive, bought),
        "expected_purchases": float(expected.sum()),
        "observed_purchases": float(earlier["later_purchases"].sum()),
        "brier": float(np.mean((chance - bought) ** 2)),
    }


def area_under_curve(scores: Floats, positive: npt.NDArray[np.bool_]) -> float:
    """Chance that a positive scores above a negative, ties counting half; ``ValueError`` without both kinds."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        raise ValueError("the area under the curve needs at least one positive and one negative case")
    ranks = rankdata(scores)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _reasons(
    customers: pd.DataFrame, purchases: Purchases, alive: Floats, parameters: ChurnParameters
) -> npt.NDArray[np.object_]:
    """The strongest reason of each customer; the first that holds."""
    silence = purchases.age - purchases.recency
    interval = np.divide(purchases.recency, purchases.repeats, out=np.zeros(len(silence)), where=purchases.repeats > 0)
    repeats = purchases.repeats > 0
    late = repeats & (silence > LATE_FACTOR * np.maximum(interval, 1.0))
    unsubscribed = _count(customers, "unsubscribes") > 0
    complained = _count(customers, "complaints") > 0
    since = pd.to_numeric(customers["days_since_response"]).to_numpy(dtype=float)
    unheard = (_count(customers, "contacts") > 0) & ~(since <= parameters.silence_days)
    safe = alive >= parameters.low_above
    told = np.empty(len(silence), dtype=object)
    for place in range(len(silence)):
        if safe[place]:
            told[place] = "buys at the usual rhythm" if repeats[place] else "bought recently for the first time"
            if late[place] or (not repeats[place] and silence[place] > parameters.horizon_days):
                told[place] = f"quiet for {silence[place]:.0f} days, not unusual for so slow a buyer"
        elif complained[place]:
            told[place] = f"complained, and no purchase for {silence[place]:.0f} days"
        elif unsubscribed[place]:
            told[place] = f"unsubscribed, and no purchase for {silence[place]:.0f} days"
        elif late[place]:
            told[place] = f"no purchase for {silence[place]:.0f} days, usually every {max(interval[place], 1):.0f}"
        elif not repeats[place]:
            told[place] = f"one purchase only, {silence[place]:.0f} days ago"
        elif unheard[place]:
            told[place] = f"no answer to messages for more than {parameters.silence_days} days"
        else:
            told[place] = f"no purchase for {silence[place]:.0f} days"
    return told


def _count(customers: pd.DataFrame, name: str) -> Floats:
    return np.asarray(pd.to_numeric(customers[name]).fillna(0).to_numpy(dtype=float))
