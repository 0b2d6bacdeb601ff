"""P(alive) from silence measured in expected acts: a customer nobody wrote to has not been silent for long.

A customer acts (answers, visits, orders) as a Poisson process whose clock runs with days and with contacts,

    e(t) = day_rate * days + contact_rate * expected answers of the contacts in them,

at a personal rate lambda ~ Gamma(shape r, rate beta), until he leaves unseen at a constant hazard mu a day. With K
acts, the last after exposure E on day t, and a silence of s days with exposure e spread evenly over it,

    L = Gamma(K + r) / Gamma(r) * beta^r * exp(-mu t) * [ S(1) exp(-mu s) + int_0^1 mu s exp(-mu s u) S(u) du ],
    S(u) = (beta + E + e u)^-(K + r),        P(alive) = S(1) exp(-mu s) / [ ... ]

This is the Pareto/NBD (Schmittlein, Morrison & Colombo 1987) on a clock of exposure, with one hazard for all; the
integral has no closed form and is taken by Gauss-Legendre quadrature. The fit divides L by the chance of an act at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln, logsumexp

from millibar.churn.alive.acts import Acts, Floats
from millibar.churn.purchase.maximum import Likelihood, maximise

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_NODES, _LOG_WEIGHTS = (_NODES + 1) / 2, np.log(_WEIGHTS / 2)
NAMES = ("shape", "rate", "departure_rate_a_day")
SLOPE_STEP = 1e-4  # of the differences of the likelihood, as part of a parameter
CHUNK = 100_000  # customers worked on at a time: 20 MB an array
CONTACT_SHARE_MOST = 0.9  # the clock never runs by contacts alone: people also come by themselves


@dataclass(frozen=True)
class AliveParameters:
    """``minimum_customers`` with an act are wanted for a fit, below the ``prior_*`` stand in (shape and rate of the
    personal rate in expected acts, days a customer stays on average); at most ``fit_customers`` are fitted on.
    """

    minimum_customers: int = 200
    prior_shape: float = 1.5
    prior_stay_days: float = 900.0
    fit_customers: int = 8_000


@dataclass(frozen=True)
class AliveModel:
    """``shape`` r and ``rate`` beta of the personal rate; ``departure_rate`` mu a day; the clock's two speeds.

    ``customers``: it was fitted on. ``low``, ``high``: limits of 95 % intervals by name, nan where the data do not
    settle a parameter. ``fitted``: false where the prior stands in.
    """

    shape: float
    rate: float
    departure_rate: float
    day_rate: float
    contact_rate: float
    customers: int
    fitted: bool
    log_likelihood: float = float("nan")
    low: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NAMES, float("nan")))
    high: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NAMES, float("nan")))

    @property
    def values(self) -> dict[str, float]:
        """Fitted parameters by name."""
        return dict(zip(NAMES, (self.shape, self.rate, self.departure_rate), strict=True))


def fit_alive(acts: Acts, parameters: AliveParameters) -> AliveModel:
    """Maximum likelihood over customers with an act, given that they had one.

    Of those without, nobody knows whether they were still there when the window began: they would look like early
    departures.
    """
    day_rate, contact_rate = _clock(acts)
    acted = np.flatnonzero(acts.acts > 0)
    prior = (parameters.prior_shape, parameters.prior_shape, 1 / parameters.prior_stay_days)
    if len(acted) < parameters.minimum_customers:
        return AliveModel(*prior, day_rate, contact_rate, len(acted), fitted=False)
    used = acts.take(acted[_spread(len(acted), parameters.fit_customers)])
    found = maximise(_likelihood(used, day_rate, contact_rate), [prior], len(used))
    low, high = (dict(zip(NAMES, limits.tolist(), strict=True)) for limits in (found.low, found.high))
    shape, rate, departure = found.values.tolist()
    return AliveModel(shape, rate, departure, day_rate, contact_rate, len(used), True, found.log_likelihood, low, high)


def p_alive(acts: Acts, model: AliveModel) -> Floats:
    """Chance that each customer is still one at the cut; shape (customers,). Without any observed silence it is 1."""
    result = np.ones(len(acts))
    for first in range(0, len(acts), CHUNK):
        part = acts.take(np.arange(first, min(first + CHUNK, len(acts))))
        reached, silent = _exposures(part, model.day_rate, model.contact_rate)
        alive, gone = _log_paths(part, reached, silent, model.shape, model.rate, model.departure_rate)
        result[first : first + CHUNK] = np.exp(alive - np.logaddexp(alive, gone))
    return result


def _likelihood(used: Acts, day_rate: float, contact_rate: float) -> Likelihood:
    """Log likelihood of (shape, rate, departures a day), with its slope by central differences."""
    reached, silent = _exposures(used, day_rate, contact_rate)
    nothing = replace(used, acts=0 * used.acts, silent_days=used.active_days + used.silent_days)

    def value(point: Floats) -> float:
        shape, rate, departure = point
        alive, gone = _log_paths(used, reached, silent, shape, rate, departure)
        rhythm = gammaln(used.acts + shape) - gammaln(shape) + shape * np.log(rate)
        mute = np.logaddexp(*_log_paths(nothing, 0 * reached, reached + silent, shape, rate, departure))
        seen = np.log(-np.expm1(np.minimum(shape * np.log(rate) + mute, -1e-12)))
        return float(np.sum(rhythm - departure * used.active_days + np.logaddexp(alive, gone) - seen))

    def evaluate(point: Floats) -> tuple[float, Floats]:
        steps = SLOPE_STEP * np.diag(point)
        slope = [(value(point + step) - value(point - step)) / (2 * step.sum()) for step in steps]
        return value(point), np.array(slope)

    return evaluate


def _clock(acts: Acts) -> tuple[float, float]:
    """Expected acts a day and an expected answer, such that the clock runs as many acts as there were."""
    total, days = float(acts.acts.sum()), float((acts.active_days + acts.silent_days).sum())
    answers = float((acts.active_exposure + acts.silent_exposure).sum())
    if not total or not days:
        return 1.0 / 365, 0.0
    pushed = float(acts.pushed_act_days.sum() / acts.act_days.sum())
    share = min(pushed, CONTACT_SHARE_MOST) if answers > 0 else 0.0
    return total * (1 - share) / days, total * share / answers if share else 0.0


def _exposures(acts: Acts, day_rate: float, contact_rate: float) -> tuple[Floats, Floats]:
    """Expected acts up to the last act, and since."""
    return (
        day_rate * acts.active_days + contact_rate * acts.active_exposure,
        day_rate * acts.silent_days + contact_rate * acts.silent_exposure,
    )


def _log_paths(
    acts: Acts, reached: Floats, silent: Floats, shape: float, rate: float, departure: float
) -> tuple[Floats, Floats]:
    """Logs of the two ways to be silent: still there, and gone at some moment of the silence."""
    power, lived = acts.acts + shape, departure * acts.silent_days
    before = rate + reached
    alive = -lived - power * np.log(before + silent)
    at = -lived[:, None] * _NODES - power[:, None] * np.log(before[:, None] + silent[:, None] * _NODES)
    with np.errstate(divide="ignore"):
        gone = np.log(lived) + logsumexp(at + _LOG_WEIGHTS, axis=1)
    return alive, np.asarray(gone)


def _spread(size: int, most: int) -> npt.NDArray[np.int64]:
    """At most ``most`` places of ``size``, evenly spread."""
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(np.int64))
