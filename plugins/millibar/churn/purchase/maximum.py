"""Maximum likelihood of positive parameters, with intervals from the observed information."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from millibar.churn.purchase.counts import Floats, Places

Likelihood = Callable[[Floats], tuple[float, Floats]]  # parameters -> (log likelihood, its gradient)
INTERVAL_Z = 1.959963984540054
STEP = 1e-4  # of the differences of gradients, in logs of parameters
BOX = 14.0  # logs a parameter may move from where it starts: beyond, a factor of a million, it is not identified
WIDEST = 7.0  # standard error in logs above which data say nothing of a parameter
CLOSE = 1e-9  # rise of the log likelihood still to be had, a customer, at which to stop
NEWTON_STEPS = 8


@dataclass(frozen=True)
class Maximum:
    """``values``, ``low``, ``high``: shape (parameters,); the limits are nan where data do not settle a parameter."""

    values: Floats
    low: Floats
    high: Floats
    log_likelihood: float


def maximise(
    likelihood: Likelihood, starts: Sequence[Sequence[float]], customers: float, first_pass: Likelihood | None = None
) -> Maximum:
    """The best of the climbs from ``starts``, as logs of the parameters, with 95 % intervals on that scale.

    ``first_pass``: a cheaper likelihood with its maximum nearby; from there on the whole one is climbed by Newton's
    steps. ``customers``: what the likelihood sums over, for the tolerance.
    """
    begins = [np.log(np.asarray(start, dtype=np.float64)) for start in starts]
    box = [(low - BOX, high + BOX) for low, high in zip(np.min(begins, 0), np.max(begins, 0), strict=True)]
    # sums over vectors and systems of four equations: threads of the algebra library would only wait for each other
    with threadpool_limits(limits=1, user_api="blas"):
        climbs = [_climb(first_pass or likelihood, begin, box, customers) for begin in begins]
        best = max(climbs, key=lambda climb: climb[1])[0]
        point, value, curve = _newton(likelihood, best, box, customers)
    low, high = _interval(point, curve, box)
    return Maximum(np.exp(point), low, high, value)


def _climb(
    likelihood: Likelihood, begin: Floats, box: list[tuple[float, float]], customers: float
) -> tuple[Floats, float]:
    def downhill(point: Floats) -> tuple[float, Floats]:
        value, slope = likelihood(np.exp(point))
        return -value / customers, -slope * np.exp(point) / customers

    found = minimize(
        downhill, begin, jac=True, method="L-BFGS-B", bounds=box, options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7}
    )
    return np.asarray(found.x, dtype=np.float64), -float(found.fun) * customers


def _newton(
    likelihood: Likelihood, point: Floats, box: list[tuple[float, float]], customers: float
) -> tuple[Floats, float, Floats]:
    """(maximum, log likelihood there, its curvature) by steps of the curvature, climbing anew where they mislead."""
    value, slope = _in_logs(likelihood, point)
    curve = _curvature(likelihood, point)
    moved = False
    for _ in range(NEWTON_STEPS):
        free = _free(point, box)
        step = np.zeros(len(point))
        try:
            step[free] = np.linalg.solve(-curve[np.ix_(free, free)], slope[free])
        except np.linalg.LinAlgError:
            break
        rise = float(slope @ step)
        if abs(rise) < CLOSE * customers:
            break
        further, slope_there = _in_logs(likelihood, np.clip(point + step, *np.transpose(box)))
        if rise < 0 or not further > value:
            point, value = _climb(likelihood, point, box, customers)
            moved = True
            break
        point, value, slope = np.clip(point + step, *np.transpose(box)), further, slope_there
        moved = True
    return point, value, _curvature(likelihood, point) if moved else curve


def _in_logs(likelihood: Likelihood, point: Floats) -> tuple[float, Floats]:
    value, slope = likelihood(np.exp(point))
    return value, slope * np.exp(point)


def _curvature(likelihood: Likelihood, point: Floats) -> Floats:
    """Second derivatives in logs of parameters, by central differences of the gradient; shape (parameters,
    parameters)."""
    columns = []
    for place in range(len(point)):
        nudge = np.zeros(len(point))
        nudge[place] = STEP
        ahead, behind = _in_logs(likelihood, point + nudge)[1], _in_logs(likelihood, point - nudge)[1]
        columns.append((ahead - behind) / (2 * STEP))
    matrix = np.array(columns)
    return (matrix + matrix.T) / 2


def _free(point: Floats, box: list[tuple[float, float]]) -> Places:
    low, high = np.transpose(box)
    return np.flatnonzero((point > low + 0.01) & (point < high - 0.01))


def _interval(point: Floats, curve: Floats, box: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    error = np.full(len(point), np.nan)
    free = _free(point, box)
    information = -curve[np.ix_(free, free)]
    if len(free) and np.isfinite(information).all() and np.linalg.eigvalsh(information)[0] > 0:
        variance = np.diag(np.linalg.inv(information))
        error[free] = np.where((variance > 0) & (variance < WIDEST**2), np.sqrt(np.abs(variance)), np.nan)
    return np.exp(point - INTERVAL_Z * error), np.exp(point + INTERVAL_Z * error)
