"""When each customer was spoken to, answered and came by himself: counts by weekday and local hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Objects = NDArray[Any]

WEEKDAYS, HOURS = 7, 24
CELLS = WEEKDAYS * HOURS
WEEKEND = 5  # first weekday of the weekend, 0 = Monday
COUNTS = ("exposures", "responses")


@dataclass(frozen=True)
class ChannelEvidence:
    """Contacts of one channel. ``places``, shape (m,): the customers' places, each once, ascending.

    ``exposures`` and ``responses``, shape (m, 7, 24): contacts made at that local weekday and hour, and how many of
    them a person answered.
    """

    places: Places
    exposures: Floats
    responses: Floats


@dataclass(frozen=True)
class Evidence:
    """All that is known of when customers answer.

    ``customers``, shape (n,), sorted. ``segments``, shape (n,): place in ``segment_names``, -1 where none. ``visits``,
    shape (n, 24): days on which the customer came by himself, by hour. ``channels``: by name, in order.
    """

    customers: Objects
    segments: Places
    segment_names: tuple[str, ...]
    visits: Floats
    channels: dict[str, ChannelEvidence]

    def __len__(self) -> int:
        return len(self.customers)


def hour_gaps(peaks: Floats) -> Floats:
    """Hours around the clock between each peak and the middle of each hour, shape (peaks, 24)."""
    gap = np.abs(np.arange(HOURS) + 0.5 - peaks[:, None])
    return np.asarray(np.minimum(gap, HOURS - gap))


def read_evidence(
    exposures: pd.DataFrame,
    segments: pd.DataFrame | None = None,
    visits: pd.DataFrame | None = None,
    segment_names: Sequence[str] | None = None,
) -> Evidence:
    """Counts of the customers in ``exposures`` and ``visits``; order and repetition of rows do not matter.

    ``exposures``: customer_id, channel, weekday (0 = Monday), hour, exposures, responses; a row with 0 exposures asks
    for a moment on a channel never used. ``segments``: customer_id, segment. ``visits``: customer_id, hour, visits.
    ``segment_names``: those that have a meaning, else all of ``segments``.
    Raises ``ValueError`` naming the row where a count or a time is impossible.
    """
    check_counts(exposures)
    told = [exposures["customer_id"]] + ([visits["customer_id"]] if visits is not None else [])
    customers = np.sort(np.asarray(pd.unique(pd.concat(told, ignore_index=True)), dtype=object))
    index = pd.Index(customers)
    known, codes = _segments(index, segments, segment_names)
    return Evidence(customers, codes, known, _visits(index, visits), _channels(index, exposures))


def check_counts(exposures: pd.DataFrame) -> None:
    """Raise ``ValueError`` naming the first row that cannot be: its customer, channel, time, counts, and the mend."""
    numbers = {name: exposures[name].to_numpy(dtype=float) for name in ("weekday", "hour", *COUNTS)}
    checks = (
        (_outside(numbers["weekday"], WEEKDAYS), "weekday is not 0 (Monday) to 6 (Sunday)"),
        (_outside(numbers["hour"], HOURS), "hour is not 0 to 23, the local hour of the contact"),
        (~np.isfinite(numbers["exposures"]) | (numbers["exposures"] < 0), "exposures is no count"),
        (~np.isfinite(numbers["responses"]) | (numbers["responses"] < 0), "responses is no count"),
        (
            numbers["responses"] > numbers["exposures"],
            "responses is more than exposures; count an answered contact once",
        ),
        (
            exposures["customer_id"].isna().to_numpy() | exposures["channel"].isna().to_numpy(),
            "customer or channel is missing",
        ),
    )
    for wrong, told in checks:
        if wrong.any():
            row = exposures.iloc[int(np.argmax(wrong))]
            at = ", ".join(f"{name} {row[name]}" for name in ("customer_id", "channel", "weekday", "hour", *COUNTS))
            raise ValueError(f"row {exposures.index[int(np.argmax(wrong))]} ({at}): {told}")


def summed(cells: Places, counts: Floats, size: int) -> Floats:
    """Sum of the counts of each cell, shape (size,)."""
    return np.bincount(cells, counts, size).astype(np.float64)


def _outside(values: Floats, size: int) -> NDArray[np.bool_]:
    return np.asarray(~((values >= 0) & (values < size) & (values == np.floor(values))))


def _channels(index: pd.Index, exposures: pd.DataFrame) -> dict[str, ChannelEvidence]:
    names = sorted(exposures["channel"].unique())
    place = index.get_indexer(pd.Index(exposures["customer_id"]))
    channel = pd.Index(names).get_indexer(pd.Index(exposures["channel"]))
    cell = exposures["weekday"].to_numpy(dtype=np.int64) * HOURS + exposures["hour"].to_numpy(dtype=np.int64)
    counts = {name: exposures[name].to_numpy(dtype=float) for name in COUNTS}
    found = {}
    for number, name in enumerate(names):
        rows = channel == number
        places, at = np.unique(place[rows], return_inverse=True)
        flat = at * CELLS + cell[rows]
        dense = [
            summed(flat, counts[count][rows], len(places) * CELLS).reshape(-1, WEEKDAYS, HOURS) for count in COUNTS
        ]
        found[str(name)] = ChannelEvidence(places, dense[0], dense[1])
    return found


def _visits(index: pd.Index, visits: pd.DataFrame | None) -> Floats:
    if visits is None or visits.empty:
        return np.zeros((len(index), HOURS))
    hour, count = visits["hour"].to_numpy(dtype=float), visits["visits"].to_numpy(dtype=float)
    wrong = _outside(hour, HOURS) | ~np.isfinite(count) | (count < 0)
    if wrong.any():
        row = visits.iloc[int(np.argmax(wrong))]
        raise ValueError(
            f"row {visits.index[int(np.argmax(wrong))]} of the visits (customer_id {row['customer_id']}, "
            f"hour {row['hour']}, visits {row['visits']}): give a local hour of 0 to 23 and a count"
        )
    flat = index.get_indexer(pd.Index(visits["customer_id"])) * HOURS + hour.astype(np.int64)
    return summed(flat, count, len(index) * HOURS).reshape(-1, HOURS)


def _segments(
    index: pd.Index, segments: pd.DataFrame | None, names: Sequence[str] | None
) -> tuple[tuple[str, ...], Places]:
    if segments is None or segments.empty:
        return tuple(names or ()), np.full(len(index), -1, dtype=np.int64)
    own = segments.dropna().drop_duplicates("customer_id").set_index("customer_id")["segment"].reindex(index)
    known = tuple(sorted(own.dropna().astype(str).unique())) if names is None else tuple(names)
    return known, np.asarray(pd.Index(known, dtype=object).get_indexer(own.astype(object)), dtype=np.int64)
