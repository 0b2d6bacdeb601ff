"""BG/BB: at each of a row of occasions a customer buys or not, until he has left (Fader, Hardie and Shang 2010).

Chances of buying p ~ Beta(alpha, beta), of leaving before an occasion theta ~ Beta(gamma, delta). For what happens at
set times: yearly gifts, weekly boxes, cruises.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import betaln, digamma, logsumexp

from millibar.churn.purchase.counts import Floats, Places, PurchaseCounts
from millibar.churn.purchase.maximum import Likelihood, maximise
from millibar.churn.purchase.models import PurchasePrediction

NAMES = ("alpha", "beta", "gamma", "delta")
STARTS = ((1.0, 1.0, 0.5, 2.0), (0.5, 2.0, 1.0, 8.0))


@dataclass(frozen=True)
class OccasionFit:
    """As ``PurchaseFit``; limits are of 95 % intervals, nan where the data do not settle a parameter."""

    values: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    log_likelihood: float
    customers: float


def fit_bg_bb(
    repeats: npt.ArrayLike, recency: npt.ArrayLike, occasions: npt.ArrayLike, weight: npt.ArrayLike | None = None
) -> OccasionFit:
    """Maximum likelihood. Arguments of shape (rows,): purchases after the first (x), occasion of the last one (t_x, 0
    without), occasions since the first purchase (n), and the customers a row stands for (1 unless told).

    Raises ``ValueError`` on histories that cannot be, and where nobody bought or everybody did at every occasion.
    """
    counts, _ = _counts(repeats, recency, occasions, weight)
    possible, bought = float(counts.weight @ counts.age), float(counts.weight @ counts.repeats)
    if not 0 < bought < possible:
        raise ValueError(f"{bought:g} purchases at {possible:g} occasions: a share of 0 or 1 has no best parameters")
    found = maximise(_likelihood(counts), STARTS, counts.customers)
    values, low, high = (
        dict(zip(NAMES, map(float, numbers), strict=True)) for numbers in (found.values, found.low, found.high)
    )
    return OccasionFit(values, low, high, found.log_likelihood, counts.customers)


def predict_bg_bb(
    fit: OccasionFit, repeats: npt.ArrayLike, recency: npt.ArrayLike, occasions: npt.ArrayLike, ahead: int
) -> PurchasePrediction:
    """The next ``ahead`` occasions; ``p_alive`` is of the next one (the paper's equation 11). Arrays of shape (rows,).

    Sums over occasions stand where the paper's equation 13 has gamma - 1 below a fraction.
    Raises ``ValueError`` on histories that cannot be and on less than one occasion ahead.
    """
    if ahead < 1:
        raise ValueError(f"{ahead} occasions ahead; 1 or more")
    counts, places = _counts(repeats, recency, occasions, None)
    alpha, beta, gamma, delta = (fit.values[name] for name in NAMES)
    x, n = counts.repeats, counts.age
    log_history = _log_terms(alpha, beta, gamma, delta, counts)
    steps = np.arange(1, ahead + 1, dtype=np.float64)[:, None]
    log_alive = betaln(gamma, delta + n + steps) - betaln(gamma, delta) - log_history
    bought = betaln(alpha + x, beta + n - x) - betaln(alpha, beta)
    buys = betaln(alpha + x + 1, beta + n - x) - betaln(alpha, beta)
    first = betaln(alpha + x + 1, beta + n - x + steps - 1) - betaln(alpha, beta)
    orders = np.exp(buys + log_alive).sum(axis=0)
    active = np.minimum(np.exp(first + log_alive).sum(axis=0), orders)
    return PurchasePrediction(np.exp(bought + log_alive[0])[places], orders[places], active[places])


def _counts(
    repeats: npt.ArrayLike, recency: npt.ArrayLike, occasions: npt.ArrayLike, weight: npt.ArrayLike | None
) -> tuple[PurchaseCounts, Places]:
    """(distinct histories, place of each row's), after the same checks as other histories and those of occasions."""
    counts, places = PurchaseCounts.of(repeats, recency, occasions, weight)
    x, t_x, n = counts.repeats, counts.recency, counts.age
    for name, wrong in (
        ("a time that is no whole occasion", (t_x != np.floor(t_x)) | (n != np.floor(n))),
        ("more purchases than occasions until the last", x > t_x),
    ):
        if wrong.any():
            at = int(np.argmax(wrong))
            row = int(np.argmax(places == at))
            raise ValueError(f"row {row}: {name} (repeats {x[at]:g}, recency {t_x[at]:g}, occasions {n[at]:g})")
    return counts, places


def _terms(counts: PurchaseCounts) -> tuple[Floats, Floats, Floats]:
    """What can have happened, a row each: alive to the end, or gone after occasion t_x + i.

    (misses while alive, occasions survived, left: 0 or 1), shape (terms, rows); misses are -1 where there is no such
    term.
    """
    silent = counts.age - counts.recency
    i = np.arange(int(silent.max(initial=0.0)), dtype=np.float64)[:, None]
    misses = counts.recency - counts.repeats + i
    alive = counts.age - counts.repeats
    return (
        np.vstack([alive[None], np.where(i < silent, misses, -1.0)]),
        np.vstack([counts.age[None], counts.recency + i]),
        np.vstack([np.zeros((1, len(counts))), np.ones((len(i), len(counts)))]),
    )


def _log_terms(alpha: float, beta: float, gamma: float, delta: float, counts: PurchaseCounts) -> Floats:
    """Log likelihood of each row."""
    return np.asarray(logsumexp(_each_term(alpha, beta, gamma, delta, counts.repeats, *_terms(counts)), axis=0))


def _each_term(
    alpha: float, beta: float, gamma: float, delta: float, x: Floats, misses: Floats, lived: Floats, left: Floats
) -> Floats:
    logs = (
        betaln(alpha + x, beta + np.maximum(misses, 0)) - betaln(alpha, beta)
        + betaln(gamma + left, delta + lived) - betaln(gamma, delta)
    )  # fmt: skip
    return np.where(misses < 0, -np.inf, logs)


def _likelihood(counts: PurchaseCounts) -> Likelihood:
    misses, lived, left = _terms(counts)
    x, missed = counts.repeats, np.maximum(misses, 0)

    def evaluate(values: Floats) -> tuple[float, Floats]:
        alpha, beta, gamma, delta = values
        terms = _each_term(alpha, beta, gamma, delta, x, misses, lived, left)
        logs = logsumexp(terms, axis=0)
        share = np.exp(terms - logs) * counts.weight
        both, all_lived = digamma(alpha + beta + x + missed), digamma(gamma + delta + left + lived)
        slopes = (
            digamma(alpha + x) - both - digamma(alpha) + digamma(alpha + beta),
            digamma(beta + missed) - both - digamma(beta) + digamma(alpha + beta),
            digamma(gamma + left) - all_lived - digamma(gamma) + digamma(gamma + delta),
            digamma(delta + lived) - all_lived - digamma(delta) + digamma(gamma + delta),
        )
        return float(counts.weight @ logs), np.array([float((share * slope).sum()) for slope in slopes])

    return evaluate
