"""Judges every customer and channel: under, balanced or over, how surely, what to cut and when to write again.

M is the four-week mean index, tau the tolerance, known up to a normal error of its logarithm:

    Pr(over) = Phi((ln M - ln tau) / error)        Pr(under) = Phi((ln(under_ratio tau) - ln M) / error)

A state is entered above one probability and left below another, along the last 28 days under the current fit: a
function of the index, never of a state that was stored. A channel is measured against its part of the tolerance: its
usual share of all pressure, among the channels the customer is spoken to by. So parts add up to the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import norm

from millibar.pressure.index.contacts import EPOCH, Contacts, Floats, Ints
from millibar.pressure.index.mixing import ChannelMix, mean_coefficients
from millibar.pressure.index.paths import mean_paths
from millibar.pressure.learning.plateau import Plateau
from millibar.pressure.parameters import INTERVAL_Z
from millibar.pressure.states.planning import coming_peak, days_until_borne, days_until_cap

Flags = npt.NDArray[np.bool_]

ALL = "all"
UNDER, BALANCED, OVER = 0, 1, 2
STATES = np.array(["under", "balanced", "over"], object)
LEAST_INDEX = 1e-9


@dataclass(frozen=True)
class StateParameters:
    """When a state is entered and left, and when it is severe.

    ``over_enter``, ``over_leave``, ``under_enter``, ``under_leave``: probabilities. ``flood_enter``: of being over at
    the coming peak of the mean index, at which over is entered at once. ``under_ratio``: share of the
    tolerance below which a customer is spoken to too little (where no plateau is learned: learning/plateau.py).
    ``severe_ratio``: mean index over tolerance from which over is severe. ``absent_days``: without any contact for so
    long, under is severe. ``active_days``: a channel silent for longer has no part in the customer's tolerance.
    ``path_days``: of the index that states are followed along.
    """

    over_enter: float = 0.75
    over_leave: float = 0.55
    flood_enter: float = 0.95
    under_enter: float = 0.6
    under_leave: float = 0.4
    under_ratio: float = 0.125
    severe_ratio: float = 2.0
    absent_days: int = 60
    active_days: int = 90
    path_days: int = 28

    def with_plateau(self, plateau: Plateau | None) -> StateParameters:
        """The same with the learned plateau as ``under_ratio``, where one was found."""
        return self if plateau is None else replace(self, under_ratio=plateau.ratio)


@dataclass(frozen=True)
class Bearing:
    """What each customer bears, one element a customer: ln tolerance, its error, and where it comes from."""

    log_tolerance: Floats
    error: Floats
    basis: npt.NDArray[np.object_]


@dataclass(frozen=True)
class ChannelRules:
    """Of each channel: contacts a week at most (0: no cap), intrusiveness (who is cut first among equals)."""

    weekly_cap: Floats
    intrusiveness: Floats


def judge_states(
    contacts: Contacts,
    current: Contacts,
    contacts_7d: Floats,
    mix: ChannelMix,
    bearing: Bearing,
    rules: ChannelRules,
    last_day: int,
    parameters: StateParameters,
) -> pd.DataFrame:
    """States at the end of ``last_day``, a row a customer and channel and one of channel ``all`` for every customer.

    ``contacts``: rows of the last ``path_days``; ``current``: the newest row of every customer and channel, both
    numbered by the same customers; ``contacts_7d``: of the rows of ``current``. Columns as scores.pressure_state.
    """
    coefficients = mean_coefficients(mix, current.decays())
    path = mean_paths(contacts, current, coefficients, last_day, parameters.path_days)
    people = len(current.customers)
    by_customer = csr_array(
        (np.ones(len(current)), (current.customer, np.arange(len(current)))), shape=(people, len(current))
    )
    part = channel_parts(current, path[:, -1], last_day, parameters)
    of_channels = _Judged.along(path, bearing, current.customer, part, parameters)
    of_all = _Judged.along(by_customer @ path, bearing, np.arange(people), np.ones(people), parameters)
    peak = coming_peak(current, coefficients, last_day)
    of_all = of_all.flooded(peak[0], bearing, parameters)
    index = _index_now(current, mix, last_day)
    waits_all = np.where(
        of_all.state == OVER, days_until_borne(current, coefficients, of_all.tolerance, last_day, peak), 1
    )
    waits_channel = np.maximum(waits_all[current.customer], days_until_cap(current, contacts_7d, rules, last_day))
    last_contact = np.full(people, -1, dtype=np.int64)
    np.maximum.at(last_contact, current.customer, current.day)
    names = np.asarray(current.channels, object)
    channels = of_channels.frame(
        current.customers[current.customer],
        names[current.channel],
        index,
        current.day,
        waits_channel,
        last_day,
        parameters,
    )
    everything = of_all.frame(
        current.customers,
        np.full(people, ALL, object),
        by_customer @ index,
        last_contact,
        waits_all,
        last_day,
        parameters,
    )
    first = pd.Series(names[_first_to_cut(current, path[:, -1], rules, people)], dtype=object)
    everything["cut_channel"] = first.where(of_all.state == OVER, None)
    return pd.concat([channels.assign(cut_channel=None), everything], ignore_index=True)


def channel_parts(current: Contacts, mean_index: Floats, last_day: int, parameters: StateParameters) -> Floats:
    """Part of its customer's tolerance that each row of ``current`` may take; parts of active channels sum to 1."""
    shares = channel_shares(current, mean_index)[current.channel]
    active = current.day > last_day - parameters.active_days
    together = np.bincount(current.customer, shares * active, minlength=len(current.customers))[current.customer]
    together = together + np.where(active, 0.0, shares)
    return np.asarray(shares / np.maximum(together, LEAST_INDEX))


