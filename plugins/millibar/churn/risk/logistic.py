"""Logistic regression whose coefficients are drawn to a prior: with few customers it says what the prior says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

Floats = npt.NDArray[np.float64]
_STEPS, _SMALL_ENOUGH = 60, 1e-9


@dataclass(frozen=True)
class Logistic:
    """``intercept`` and ``coefficients`` (columns,) on the log-odds scale."""

    intercept: float
    coefficients: Floats

    def log_odds(self, design: Floats) -> Floats:
        """(n,) of ``design`` (n, columns)."""
        return np.asarray(self.intercept + design @ self.coefficients)


def fit_logistic(design: Floats, active: npt.NDArray[np.bool_], prior: Floats, spread: float | Floats) -> Logistic:
    """Maximum a posteriori: coefficients ~ Normal(``prior``, ``spread``), intercept free, by Newton's steps.

    ``design`` (n, columns), ``active`` (n,) with both kinds, ``prior`` (columns,). The free intercept makes the mean
    prediction the observed share.
    """
    wide = np.column_stack([np.ones(len(design)), design])
    target = active.astype(np.float64)
    middle = np.concatenate([[0.0], prior])
    weight = np.concatenate([[1e-9], np.broadcast_to(1.0 / np.square(spread), prior.shape)])

    def loss(values: Floats) -> float:
        odds = wide @ values
        return float((np.logaddexp(0.0, odds) - target * odds).sum() + 0.5 * (weight * (values - middle) ** 2).sum())

    share = np.clip(target.mean(), 1e-6, 1 - 1e-6)
    values = middle.copy()
    values[0] = np.log(share / (1 - share)) - float((design @ prior).mean()) if len(design) else 0.0
    current = loss(values)
    for _ in range(_STEPS):
        chance = expit(wide @ values)
        slope = wide.T @ (chance - target) + weight * (values - middle)
        curve = (wide * (chance * (1 - chance))[:, None]).T @ wide + np.diag(weight + 1e-12)
        step = np.linalg.solve(curve, slope)
        size, better = 1.0, loss(values - step)
        while better > current and size > 1e-6:
            size /= 2
            better = loss(values - size * step)
        if better > current - _SMALL_ENOUGH * (1 + abs(current)):
            break
        values, current = values - size * step, better
    return Logistic(float(values[0]), np.asarray(values[1:]))
