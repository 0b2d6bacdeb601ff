"""The tolerance of every customer: his own posterior under the population's model, with its uncertainty and basis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.pressure.index.contacts import Floats
from millibar.pressure.learning.evidence import Evidence
from millibar.pressure.learning.model import THETA_GRID, expose, posterior
from millibar.pressure.learning.population import PopulationFit
from millibar.pressure.parameters import INTERVAL_Z, ToleranceParameters

CHUNK = 10_000  # customers whose posteriors are in memory at once
LARGEST_LEVEL = 0.7  # a segment bears at most twice, at least half of what its engagement leads to expect


@dataclass(frozen=True)
class Tolerances:
    """One element a customer. ``log_tolerance``: ln index; ``error``: its standard deviation; ``engagement``: theta.

    ``basis``: customer (his own acts narrowed it), segment (his segment's level), population, or default (nothing was
    learned from the data).
    """

    log_tolerance: Floats
    error: Floats
    engagement: Floats
    basis: npt.NDArray[np.object_]

    def frame(self, customers: npt.NDArray[np.object_]) -> pd.DataFrame:
        """customer_id, tolerance (median), tolerance_low, tolerance_high (95 %), engagement, basis."""
        reach = INTERVAL_Z * self.error
        return pd.DataFrame(
            {
                "customer_id": customers,
                "tolerance": np.exp(self.log_tolerance),
                "tolerance_low": np.exp(self.log_tolerance - reach),
                "tolerance_high": np.exp(self.log_tolerance + reach),
                "engagement": self.engagement,
                "basis": self.basis,
            }
        )


def errors_of(frame: pd.DataFrame) -> Floats:
    """Standard deviation of ln tolerance of the rows of :meth:`Tolerances.frame`."""
    return np.asarray(np.log(frame["tolerance_high"] / frame["tolerance_low"]) / (2 * INTERVAL_Z), dtype=float)


@dataclass(frozen=True)
class Posteriors:
    """Mean and variance of ln tau and mean of theta, one element a customer.

    ``own``, ``own_variance``: of ln tau less what the engagement leads to expect (prior: 0 and the spread squared).
    """

    mean: Floats
    variance: Floats
    engagement: Floats
    own: Floats
    own_variance: Floats

    @staticmethod
    def joined(parts: Sequence[Posteriors]) -> Posteriors:
        """The posteriors of several groups of customers, one after the other."""
        if not parts:
            return Posteriors(*(np.zeros(0) for _ in fields(Posteriors)))
        return Posteriors(*(np.concatenate([getattr(part, c.name) for part in parts]) for c in fields(Posteriors)))


def personal_posteriors(evidence: Evidence, coefficients: Floats, fit: PopulationFit) -> Posteriors:
    """Posteriors of all customers of the evidence, those without any row included."""
    starts = range(0, evidence.customers, CHUNK)
    return Posteriors.joined([_posterior(evidence, coefficients, fit, slice(at, at + CHUNK)) for at in starts])


def tolerances_of(
    posteriors: Posteriors, fit: PopulationFit, segments: npt.NDArray[np.object_], parameters: ToleranceParameters
) -> Tolerances:
    """Tolerances from posteriors; ``segments``: one name (or None) a customer.

    A segment's level is the sum of what its customers' own acts say beyond their engagement, over how much they say
    at all, shrunk by how much segments differ beyond chance (moments); who says little himself takes most of it.
    """
    mean, variance, engagement = posteriors.mean, posteriors.variance, posteriors.engagement
    if not fit.fitted:
        return Tolerances(mean, np.sqrt(variance), engagement, np.full(len(mean), "default", dtype=object))
    prior = fit.model.spread**2 + (fit.model.gamma**2) * _theta_variance(fit)
    # share of the prior's variance that the own acts took away
    told = np.clip(1.0 - posteriors.own_variance / fit.model.spread**2, 0.0, 1.0)
    level, known = _segment_levels(posteriors.own, told, segments, fit.model.spread)
    own = np.sqrt(variance / prior) < parameters.own_share
    basis = np.where(own, "customer", np.where(known, "segment", "population")).astype(object)
    return Tolerances(mean + (1.0 - told) * level, np.sqrt(variance), engagement, basis)


def _posterior(evidence: Evidence, coefficients: Floats, fit: PopulationFit, people: slice) -> Posteriors:
    """Posteriors of a slice of customers."""
    part = _part(evidence, people)
    model = fit.model
    exposure = expose(part, part.log_index(coefficients), fit.grid, model.answer_fall, model.annoyance_rise)
    weights, _ = posterior(model, exposure, fit.grid)
    tau = weights.sum(axis=2)
    mean = tau @ fit.grid
    variance = np.maximum(tau @ fit.grid**2 - mean**2, 1e-6)
    theta, log_theta = weights.sum(axis=1), np.log(THETA_GRID)
    mean_log = theta @ log_theta
    together = np.einsum("ij,j->i", np.einsum("ikj,k->ij", weights, fit.grid), log_theta) - mean * mean_log
    own_variance = variance - 2 * model.gamma * together + model.gamma**2 * (theta @ log_theta**2 - mean_log**2)
    own = mean - np.log(model.rho) - model.gamma * mean_log
    return Posteriors(mean, variance, theta @ THETA_GRID, own, np.maximum(own_variance, 1e-6))


def _part(evidence: Evidence, people: slice) -> Evidence:
    rows = (evidence.customer >= people.start) & (evidence.customer < people.stop)
    return Evidence(
        min(people.stop, evidence.customers) - people.start,
        evidence.channels,
        evidence.customer[rows] - people.start,
        evidence.channel[rows],
        evidence.contacts[rows],
        evidence.answers[rows],
        evidence.annoyances[rows],
        evidence.met[rows],
    )


def _theta_variance(fit: PopulationFit) -> float:
    """Variance of ln theta under the prior, on the grid."""
    log_theta = np.log(THETA_GRID)
    logs = fit.model.shape * (log_theta - THETA_GRID)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    mean = float(weights @ log_theta)
    return float(weights @ (log_theta - mean) ** 2)


def _segment_levels(
    beyond: Floats, told: Floats, segments: npt.NDArray[np.object_], spread: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Level of each customer's segment (ln tolerance over the population's), and whether it has one.

    A posterior mean is the customer's own deviation times the share the acts tell, so sums over shares are unbiased.
    """
    places, names = pd.factorize(segments)
    known = places >= 0
    weight = np.bincount(places[known], told[known], minlength=len(names))
    heard = weight > 0
    if not heard.any() or told.sum() <= 0:
        return np.zeros(len(beyond)), np.zeros(len(beyond), dtype=bool)
    middle = beyond.sum() / told.sum()
    sums = np.bincount(places[known], (beyond - middle * told)[known], minlength=len(names))
    raw = np.divide(sums, weight, out=np.zeros(len(names)), where=heard)
    noise = np.divide(spread**2, weight, out=np.full(len(names), np.inf), where=heard)
    between = max(0.0, float(np.average(raw[heard] ** 2 - noise[heard], weights=weight[heard])))
    levels = np.clip(raw * between / (between + noise), -LARGEST_LEVEL, LARGEST_LEVEL)
    return np.where(known, levels[np.maximum(places, 0)], 0.0), known & (between > 0)
