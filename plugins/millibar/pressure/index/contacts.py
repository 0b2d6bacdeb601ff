"""Contacts by customer, channel and day with their decayed sums: the rows of marts.fct_pressure_daily as arrays.

A row holds the contacts of its day and four decayed sums after them, each S(t) = S(t - 1) 2^(-1 / h) + n(t): with half,
once and twice the half-life of the channel's profile, and with the half-life of the four-week memory. Everything the
barometer asks of the past is a function of these sums, so a day's cost does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

LADDER = (0.5, 1.0, 2.0)  # half-lives kept, as factors of the profile's
MEMORY_DAYS = 28.0  # the state of a customer is judged by an exponential mean over about so many days
MEMORY_HALF_LIFE = float(np.log(2.0) / -np.log1p(-1.0 / MEMORY_DAYS))
DECAYED = ("decayed_half", "decayed", "decayed_double", "decayed_memory")
EPOCH = np.datetime64("2000-01-01")


@dataclass(frozen=True)
class Contacts:
    """Rows sorted by day. ``customer``, ``channel``: places in ``customers``, ``channels``; ``day``: days since 2000.

    ``decayed``: shape (rows, 4), columns ``DECAYED``, after the contacts of the day. ``half_lives``: days, a channel.
    """

    customers: npt.NDArray[np.object_]
    channels: tuple[str, ...]
    customer: Ints
    channel: Ints
    day: Ints
    contacts: Floats
    decayed: Floats
    half_lives: Floats

    def __len__(self) -> int:
        return len(self.day)

    def decays(self) -> Floats:
        """What a day leaves of each sum, shape (channels, 4)."""
        memory = np.full((len(self.channels), 1), MEMORY_HALF_LIFE)
        half_lives = np.concatenate([self.half_lives[:, None] * np.array(LADDER), memory], axis=1)
        return np.asarray(2.0 ** (-1.0 / half_lives))

    def take(self, rows: npt.NDArray[np.generic]) -> Contacts:
        """These rows (a mask or places), of the same customers and channels."""
        return replace(
            self,
            customer=self.customer[rows],
            channel=self.channel[rows],
            day=self.day[rows],
            contacts=self.contacts[rows],
            decayed=self.decayed[rows],
        )

    def newest(self) -> Contacts:
        """The newest row of every customer and channel."""
        keys = self.customer * len(self.channels) + self.channel
        _, first = np.unique(keys[::-1], return_index=True)
        return self.take(np.sort(len(self) - 1 - first))

    def of_customers(self, chosen: npt.NDArray[np.bool_]) -> Contacts:
        """The rows of the customers marked in ``chosen`` (one flag a customer), who are numbered anew."""
        rows = self.take(chosen[self.customer])
        places = np.cumsum(chosen) - 1
        return replace(rows, customers=self.customers[chosen], customer=places[rows.customer])


def day_number(days: pd.Series | pd.DatetimeIndex) -> Ints:
    """Days since 2000-01-01 of dates."""
    values = pd.to_datetime(days).to_numpy().astype("datetime64[D]")
    return np.asarray((values - EPOCH).astype(np.int64))


def read_contacts(
    frame: pd.DataFrame, half_lives: Mapping[str, float], customers: npt.ArrayLike | None = None
) -> Contacts:
    """Rows of fct_pressure_daily: customer_id, channel, day, contacts_1d and ``DECAYED``.

    ``half_lives``: days by channel, of the profiles. ``customers``: everybody to number, where some have no row.
    Raises ``ValueError`` for a channel without a profile.
    """
    unknown = sorted(set(frame["channel"].unique()) - set(half_lives))
    if unknown:
        raise ValueError(
            f"contacts by channel {', '.join(unknown)}, which has no row in seeds/channel_profiles.csv: add it there"
        )
    names = np.asarray(pd.unique(frame["customer_id"]) if customers is None else np.asarray(customers, object), object)
    channels = tuple(half_lives)
    day = day_number(frame["day"])
    order = np.argsort(day, kind="stable")
    return Contacts(
        names,
        channels,
        pd.Index(names).get_indexer(pd.Index(frame["customer_id"]))[order].astype(np.int64),
        pd.Index(channels).get_indexer(pd.Index(frame["channel"]))[order].astype(np.int64),
        day[order],
        frame["contacts_1d"].to_numpy(dtype=float)[order],
        frame[list(DECAYED)].to_numpy(dtype=float)[order],
        np.array([half_lives[name] for name in channels], dtype=float),
    )


def decay_contacts(frame: pd.DataFrame, half_lives: Mapping[str, float]) -> pd.DataFrame:
    """``frame`` (customer_id, channel, day, contacts_1d; one row each) with the columns ``DECAYED``, sorted by day.

    What the warehouse does in SQL, for markets that never were in a warehouse.
    """
    rows = frame.sort_values(["customer_id", "channel", "day"], ignore_index=True)
    day = day_number(rows["day"])
    keys = rows.groupby(["customer_id", "channel"], sort=False).ngroup().to_numpy()
    own = rows["channel"].map(dict(half_lives)).to_numpy(dtype=float)
    lives = np.stack([own * factor for factor in LADDER] + [np.full(len(rows), MEMORY_HALF_LIFE)], axis=1)
    starts = np.flatnonzero(np.diff(keys, prepend=-1))
    rank = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
    gaps = np.diff(day, prepend=day[:1])
    sums = np.repeat(rows["contacts_1d"].to_numpy(dtype=float)[:, None], len(DECAYED), axis=1)
    order = np.argsort(rank, kind="stable")
    bounds = np.searchsorted(rank[order], np.arange(1, rank.max(initial=0) + 2))
    for first, last in pairwise(bounds):
        place = order[first:last]  # the second, third, ... row of every customer and channel
        sums[place] += sums[place - 1] * 2.0 ** (-gaps[place, None] / lives[place])
    return rows.assign(**dict(zip(DECAYED, sums.T, strict=True))).sort_values("day", kind="stable", ignore_index=True)
