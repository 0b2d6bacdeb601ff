"""Purchase rhythm: a customer buys at a rate of his own until he leaves unseen.

Each customer buys as a Poisson process at rate lambda ~ Gamma(shape, scale) and leaves after an exponential time of
rate mu, the same for all. Given x purchases after the first, the last of them t_x days after it, T days ago:

    L(lambda) = lambda^x / (lambda + mu) * (mu exp(-(lambda + mu) t_x) + lambda exp(-(lambda + mu) T))
    P(alive | lambda) = lambda^x exp(-(lambda + mu) T) / L(lambda)

(Schmittlein, Morrison & Colombo 1987, with one departure rate.) lambda is summed out over a grid weighted by its gamma
distribution, so what is said of a customer is his own rhythm shrunk to the population's. A customer who bought once and
went silent long ago is *not* alive with certainty, as he is under BG/NBD: silence counts for x = 0, too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import gamma

from millibar.churn.parameters import ChurnParameters

Floats = npt.NDArray[np.float64]

CHUNK = 50_000  # customers worked on at a time: 16 MB an array
SLOWEST_RATE, FASTEST_RATE = 1e-5, 3.0  # purchases a day
_BOUNDS = ((-3.5, 3.5), (-9.0, 3.0), (-12.0, -1.5))  # log shape, log mean rate a day, log departure rate a day


@dataclass(frozen=True)
class Purchases:
    """Counted purchases, shape (customers,): ``repeats`` x; ``recency`` t_x, ``age`` T in days from the first one."""

    repeats: Floats
    recency: Floats
    age: Floats

    def __len__(self) -> int:
        return len(self.repeats)

    def take(self, places: npt.NDArray[np.int64]) -> Purchases:
        return Purchases(self.repeats[places], self.recency[places], self.age[places])


@dataclass(frozen=True)
class Rhythm:
    """A population's rhythm: purchase rate a day ~ Gamma(shape, rate ``scale_days``), departures a day.

    ``fitted`` is false where the data were too few and the prior stands in; ``log_likelihood`` is a customer's mean.
    """

    shape: float
    scale_days: float
    departure_rate: float
    fitted: bool = False
    log_likelihood: float = float("nan")

    def log_weights(self, rates: Floats) -> Floats:
        """Log weight of each rate of an ascending geometric grid, for sums over the population.

        Trapezoids of the density in ln(rate), exact to a fraction of a percent as long as the integrand is smooth over
        a step; what lies below and above the grid is added to its ends.
        """
        spacing = np.log(rates[1] / rates[0])
        weights = gamma.pdf(rates, self.shape, scale=1.0 / self.scale_days) * rates * spacing
        edge = np.exp(spacing / 2)
        weights[0] = gamma.cdf(rates[0] * edge, self.shape, scale=1.0 / self.scale_days)
        weights[-1] = gamma.sf(rates[-1] / edge, self.shape, scale=1.0 / self.scale_days)
        return np.asarray(np.log(np.maximum(weights, 1e-300)))


def rate_grid(parameters: ChurnParameters) -> Floats:
    """Purchase rates a day, evenly spaced in their logarithm, from one in 270 years to three a day."""
    return np.geomspace(SLOWEST_RATE, FASTEST_RATE, parameters.rate_nodes)


def fit_rhythm(purchases: Purchases, parameters: ChurnParameters) -> Rhythm:
    """Maximum likelihood of the three parameters; the prior where customers or repeat buyers are too few."""
    prior = Rhythm(parameters.prior_shape, parameters.prior_scale_days, parameters.prior_departure_rate)
    observed = purchases.age > 0
    repeaters = int((purchases.repeats[observed] > 0).sum())
    if observed.sum() < parameters.minimum_customers or repeaters < parameters.minimum_repeaters:
        return prior
    used, weights = _distinct(purchases.take(np.flatnonzero(observed)), parameters.fit_customers)
    rates = rate_grid(parameters)

    def loss(logs: Floats) -> float:
        rhythm = _from_logs(logs)
        return -float(weights @ _log_likelihood(used, rhythm, rates)) / float(weights.sum())

    mean_rate = (purchases.repeats[observed].sum() + 1) / purchases.age[observed].sum()
    start = np.clip(
        [np.log(prior.shape), np.log(mean_rate * 1.5), np.log(prior.departure_rate)],
        [low + 0.1 for low, _ in _BOUNDS],
        [high - 0.1 for _, high in _BOUNDS],
    )
    found = minimize(loss, start, method="Nelder-Mead", bounds=_BOUNDS, options={"xatol": 1e-3, "fatol": 1e-7})
    best = _from_logs(found.x)
    return Rhythm(best.shape, best.scale_days, best.departure_rate, fitted=True, log_likelihood=-float(found.fun))


def score_rhythm(
    purchases: Purchases, rhythm: Rhythm, horizon_days: float, rates: Floats
) -> tuple[Floats, Floats, Floats]:
    """P(alive), expected purchases and P(at least one purchase) in the next ``horizon_days``; each (customers,)."""
    mu, prior = rhythm.departure_rate, rhythm.log_weights(rates)
    per_rate = rates * -np.expm1(-mu * horizon_days) / mu
    # a purchase comes first with probability lambda / (lambda + mu), within the horizon
    any_per_rate = rates / (rates + mu) * -np.expm1(-(rates + mu) * horizon_days)
    outcome = [np.empty(len(purchases)) for _ in range(3)]
    for first in range(0, len(purchases), CHUNK):
        part = slice(first, first + CHUNK)
        some = Purchases(purchases.repeats[part], purchases.recency[part], purchases.age[part])
        left, stayed = _log_terms(some, rates, mu, prior)
        joint = np.logaddexp(left, stayed)
        total = logsumexp(joint, axis=1, keepdims=True)
        alive = np.exp(stayed - total)
        outcome[0][part] = np.minimum(alive.sum(axis=1), 1.0)
        outcome[1][part] = alive @ per_rate
        outcome[2][part] = alive @ any_per_rate
    return outcome[0], outcome[1], outcome[2]


def _log_terms(purchases: Purchases, rates: Floats, mu: float, prior: Floats) -> tuple[Floats, Floats]:
    """Log of the two ways the data came about, by purchase rate: left between t_x and T, or still there at T."""
    x, t_x, age = purchases.repeats[:, None], purchases.recency[:, None], purchases.age[:, None]
    both = rates + mu
    common = prior + x * np.log(rates) - np.log(both)
    gone_since = -both * t_x + np.log(-np.expm1(np.minimum(-both * (age - t_x), -1e-300)))
    return common + np.log(mu) + gone_since, common + np.log(both) - both * age


def _log_likelihood(purchases: Purchases, rhythm: Rhythm, rates: Floats) -> Floats:
    left, stayed = _log_terms(purchases, rates, rhythm.departure_rate, rhythm.log_weights(rates))
    return np.asarray(logsumexp(np.logaddexp(left, stayed), axis=1))


def _from_logs(logs: Floats) -> Rhythm:
    shape = float(np.exp(logs[0]))
    return Rhythm(shape, shape / float(np.exp(logs[1])), float(np.exp(logs[2])))


def _distinct(purchases: Purchases, most: int) -> tuple[Purchases, Floats]:
    """Distinct triples and how many customers have each; of more than ``most`` customers every so many is taken.

    They are taken in the order of their triples, so the choice depends on no customer id and no order of rows.
    """
    order = np.lexsort((purchases.age, purchases.recency, purchases.repeats))
    chosen = order[:: int(np.ceil(len(order) / most))]
    triples = np.column_stack([purchases.repeats, purchases.recency, purchases.age])[chosen]
    values, counts = np.unique(triples, axis=0, return_counts=True)
    return Purchases(values[:, 0], values[:, 1], values[:, 2]), counts.astype(np.float64)
