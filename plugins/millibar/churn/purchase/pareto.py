"""Pareto/NBD: purchases at a rate of one's own until one leaves, unseen, at a time of one's own.

Rates lambda ~ Gamma(r, alpha), departures mu ~ Gamma(s, beta) (Schmittlein, Morrison and Colombo 1987). The
likelihood is that of Fader and Hardie, "A note on deriving the Pareto/NBD model", before its integral over the time
of departure

    I = integral of (alpha + u)^-(r + x) (beta + u)^-(s + 1) du, u from t_x to T

is written as a difference of two 2F1, which overflows and cancels: here it is a Gauss sum in logs, all of whose terms
are positive. The chance of an order within a horizon is an integral of the same family.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import digamma, expit, gammaln

from millibar.churn.purchase.counts import Floats, PurchaseCounts
from millibar.churn.purchase.maximum import Likelihood

POINTS, SHARES = np.polynomial.legendre.leggauss(48)
POINTS, SHARES = (POINTS + 1) / 2, SHARES / 2
SMALL = 45.0  # exp(-45): what is left of an integrand beyond adds nothing
CHUNK_ROWS = 20_000


def likelihood(counts: PurchaseCounts) -> Likelihood:
    """Log likelihood of (r, alpha, s, beta) with its gradient."""
    parts = [slice(at, at + CHUNK_ROWS) for at in range(0, len(counts), CHUNK_ROWS)]

    def evaluate(values: Floats) -> tuple[float, Floats]:
        value, slope = 0.0, np.zeros(4)
        for part in parts:
            added = _rows_likelihood(values, _part(counts, part))
            value += added[0]
            slope += added[1]
        return value, slope

    return evaluate


def p_alive(values: Floats, counts: PurchaseCounts) -> Floats:
    """Chance of not having left by T; shape (rows,)."""
    return _by_parts(lambda rows: np.asarray(expit(-_gone_odds(values, rows))), counts)


def p_order(values: Floats, counts: PurchaseCounts, horizon: float) -> Floats:
    """Chance of an order within the horizon given life at T; shape (rows,)."""
    r, alpha, s, beta = values

    def of(rows: PurchaseCounts) -> Floats:
        here, there = alpha + rows.age, beta + rows.age
        zero = np.zeros(len(rows))
        log_integral, _, _ = _integral(here, there, r + rows.repeats + 1, s, zero, zero + horizon)
        log_share = np.log(r + rows.repeats) + (r + rows.repeats) * np.log(here) + s * np.log(there) + log_integral
        return np.asarray(np.minimum(np.exp(log_share), 1.0))

    return _by_parts(of, counts)


def expected_orders(values: Floats, counts: PurchaseCounts, horizon: float) -> Floats:
    """Orders within the horizon given life at T (Fader and Hardie's note, conditional expectation); shape (rows,)."""
    r, alpha, s, beta = values
    reach = np.log1p(horizon / (beta + counts.age))
    lived = reach if abs(s - 1) < 1e-12 else -np.expm1(-(s - 1) * reach) / (s - 1)
    return np.asarray((r + counts.repeats) * (beta + counts.age) / (alpha + counts.age) * lived)


def _rows_likelihood(values: Floats, rows: PurchaseCounts) -> tuple[float, Floats]:
    r, alpha, s, beta = values
    x, age, weight = rows.repeats, rows.age, rows.weight
    log_integral, log_moments, inverse_moments = _integral(
        alpha + np.zeros(len(x)), beta + np.zeros(len(x)), r + x, s + 1, rows.recency, age
    )
    here, there = np.log(alpha + age), np.log(beta + age)
    alive = -(r + x) * here - s * there
    odds = np.log(s) + log_integral - alive
    gone = expit(odds)
    stay = 1 - gone
    value = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta) + alive + np.logaddexp(0.0, odds)
    slopes = (
        digamma(r + x) - digamma(r) + np.log(alpha) - stay * here - gone * log_moments[0],
        r / alpha - (r + x) * (stay / (alpha + age) + gone * inverse_moments[0]),
        np.log(beta) - stay * there + gone * (1 / s - log_moments[1]),
        s / beta - stay * s / (beta + age) - gone * (s + 1) * inverse_moments[1],
    )
    return float(weight @ value), np.array([weight @ slope for slope in slopes])


def _gone_odds(values: Floats, rows: PurchaseCounts) -> Floats:
    """Log odds of having left by T, minus infinity where the last purchase was at T."""
    r, alpha, s, beta = values
    zero = np.zeros(len(rows))
    log_integral, _, _ = _integral(alpha + zero, beta + zero, r + rows.repeats, s + 1, rows.recency, rows.age)
    alive = -(r + rows.repeats) * np.log(alpha + rows.age) - s * np.log(beta + rows.age)
    return np.asarray(np.log(s) + log_integral - alive, dtype=np.float64)


def _integral(
    first: Floats, second: Floats, power: Floats, second_power: float, begin: Floats, end: Floats
) -> tuple[Floats, tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Of (first + u)^-power (second + u)^-second_power, u from begin to end: (log of it, and as means over it those of
    log(first + u) and log(second + u), and of 1 / (first + u) and 1 / (second + u)); all of shape (rows,).

    In v = log((m + u) / (m + begin)), m the smaller of both, the factor of m is an exponential and the other one
    smooth.
    """
    small = first <= second
    near, far = np.where(small, first, second) + begin, np.where(small, second, first) + begin
    near_power, far_power = np.where(small, power, second_power), np.where(small, second_power, power)
    reach = np.log1p((end - begin) / near)
    with np.errstate(over="ignore", divide="ignore"):
        far_end = np.log1p(np.expm1(np.minimum(SMALL / far_power, 700.0)) * far / near)
        near_end = np.where(near_power > 1, SMALL / np.maximum(near_power - 1, 1e-300), np.inf)
    reach = np.minimum(reach, np.minimum(far_end, near_end))
    v = reach[:, None] * POINTS
    passed = near[:, None] * np.expm1(v)  # u - begin
    log_far = np.log1p(passed / far[:, None])
    height = v - near_power[:, None] * v - far_power[:, None] * log_far
    top = height.max(axis=1)
    mass = np.exp(height - top[:, None]) * SHARES
    area = mass.sum(axis=1)
    with np.errstate(divide="ignore"):
        log_area = np.log(area * reach) + top
    log_integral = log_area + np.log(near) - near_power * np.log(near) - far_power * np.log(far)
    share = mass / area[:, None]
    near_log = np.log(near) + (share * v).sum(axis=1)
    far_log = np.log(far) + (share * log_far).sum(axis=1)
    near_inverse = (share * np.exp(-v)).sum(axis=1) / near
    far_inverse = (share * np.exp(-log_far)).sum(axis=1) / far
    return (
        log_integral,
        (np.where(small, near_log, far_log), np.where(small, far_log, near_log)),
        (np.where(small, near_inverse, far_inverse), np.where(small, far_inverse, near_inverse)),
    )


def _part(counts: PurchaseCounts, part: slice) -> PurchaseCounts:
    return PurchaseCounts(counts.repeats[part], counts.recency[part], counts.age[part], counts.weight[part])


def _by_parts(of: Callable[[PurchaseCounts], Floats], counts: PurchaseCounts) -> Floats:
    parts = [slice(at, at + CHUNK_ROWS) for at in range(0, len(counts), CHUNK_ROWS)]
    return np.concatenate([of(_part(counts, part)) for part in parts] or [np.zeros(0)])
