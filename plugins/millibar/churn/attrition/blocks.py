"""Contacts and human acts of each customer and channel by block of days, and what acts were to be expected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from millibar.churn.attrition.parameters import AttritionParameters

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Objects = NDArray[Any]

FIRST_DAY = date(2000, 1, 3)  # a Monday: blocks are calendar blocks, whatever the day they are read on


def block_of(day: date, parameters: AttritionParameters) -> int:
    """Number of the block a day is in."""
    return (day - FIRST_DAY).days // parameters.block_days


@dataclass(frozen=True)
class ChannelBlocks:
    """One channel. ``places``, shape (m,), of the customers, ascending; ``contacts``, ``acts``: shape (m, blocks).

    ``exposure``: contacts, or days where customers come by themselves (``is_sought``; all are there, and acts are 0 or
    1), shape (m, blocks).
    ``last_act``: place of the day of the last act counted from ``FIRST_DAY``, -1 without one.
    """

    places: Places
    contacts: Floats
    acts: Floats
    exposure: Floats
    last_act: Places
    is_sought: bool


@dataclass(frozen=True)
class Blocks:
    """All channels by name; ``customers`` sorted; ``segments``: place in ``segment_names``, -1 where none."""

    customers: Objects
    segments: Places
    segment_names: tuple[str, ...]
    channels: dict[str, ChannelBlocks]


def read_blocks(
    rows: pd.DataFrame,
    as_of: date,
    segments: pd.DataFrame | None,
    sought: Collection[str],
    parameters: AttritionParameters,
    segment_names: Sequence[str] | None = None,
) -> Blocks:
    """The last ``blocks`` blocks up to ``as_of``; rows of other blocks are left out, repeated ones are summed.

    ``rows``: customer_id, channel, block, contacts, acts, last_act_on (null without acts).
    Raises ``ValueError`` naming the row where a count is impossible.
    """
    _check(rows)
    last = block_of(as_of, parameters)
    rows = rows[(rows["block"] > last - parameters.blocks) & (rows["block"] <= last)]
    customers = np.sort(np.asarray(pd.unique(rows["customer_id"]), dtype=object))
    index = pd.Index(customers)
    place = index.get_indexer(pd.Index(rows["customer_id"]))
    block = rows["block"].to_numpy(dtype=np.int64) - (last - parameters.blocks + 1)
    first = np.full(len(customers), parameters.blocks, dtype=np.int64)
    np.minimum.at(first, place, block)
    days = np.full(parameters.blocks, float(parameters.block_days))
    days[-1] = (as_of - FIRST_DAY).days % parameters.block_days + 1
    there = (np.arange(parameters.blocks) >= first[:, None]) * days
    act_day = (
        (pd.to_datetime(rows["last_act_on"]) - pd.Timestamp(FIRST_DAY)).dt.days.fillna(-1).to_numpy(dtype=np.int64)
    )
    names, own = _segments(index, segments, segment_names)
    channels = {}
    for name in sorted(rows["channel"].unique()):
        of_channel = (rows["channel"] == name).to_numpy()
        places, at = np.unique(place[of_channel], return_inverse=True)
        cell, size = at * parameters.blocks + block[of_channel], len(places) * parameters.blocks
        contacts, acts = (
            np.bincount(cell, rows[count].to_numpy(dtype=float)[of_channel], size)
            .astype(np.float64)
            .reshape(-1, parameters.blocks)
            for count in ("contacts", "acts")
        )
        last_act = np.full(len(places), -1, dtype=np.int64)
        np.maximum.at(last_act, at, act_day[of_channel])
        channel = ChannelBlocks(places, contacts, acts, contacts, last_act, False)
        channels[str(name)] = _sought(channel, there) if name in sought else channel
    return Blocks(customers, own, names, channels)


def _sought(channel: ChannelBlocks, there: Floats) -> ChannelBlocks:
    """A channel customers come by themselves on: everybody could have come, on any day since he is known.

    Of the days in one block one counts: a person in search of something comes several days in a row.
    """
    contacts, acts = np.zeros(there.shape), np.zeros(there.shape)
    contacts[channel.places], acts[channel.places] = channel.contacts, np.minimum(channel.acts, 1.0)
    last_act = np.full(len(there), -1, dtype=np.int64)
    last_act[channel.places] = channel.last_act
    return ChannelBlocks(np.arange(len(there)), contacts, acts, there, last_act, True)


def _check(rows: pd.DataFrame) -> None:
    for name in ("contacts", "acts"):
        values = rows[name].to_numpy(dtype=float)
        wrong = ~np.isfinite(values) | (values < 0)
        if wrong.any():
            row = rows.iloc[int(np.argmax(wrong))]
            raise ValueError(
                f"row {rows.index[int(np.argmax(wrong))]} (customer_id {row['customer_id']}, channel {row['channel']}, "
                f"block {row['block']}): {name} is {row[name]}; give a count"
            )
    acted = rows["acts"].to_numpy(dtype=float) > 0
    undated = acted & rows["last_act_on"].isna().to_numpy()
    if undated.any():
        row = rows.iloc[int(np.argmax(undated))]
        raise ValueError(
            f"row {rows.index[int(np.argmax(undated))]} (customer_id {row['customer_id']}, channel {row['channel']}, "
            f"block {row['block']}): acts without last_act_on; give the day of the last of them"
        )


def _segments(
    index: pd.Index, segments: pd.DataFrame | None, names: Sequence[str] | None
) -> tuple[tuple[str, ...], Places]:
    if segments is None or segments.empty:
        return tuple(names or ()), np.full(len(index), -1, dtype=np.int64)
    own = segments.dropna().drop_duplicates("customer_id").set_index("customer_id")["segment"].reindex(index)
    known = tuple(sorted(own.dropna().astype(str).unique())) if names is None else tuple(names)
    return known, np.asarray(pd.Index(known, dtype=object).get_indexer(own.astype(object)), dtype=np.int64)


def channel_rates(channel: ChannelBlocks, segments: Places, size: int, prior: float) -> Floats:
    """Acts an exposure by segment and block, shape (size + 1, blocks), the last row of all customers.

    A season, or a fault of the channel, moves everybody's rate: what is left is the customer's own. A block is shrunk
    to the channel's mean, a segment to the channel's block.
    """
    acts, exposure = channel.acts.sum(axis=0), channel.exposure.sum(axis=0)
    mean = acts.sum() / max(exposure.sum(), 1.0)
    everybody = (acts + prior * mean) / (exposure + prior)
    own = segments[channel.places]
    rates = [everybody] * (size + 1)
    for number in range(size):
        chosen = own == number
        came, had = channel.acts[chosen].sum(axis=0), channel.exposure[chosen].sum(axis=0)
        rates[number] = (came + prior * everybody) / (had + prior)
    return np.stack(rates)
