"""The model of tolerance, and the posterior of each customer under it.

With R = P / tau_i, P the index a contact meets and tau_i what the customer bears,

    answers    ~ Poisson(contacts * rate_c * theta_i * max(1, R)^-delta)         engagement theta_i ~ Gamma(a, a)
    annoyances ~ Poisson(contacts * alarm_c * max(1, R)^beta)         ln tau_i ~ N(ln rho + gamma ln theta_i, s^2)

Who is written to more because he answers more has a high theta_i: the fall of his own answers above his own tau_i is a
contrast within the customer, so volume and engagement are not confounded but for the prior: where volume follows
engagement closely, rho comes out too high (tests/unit/pressure/learning). theta and tau are summed out on a grid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from millibar.pressure.index.contacts import Floats, Ints
from millibar.pressure.learning.evidence import Evidence

THETA_GRID = np.exp(np.linspace(-4.2, 1.8, 21))


@dataclass(frozen=True)
class ToleranceModel:
    """Parameters of the population. ``answer_rate``, ``annoyance_rate``: a contact of each channel, unpressed."""

    rho: float
    gamma: float
    spread: float
    shape: float
    answer_fall: float
    annoyance_rise: float
    answer_rate: Floats
    annoyance_rate: Floats

    def changed(self, **values: float | Floats) -> ToleranceModel:
        return replace(self, **values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Exposure:
    """Sums over a customer's contacts for each tolerance of a grid; the model's rates are still free.

    ``answered``: contacts * max(1, R)^-delta, ``annoyed``: contacts * max(1, R)^beta, shape (pairs, grid), a pair being
    a customer and a channel that speaks to him, ``customer`` and ``channel``. ``answer_log``, ``annoyance_log``: ln of
    the powers at the answers and annoyances, shape (customers, grid), per unit of delta and beta. ``answers``:
    (customers,). ``answered_slope``, ``annoyed_slope``: contacts * power * max(0, ln R), what the sums change by with
    -delta and beta.
    """

    customer: Ints
    channel: Ints
    answered: Floats
    annoyed: Floats
    answer_log: Floats
    annoyance_log: Floats
    answers: Floats
    answered_slope: Floats
    annoyed_slope: Floats


def tolerance_grid(log_index: Floats, points: int) -> Floats:
    """ln tau from far below to far above the indices that are met."""
    told = log_index[log_index > np.log(0.011)]
    middle = float(np.median(told)) if len(told) else 0.0
    return np.linspace(middle - 3.3, middle + 3.3, points)


def expose(evidence: Evidence, log_index: Floats, grid: Floats, delta: float, beta: float) -> Exposure:
    """Sums of the evidence for every ln tau in ``grid``, shape (grid,), rising.

    max(1, R)^b of a contact above tau is e^(b ln P) e^(-b ln tau), so each contact is counted once, in the cell of the
    grid its ln P lies in, and the sums over all cells above a ln tau are running ones.
    """
    people = evidence.customers
    place, customer, channel = evidence.pairs
    cell = np.searchsorted(grid, log_index)  # above the levels before this one
    plain = np.bincount(place, evidence.contacts, minlength=len(customer))
    below = plain[:, None] - _above(place, cell, evidence.contacts, len(customer), len(grid))

    def powers(exponent: float) -> tuple[Floats, Floats]:
        # measured from the grid's middle: e^(b ln P) alone could leave the range of numbers
        middle = float(grid.mean())
        risen = evidence.contacts * np.exp(exponent * (log_index - middle))
        above = _above(place, cell, risen, len(customer), len(grid))
        moment = _above(place, cell, risen * log_index, len(customer), len(grid))
        scale = np.exp(-exponent * (grid - middle))
        return below + above * scale, (moment - grid * above) * scale

    def logs(counts: Floats) -> Floats:
        rows = np.flatnonzero(counts)
        who, where, weight = evidence.customer[rows], cell[rows], counts[rows]
        total = _above(who, where, weight * log_index[rows], people, len(grid))
        return np.asarray(total - grid * _above(who, where, weight, people, len(grid)))

    answers = np.bincount(evidence.customer, evidence.answers, minlength=people).astype(float)
    answered, answered_slope = powers(-delta)
    annoyed, annoyed_slope = powers(beta)
    return Exposure(
        customer,
        channel,
        answered,
        annoyed,
        logs(evidence.answers),
        logs(evidence.annoyances),
        answers,
        answered_slope,
        annoyed_slope,
    )


def _above(group: Ints, cell: Ints, values: Floats, groups: int, levels: int) -> Floats:
    """Sums of ``values`` of each group over the cells above each level, shape (groups, levels)."""
    size = levels + 1
    cells = np.bincount(group * size + cell, values, minlength=groups * size).reshape(groups, size)
    return np.asarray(np.cumsum(cells[:, :0:-1], axis=1)[:, ::-1])


def posterior(model: ToleranceModel, exposure: Exposure, grid: Floats) -> tuple[Floats, Floats]:
    """Joint posterior of (ln tau, theta), shape (customers, grid, len(THETA_GRID)), and each one's log-likelihood.

    The likelihood leaves out what no parameter but the channels' rates changes.
    """
    theta, log_theta = THETA_GRID, np.log(THETA_GRID)
    expected = _of_customers(exposure, exposure.answered, model.answer_rate)
    annoyed = _of_customers(exposure, exposure.annoyed, model.annoyance_rate)
    of_tau = model.annoyance_rise * exposure.annoyance_log - annoyed - model.answer_fall * exposure.answer_log
    logs = (of_tau[:, :, None] + _log_prior(model, grid)).astype(np.float32)
    logs -= expected[:, :, None].astype(np.float32) * theta.astype(np.float32)
    logs += (exposure.answers[:, None] * log_theta).astype(np.float32)[:, None, :]
    top = logs.max(axis=(1, 2), keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=(1, 2))
    weights /= total[:, None, None]
    return weights, np.log(total) + top[:, 0, 0]


def _of_customers(exposure: Exposure, values: Floats, rates: Floats) -> Floats:
    """Sums over each customer's pairs of rate times value, shape (customers, grid)."""
    pairs = (rates[exposure.channel], (exposure.customer, np.arange(len(exposure.customer))))
    return np.asarray(csr_array(pairs, shape=(len(exposure.answers), len(exposure.customer))) @ values)


def _log_prior(model: ToleranceModel, grid: Floats) -> Floats:
    """Prior of each cell of the grid, normalised over it; shape (grid, thetas)."""
    of_theta, of_tau = log_priors(model, grid)
    return np.asarray(of_theta + of_tau)


def log_priors(model: ToleranceModel, grid: Floats) -> tuple[Floats, Floats]:
    """Log prior of each theta, and of each ln tau given theta, shape (grid, thetas); each normalised over the grid."""
    log_theta = np.log(THETA_GRID)
    of_theta = model.shape * (log_theta - THETA_GRID)  # d theta = theta d ln theta, on a grid even in ln theta
    of_tau = -0.5 * ((grid[:, None] - np.log(model.rho) - model.gamma * log_theta) / model.spread) ** 2
    return of_theta - np.logaddexp.reduce(of_theta), of_tau - np.logaddexp.reduce(of_tau, axis=0)
