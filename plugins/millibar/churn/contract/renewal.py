"""Shifted beta-geometric: at the end of each term a customer leaves with a chance of his own (Fader and Hardie 2007).

Chances theta ~ Beta(alpha, beta), so those who stay are more and more the faithful ones: at the end of term t

    renewed: r(t) = (beta + t - 1) / (alpha + beta + t - 1),    still there after t ends: B(alpha, beta + t) /
    B(alpha, beta)

A subscription that ended with term t was not renewed at its end; a running one in term t was renewed t - 1 times and
says nothing yet of the next end (it is censored).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import betaln, digamma

from millibar.churn.contract.parameters import ContractParameters
from millibar.churn.purchase.maximum import INTERVAL_Z, Likelihood, maximise

Floats = npt.NDArray[np.float64]
NAMES = ("alpha", "beta")
STARTS = ((1.0, 3.0), (0.5, 0.5), (4.0, 20.0))
FITTED, SHARE, CANCELLED = "shifted_beta_geometric", "renewal_share", "cancelled"
MOST_TERMS = 10_000


@dataclass(frozen=True)
class ContractTerms:
    """Subscriptions, a row a subscription (or ``weight`` of them): ``terms`` begun, the running or last one included;
    ``ended``: whether the last one is over and was not renewed. Shapes (rows,)."""

    terms: Floats
    ended: npt.NDArray[np.bool_]
    weight: Floats

    @staticmethod
    def of(terms: npt.ArrayLike, ended: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> ContractTerms:
        """Raises ``ValueError`` on lengths that differ and on terms that are no whole number of 1 or more."""
        count, over = np.asarray(terms, dtype=np.float64), np.asarray(ended, dtype=bool)
        rows = np.ones(len(count)) if weight is None else np.asarray(weight, dtype=np.float64)
        if not len(count) == len(over) == len(rows):
            raise ValueError(f"terms, ends and weights have {len(count)}, {len(over)} and {len(rows)} rows")
        wrong = (count < 1) | (count > MOST_TERMS) | (count != np.floor(count))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(f"subscription {row}: {count[row]:g} terms; give a whole number of 1 to {MOST_TERMS:,}")
        return ContractTerms(count, over, rows)


@dataclass(frozen=True)
class ContractFit:
    """``values``, ``low``, ``high``: alpha and beta with 95 % intervals, nan where not settled or not ``fitted``;
    ``renewed_share``: of all ends so far, (renewed + 1) / (ends + 2): what stands for everybody without a fit.
    ``largest_gap``: between fitted and observed (Kaplan-Meier) survival, over the terms half the customers' ends reach.
    """

    values: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    log_likelihood: float
    subscriptions: float
    ended: float
    renewed_share: float
    largest_gap: float
    fitted: bool


@dataclass(frozen=True)
class ContractPrediction:
    """Shape (rows,): chance of renewal at the next end, terms to expect after the running one, what it rests on."""

    p_renewal: Floats
    expected_terms: Floats
    basis: npt.NDArray[np.object_]


def fit_contracts(history: ContractTerms, parameters: ContractParameters | None = None) -> ContractFit:
    """Maximum likelihood on counted (terms, ended); a share of renewals where subscriptions or ends are too few."""
    parameters = parameters or ContractParameters()
    ended, total = float(history.weight @ history.ended), float(history.weight.sum())
    renewed = float(history.weight @ (history.terms - 1))
    share = (renewed + 1) / (renewed + ended + 2)
    if total < parameters.minimum_subscriptions or ended < parameters.minimum_ended or renewed == 0:
        unknown = dict.fromkeys(NAMES, float("nan"))
        nan = float("nan")
        return ContractFit(unknown, dict(unknown), dict(unknown), nan, total, ended, share, nan, False)
    found = maximise(likelihood(history), STARTS, total)
    values, low, high = (
        dict(zip(NAMES, map(float, numbers), strict=True)) for numbers in (found.values, found.low, found.high)
    )
    fit = ContractFit(values, low, high, found.log_likelihood, total, ended, share, 0.0, True)
    return replace(fit, largest_gap=_largest_gap(fit, history))


def predict_contracts(
    fit: ContractFit, terms: npt.ArrayLike, cancelled: npt.ArrayLike, parameters: ContractParameters | None = None
) -> ContractPrediction:
    """Running subscriptions: ``terms`` begun (1 or more), ``cancelled``: the running one will not go on. Shape (rows,).

    A cancelled subscription has chance 0 and says so. Raises ``ValueError`` on terms that are no whole number.
    """
    parameters = parameters or ContractParameters()
    gone = np.asarray(cancelled, dtype=bool)
    running = ContractTerms.of(terms, gone)
    levels, level = np.unique(running.terms, return_inverse=True)
    ahead = np.arange(parameters.terms_ahead, dtype=np.float64)
    renewals = _renewal(fit, levels[:, None] + ahead)  # (levels, terms ahead)
    chance = renewals[:, 0] if parameters.terms_ahead else _renewal(fit, levels)
    expected = np.cumprod(renewals, axis=1).sum(axis=1)
    basis = np.where(gone, CANCELLED, FITTED if fit.fitted else SHARE).astype(object)
    return ContractPrediction(np.where(gone, 0.0, chance[level]), np.where(gone, 0.0, expected[level]), basis)


def survival(history: ContractTerms) -> pd.DataFrame:
    """Kaplan-Meier: a row a term whose end somebody reached.

    Columns term, at_risk (subscriptions whose end of that term is known), ended, survival, low, high (95 %, Greenwood
    on the log-log scale; nan where nobody has left or all have).
    """
    last = int(history.terms.max()) if len(history.terms) else 0
    terms = np.arange(1, last + 1, dtype=np.float64)
    over = history.weight * history.ended
    ended = np.bincount(history.terms.astype(np.int64), over, minlength=last + 1)[1:]
    renewed = np.array([history.weight[history.terms > term].sum() for term in terms])
    at_risk = renewed + ended
    reached = at_risk > 0
    terms, ended, at_risk = terms[reached], ended[reached], at_risk[reached]
    alive = np.cumprod(1 - ended / at_risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(ended / (at_risk * (at_risk - ended)))
        error = np.sqrt(greenwood) / np.abs(np.log(alive))
        low, high = (alive ** np.exp(sign * INTERVAL_Z * error) for sign in (1, -1))
    known = (alive > 0) & (alive < 1)
    return pd.DataFrame(
        {
            "term": terms.astype(np.int64),
            "at_risk": at_risk,
            "ended": ended,
            "survival": alive,
            "low": np.where(known, low, np.nan),
            "high": np.where(known, high, np.nan),
        }
    )


def expected_survival(fit: ContractFit, terms: npt.ArrayLike) -> Floats:
    """Share the model expects to be renewed at each of so many ends in a row; shape of ``terms``."""
    ends = np.asarray(terms, dtype=np.float64)
    if not fit.fitted:
        return np.asarray(fit.renewed_share**ends)
    alpha, beta = (fit.values[name] for name in NAMES)
    return np.asarray(np.exp(betaln(alpha, beta + ends) - betaln(alpha, beta)))


def likelihood(history: ContractTerms) -> Likelihood:
    """Log likelihood of (alpha, beta) with its gradient, on distinct (terms, ended)."""
    pairs, place = np.unique(np.stack([history.terms, history.ended]), axis=1, return_inverse=True)
    weight = np.bincount(np.asarray(place).ravel(), history.weight)
    ends = pairs[0] - 1  # ends he was renewed at
    over = pairs[1]

    def evaluate(values: Floats) -> tuple[float, Floats]:
        alpha, beta = values
        both = digamma(alpha + beta + ends + over)
        value = weight @ (betaln(alpha + over, beta + ends) - betaln(alpha, beta))
        all_of = digamma(alpha + beta)
        slope = (
            weight @ (digamma(alpha + over) - both - digamma(alpha) + all_of),
            weight @ (digamma(beta + ends) - both - digamma(beta) + all_of),
        )
        return float(value), np.array(slope)

    return evaluate


def _renewal(fit: ContractFit, terms: Floats) -> Floats:
    if not fit.fitted:
        return np.full(terms.shape, fit.renewed_share)
    alpha, beta = (fit.values[name] for name in NAMES)
    return np.asarray((beta + terms - 1) / (alpha + beta + terms - 1))


def _largest_gap(fit: ContractFit, history: ContractTerms) -> float:
    seen = survival(history)
    seen = seen[seen["at_risk"] >= seen["at_risk"].max() / 2]
    return float(np.abs(expected_survival(fit, seen["term"]) - seen["survival"]).max()) if len(seen) else float("nan")
