"""BG/NBD and MBG/NBD: purchases at a rate of one's own, and after each a chance to leave for good.

Rates lambda ~ Gamma(r, alpha), chances p ~ Beta(a, b). In BG/NBD (Fader, Hardie and Lee 2005) nobody can leave at the
first purchase; in MBG/NBD (Batislam, Denizel and Filiztekin 2007; Hoppe and Wagner 2007) all can. With k the
occasions to leave a customer is known to have stayed at, x or x + 1, an individual's likelihood is

    lambda^x (1 - p)^(k - 1) ((1 - p) exp(-lambda T) + p exp(-lambda t_x))

Expectations after T hold given life then: lambda ~ Gamma(r + x, alpha + T) and p ~ Beta(a, b + k), independent.
Orders in a horizon are then the mean of (1 - (1 + p z)^-(r + x)) / p over p, z = horizon / (alpha + T), which
equation 10 of the 2005 paper writes with 2F1. Here it is a Gauss-Jacobi sum: no pole at a = 1, no overflow.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import digamma, expit, gammaln

from millibar.churn.purchase.counts import Floats, PurchaseCounts
from millibar.churn.purchase.maximum import Likelihood

NODES = 24
FAR = 3.0  # horizons of so many times alpha + T are cut into shorter ones: the sum converges no more beyond
MANY_NODES = 96


def likelihood(counts: PurchaseCounts, leaves_at_first: bool) -> Likelihood:
    """Log likelihood of (r, alpha, a, b) with its gradient; ``leaves_at_first``: MBG/NBD, else BG/NBD."""
    levels, level = np.unique(counts.repeats, return_inverse=True)
    total = np.bincount(level, counts.weight)
    stays = levels + leaves_at_first
    x, t_x, age, weight = counts.repeats, counts.recency, counts.age, counts.weight

    def evaluate(values: Floats) -> tuple[float, Floats]:
        r, alpha, a, b = values
        rate = r + x
        since_last, since_first = alpha + t_x, alpha + age
        ratio = np.log(since_first / since_last)
        odds = _first_odds(a, b, stays)[level] + rate * ratio
        gone = expit(odds) * weight
        log_age = np.log(since_first)
        by_level = (
            gammaln(r + levels) - gammaln(r) + r * np.log(alpha)
            + gammaln(b + stays) - gammaln(b) + gammaln(a + b) - gammaln(a + b + stays)
        )  # fmt: skip
        value = total @ by_level + weight @ (np.logaddexp(0.0, odds) - rate * log_age)
        per_gone = np.bincount(level, gone)
        over_age = rate / since_first
        slope = np.array(
            [
                total @ (digamma(r + levels) - digamma(r) + np.log(alpha)) - weight @ log_age + gone @ ratio,
                total.sum() * r / alpha - weight @ over_age + gone @ (over_age - rate / since_last),
                total @ (digamma(a + b) - digamma(a + b + stays)) + per_gone.sum() / a,
                total @ (digamma(b + stays) - digamma(b) + digamma(a + b) - digamma(a + b + stays))
                - per_gone[stays > 0] @ (1 / (b + stays[stays > 0] - 1)),
            ]
        )
        return float(value), slope

    return evaluate


def p_alive(values: Floats, counts: PurchaseCounts, leaves_at_first: bool) -> Floats:
    """Chance of not having left by T; shape (rows,)."""
    r, alpha, a, b = values
    ratio = np.log((alpha + counts.age) / (alpha + counts.recency))
    return np.asarray(expit(-_first_odds(a, b, counts.repeats + leaves_at_first) - (r + counts.repeats) * ratio))


def p_order(values: Floats, counts: PurchaseCounts, horizon: float) -> Floats:
    """Chance of an order within the horizon given life at T; shape (rows,)."""
    r, alpha, _, _ = values
    return np.asarray(-np.expm1(-(r + counts.repeats) * np.log1p(horizon / (alpha + counts.age))))


def expected_orders(values: Floats, counts: PurchaseCounts, horizon: float, leaves_at_first: bool) -> Floats:
    """Orders within the horizon given life at T; shape (rows,)."""
    r, alpha, a, b = values
    orders = np.empty(len(counts))
    levels, level = np.unique(counts.repeats, return_inverse=True)
    by_level = np.argsort(level, kind="stable")
    reach = horizon / (alpha + counts.age)
    count = NODES if reach.max(initial=0.0) <= FAR else MANY_NODES
    for x, rows in zip(levels, np.split(by_level, np.cumsum(np.bincount(level))), strict=False):  # the last is empty
        p, share = beta_nodes(a, b + x + leaves_at_first, count)
        z = reach[rows]
        found = np.zeros(len(rows))
        for at, part in zip(p, share, strict=True):
            found -= part / at * np.expm1(-(r + x) * np.log1p(at * z))
        orders[rows] = found
    return orders


def beta_nodes(a: float, b: float, count: int) -> tuple[Floats, Floats]:
    """(points in 0..1, their weights, of sum 1) of the Gauss rule of Beta(a, b), by Golub and Welsch (1969)."""
    # Jacobi polynomials of weight (1 - y)^(b - 1) (1 + y)^(a - 1), p = (1 + y) / 2
    u, v = b - 1, a - 1
    n = np.arange(1, count, dtype=np.float64)
    diagonal = np.empty(count)
    diagonal[0] = (v - u) / (u + v + 2)
    diagonal[1:] = (v * v - u * u) / ((2 * n + u + v) * (2 * n + u + v + 2))
    beside = np.empty(count - 1)
    beside[:1] = 4 * (1 + u) * (1 + v) / ((2 + u + v) ** 2 * (3 + u + v))
    n = n[1:]
    beside[1:] = 4 * n * (n + u) * (n + v) * (n + u + v) / (
        (2 * n + u + v) ** 2 * (2 * n + u + v + 1) * (2 * n + u + v - 1)
    )  # fmt: skip
    nodes, vectors = eigh_tridiagonal(diagonal, np.sqrt(beside))
    return np.maximum((1 + nodes) / 2, 1e-300), vectors[0] ** 2


def _first_odds(a: float, b: float, stays: Floats) -> Floats:
    """Log odds of having left at the last purchase, before any silence; minus infinity where nobody could leave."""
    return np.where(stays > 0, np.log(a) - np.log(np.maximum(b + stays - 1, 1e-300)), -np.inf)
