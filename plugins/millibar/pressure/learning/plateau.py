"""The purchase plateau: below which part of the tolerance a customer buys less because he is spoken to too little.

A contrast within customers (Chamberlain 1980, the conditional Poisson likelihood): given a customer's orders, in which
of his weeks do they fall? Weeks are weighed by the season and by

    f(r) = (max(r, least) / r0)^kappa below r0, 1 above it     r: mean index at the start of the week over tolerance

Between customers the curve has the wrong sign, because a brand writes more to those who buy more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.pressure.index.contacts import Contacts, Floats, Ints

WEEK = 7
LEAST_RATIO = 0.01
RATIOS = np.exp(np.linspace(np.log(0.03), np.log(1.0), 15))
KAPPAS = np.concatenate([np.arange(0.0, 0.2, 0.02), np.arange(0.2, 1.01, 0.1)])


@dataclass(frozen=True)
class Plateau:
    """``ratio``: r0; ``kappa``: how steeply purchases fall below it; ``gain``: log-likelihood won over a flat curve."""

    ratio: float
    kappa: float
    gain: float
    orders: float


def weekly_means(contacts: Contacts, coefficients: Floats, first_day: int, weeks: int) -> Floats:
    """Mean index of every customer at the start of each week from ``first_day`` on, shape (customers, weeks).

    ``coefficients``: as ``mean_coefficients``, (channels, 4). ``contacts``: from some weeks before ``first_day``.
    """
    decay = contacts.decays()
    state = np.zeros((len(contacts.customers), len(contacts.channels), decay.shape[1]))
    means = np.zeros((len(contacts.customers), weeks))
    begin = int(contacts.day[0]) if len(contacts) else first_day
    last = first_day + WEEK * (weeks - 1)
    starts = np.searchsorted(contacts.day, np.arange(begin, last + 2))
    for day in range(begin, last + 1):
        if day >= first_day and (day - first_day) % WEEK == 0:  # before the contacts of the week
            means[:, (day - first_day) // WEEK] = np.einsum("nck,ck->n", state, coefficients)
        rows = slice(starts[day - begin], starts[day - begin + 1])
        state[contacts.customer[rows], contacts.channel[rows]] = contacts.decayed[rows]
        state *= decay
    return np.maximum(means, 0.0)


def find_plateau(ratios: Floats, orders: Floats) -> Plateau:
    """Most likely plateau; ``ratios``, ``orders``: shape (customers, weeks), nan ratios where a customer is not there.

    Customers without an order, or without two weeks, say nothing.
    """
    there = np.isfinite(ratios)
    counts = np.where(there, orders, 0.0)
    season = _share(counts.sum(axis=0), there.sum(axis=0))
    totals = counts.sum(axis=1)
    told = (totals > 0) & (there.sum(axis=1) > 1)
    logs = np.log(np.maximum(np.where(there, ratios, 1.0), LEAST_RATIO))[told]
    weights, counts, totals = (there * season)[told], counts[told], totals[told]
    flat = _log_likelihood(np.zeros_like(logs), weights, counts, totals)
    best = Plateau(1.0, 0.0, 0.0, float(totals.sum()))
    for ratio in RATIOS:
        below = np.minimum(logs - np.log(ratio), 0.0)
        gains = [_log_likelihood(kappa * below, weights, counts, totals) - flat for kappa in KAPPAS[1:]]
        top = int(np.argmax(gains))
        if gains[top] > best.gain:
            best = Plateau(float(ratio), float(KAPPAS[1:][top]), float(gains[top]), best.orders)
    return best


def weekly_orders(customer: Ints, day: Ints, customers: int, first_day: int, weeks: int) -> Floats:
    """Orders of each customer and week, shape (customers, weeks)."""
    week = (day - first_day) // WEEK
    inside = (day >= first_day) & (week < weeks) & (customer >= 0)
    counts = np.bincount(customer[inside] * weeks + week[inside], minlength=customers * weeks)
    return counts.reshape(customers, weeks).astype(float)


def _log_likelihood(log_curve: Floats, weights: Floats, counts: Floats, totals: Floats) -> float:
    expected = (weights * np.exp(log_curve)).sum(axis=1)
    return float((counts * log_curve).sum() - totals @ np.log(np.maximum(expected, 1e-300)))


def _share(counts: Floats, of: Floats) -> Floats:
    rate = np.divide(counts, of, out=np.zeros(len(counts)), where=of > 0)
    return np.asarray(rate / rate.mean() if rate.sum() > 0 else np.ones(len(rate)))
