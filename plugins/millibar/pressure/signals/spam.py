"""Spam complaints against the limits mailbox providers set: the posterior of the rate, not the rate.

Providers' sender guidelines of February 2024 ask for less than 0.1 % and refuse mail from 0.3 %. With k complaints of n
contacts and a Beta prior of the channel's own past, Pr(rate > limit) = 1 - I_limit(a + k, b + n - k). The worst day is
left out, so that one wild day cannot raise an alert.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from millibar.pressure.signals.arrays import Floats
from millibar.pressure.signals.parameters import SignParameters


@dataclass(frozen=True)
class LimitCheck:
    """Chances, shape (series,), that the rate is above each limit: the larger of the last 7 and ``spam_days`` days."""

    over_limit: Floats
    over_critical: Floats


def check_limits(
    complaints: Floats, contacts: Floats, usual_rate: Floats, recent_days: int, parameters: SignParameters
) -> LimitCheck:
    """``complaints``, ``contacts``: (series, days), the last day last. ``usual_rate``: (series,), of the baseline."""
    limits = (parameters.spam_limit, parameters.spam_critical)
    chances = np.zeros((2, len(limits), len(complaints)))
    for window, days in enumerate((recent_days, parameters.spam_days)):
        count, sent = _without_worst_day(complaints[:, -days:], contacts[:, -days:])
        # the prior is worth at most as much as what was seen, and its mean is no higher than the first limit
        weight = np.minimum(parameters.prior_contacts, np.maximum(sent, 1.0))
        prior = np.clip(usual_rate, 1e-6, parameters.spam_limit) * weight
        for place, limit in enumerate(limits):
            chance = beta.sf(limit, prior + count, weight - prior + np.maximum(sent - count, 0.0))
            chances[window, place] = np.where(sent > 0, chance, 0.0)
    return LimitCheck(*chances.max(axis=0))


def _without_worst_day(complaints: Floats, contacts: Floats) -> tuple[Floats, Floats]:
    worst = np.argmax(complaints, axis=1)[:, None]
    kept = np.arange(complaints.shape[1]) != worst
    return np.where(kept, complaints, 0.0).sum(axis=1), np.where(kept, contacts, 0.0).sum(axis=1)
