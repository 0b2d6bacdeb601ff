"""Gamma-Gamma: what an order of each customer is worth, his own mean shrunk to everybody's (Fader and Hardie 2013).

Orders of a customer are worth Gamma(p, nu), nu ~ Gamma(q, v) between customers; their mean is p nu^-1. With x orders of
mean m the expectation is p (v + x m) / (p x + q - 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import digamma, gammaln

from millibar.churn.purchase.counts import Floats
from millibar.churn.purchase.maximum import Likelihood, maximise

NAMES = ("p", "q", "v")
FEWEST_VALUES = 20  # customers, and the least of them whose orders tell a spread between customers
FIRST_PASS_ROWS = 20_000
LEAST_SHAPE = 1.05  # of q: at 1 the mean between customers is infinite, and nothing could be shrunk to it


@dataclass(frozen=True)
class ValueFit:
    """``values`` p, q and v, with limits of 95 % intervals (nan where not settled). ``mean``: of the orders, which is
    what everybody gets when ``fitted`` is False: too few customers with orders above 0, or no difference between
    them."""

    values: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    log_likelihood: float
    customers: float
    mean: float
    fitted: bool


def fit_value(orders: npt.ArrayLike, mean_value: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> ValueFit:
    """Maximum likelihood. Arguments of shape (customers,): orders, their mean value, customers a row stands for (1).

    A customer without orders, or whose mean is 0 or less because returns undo his orders, tells nothing of a gamma and
    is left out. Raises ``ValueError`` on arrays of different lengths.
    """
    x, m = np.asarray(orders, dtype=np.float64), np.asarray(mean_value, dtype=np.float64)
    n = np.ones(len(x)) if weight is None else np.asarray(weight, dtype=np.float64)
    if not len(x) == len(m) == len(n):
        raise ValueError(
            f"orders, mean values and weights have {len(x)}, {len(m)} and {len(n)} rows; give one a customer"
        )
    good = (x > 0) & (m > 0) & (n > 0) & np.isfinite(m)
    x, m, n = x[good], m[good], n[good]
    if n.sum() < FEWEST_VALUES or np.ptp(m) <= 1e-9 * m.max():
        mean = float((n * x) @ m / (n @ x)) if len(x) else 0.0
        unknown = dict.fromkeys(NAMES, float("nan"))
        return ValueFit(unknown, dict(unknown), dict(unknown), float("nan"), float(n.sum()), mean, False)
    return _fit(x, m, n)


def expected_value(fit: ValueFit, orders: npt.ArrayLike, mean_value: npt.ArrayLike) -> Floats:
    """Value to expect of each customer's next order, shape (customers,): never nan, never below 0.

    Without orders, or where no mean is known, it is that of everybody; a mean of 0 or less, from returns as large as
    the orders, gives 0. Without a fit it is the customer's own mean, and the mean of all where he has none.
    """
    x, m = np.asarray(orders, dtype=np.float64), np.asarray(mean_value, dtype=np.float64)
    known = (x > 0) & np.isfinite(m)
    own = np.where(known, np.maximum(np.nan_to_num(m), 0.0), 0.0)
    if not fit.fitted:
        return np.where(known, own, fit.mean)
    p, q, v = (fit.values[name] for name in NAMES)
    count = np.where(known, x, 0.0)
    mean = p * (v + count * own) / (p * count + q - 1)
    return np.where(known & (own <= 0), 0.0, mean)


def _fit(x: Floats, m: Floats, n: Floats) -> ValueFit:
    scale = float((n * x) @ m / (n @ x))
    step = len(x) // FIRST_PASS_ROWS
    some = np.lexsort((m, x))[step // 2 :: step] if step > 1 else slice(None)
    found = maximise(
        likelihood(x, m, n), [(2.0, 3.0, scale), (8.0, 2.0, 0.2 * scale)], float(n.sum()),
        likelihood(x[some], m[some], n[some]) if step > 1 else None,
    )  # fmt: skip
    values = dict(zip(NAMES, map(float, found.values), strict=True))
    low = dict(zip(NAMES, map(float, found.low), strict=True))
    high = dict(zip(NAMES, map(float, found.high), strict=True))
    if values["q"] < LEAST_SHAPE:
        values = _with_a_mean(values, scale)
    return ValueFit(values, low, high, found.log_likelihood, float(n.sum()), scale, True)


def _with_a_mean(values: dict[str, float], mean: float) -> dict[str, float]:
    """Values so heavy-tailed that the mean between customers would be infinite: q is held, v set to the mean seen."""
    q = LEAST_SHAPE
    return {"p": values["p"], "q": q, "v": mean * (q - 1) / values["p"]}


def likelihood(x: Floats, m: Floats, n: Floats) -> Likelihood:
    """Log likelihood of (p, q, v) with its gradient; orders, mean values and customers of each row, shape (rows,)."""
    levels, level = np.unique(x, return_inverse=True)
    total, value = np.bincount(level, n), x * m
    log_value = np.bincount(level, n * np.log(value))
    log_mean = float(n @ np.log(m))

    def evaluate(values: Floats) -> tuple[float, Floats]:
        p, q, v = values
        shape = p * levels + q
        log_sum = np.bincount(level, n * np.log(v + value))
        inverse = np.bincount(level, n / (v + value))
        by_level = gammaln(shape) - gammaln(p * levels) - gammaln(q) + q * np.log(v)
        found = total @ by_level + p * (levels @ log_value) - log_mean - shape @ log_sum
        slope = np.array(
            [
                levels @ (total * (digamma(shape) - digamma(p * levels)) + log_value - log_sum),
                total @ (digamma(shape) - digamma(q) + np.log(v)) - log_sum.sum(),
                total.sum() * q / v - shape @ inverse,
            ]
        )
        return float(found), slope

    return evaluate