def channel_shares(current: Contacts, mean_index: Floats) -> Floats:
    """Usual share of each channel in everybody's pressure, at least one in a thousand; shape (channels,)."""
    sums = np.bincount(current.channel, mean_index, minlength=len(current.channels))
    return np.asarray(np.maximum(sums / max(float(sums.sum()), LEAST_INDEX), 1e-3))


def follow(entering: Floats, enter: float, leave: float) -> Flags:
    """Whether a state that is entered above ``enter`` and left below ``leave`` stands at the end of each row's path.

    ``entering``: probabilities, shape (rows, days). Before the first day the middle of both decides.
    """
    stands = entering[:, 0] > (enter + leave) / 2
    for day in range(1, entering.shape[1]):
        stands = entering[:, day] > np.where(stands, leave, enter)
    return np.asarray(stands)


@dataclass(frozen=True)
class _Judged:
    """Rows judged; arrays of shape (rows,)."""

    state: Ints
    mean_index: Floats
    tolerance: Floats
    low: Floats
    high: Floats
    over: Floats
    under: Floats
    basis: npt.NDArray[np.object_]

    @classmethod
    def along(
        cls, path: Floats, bearing: Bearing, customer: Ints, part: Floats, parameters: StateParameters
    ) -> _Judged:
        middle = bearing.log_tolerance[customer] + np.log(part)
        error = bearing.error[customer]
        logs = np.log(np.maximum(path, LEAST_INDEX))
        over = norm.cdf((logs - middle[:, None]) / error[:, None])
        under = norm.cdf((middle[:, None] + np.log(parameters.under_ratio) - logs) / error[:, None])
        is_over = follow(over, parameters.over_enter, parameters.over_leave)
        is_under = follow(under, parameters.under_enter, parameters.under_leave) & ~is_over
        return cls(
            np.where(is_over, OVER, np.where(is_under, UNDER, BALANCED)),
            path[:, -1],
            np.exp(middle),
            np.exp(middle - INTERVAL_Z * error),
            np.exp(middle + INTERVAL_Z * error),
            over[:, -1],
            under[:, -1],
            bearing.basis[customer],
        )

    def flooded(self, peak: Floats, bearing: Bearing, parameters: StateParameters) -> _Judged:
        """Over at once where the coming peak of the mean is over for sure: nothing need be sent for it any more."""
        probability = norm.cdf((np.log(np.maximum(peak, LEAST_INDEX)) - bearing.log_tolerance) / bearing.error)
        flood = probability > parameters.flood_enter
        over = np.where(flood, np.maximum(self.over, probability), self.over)
        under = np.where(flood, np.minimum(self.under, 1 - over), self.under)
        return replace(self, state=np.where(flood, OVER, self.state), over=over, under=under)

    def frame(
        self,
        customers: npt.NDArray[np.object_],
        channels: npt.NDArray[np.object_],
        index: Floats,
        last_contact: Ints,
        waits: Ints,
        last_day: int,
        parameters: StateParameters,
    ) -> pd.DataFrame:
        between = np.clip(1.0 - self.over - self.under, 0.0, 1.0)
        silent = last_day - last_contact >= parameters.absent_days
        severe = np.where(
            self.state == OVER,
            self.mean_index > parameters.severe_ratio * self.tolerance,
            (self.state == UNDER) & silent,
        )
        day = EPOCH.astype("datetime64[D]")
        return pd.DataFrame(
            {
                "customer_id": customers,
                "channel": channels,
                "pressure_index": index,
                "mean_index": self.mean_index,
                "tolerance": self.tolerance,
                "tolerance_low": self.low,
                "tolerance_high": self.high,
                "state": STATES[self.state],
                "probability": np.choose(self.state, [self.under, between, self.over]),
                "probability_over": self.over,
                "probability_under": self.under,
                "severity": np.where(severe, "high", "normal"),
                "basis": self.basis,
                "last_contact_on": np.where(last_contact >= 0, day + np.maximum(last_contact, 0), np.datetime64("NaT")),
                "next_contact_on": day + last_day + waits,
            }
        )


def _index_now(current: Contacts, mix: ChannelMix, last_day: int) -> Floats:
    ages = (last_day - current.day).astype(float)[:, None]
    sums = current.decayed[:, :3] * current.decays()[current.channel, :3] ** ages
    return np.asarray((sums * mix.coefficients()[current.channel]).sum(axis=1))


def _first_to_cut(current: Contacts, mean_index: Floats, rules: ChannelRules, people: int) -> Ints:
    """Channel with the largest part of each customer's index, the most intrusive among equals; 0 where none is."""
    totals = np.bincount(current.customer, mean_index, minlength=people)[current.customer]
    share = np.round(np.divide(mean_index, totals, out=np.zeros(len(totals)), where=totals > 0), 3)
    order = np.lexsort((rules.intrusiveness[current.channel], share, current.customer))
    last = np.append(np.diff(current.customer[order]) > 0, True) if len(order) else np.zeros(0, dtype=bool)
    found = np.zeros(people, dtype=np.int64)
    found[current.customer[order][last]] = current.channel[order][last]
    return found
