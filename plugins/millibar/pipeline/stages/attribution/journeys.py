"""Aggregated paths of the warehouse, for a window and by segment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from millibar.attribution.paths import Paths, encode_paths
from millibar.warehouse.connect import Warehouse

PATHS = """
    select path,
        sum(conversions)::float8 as conversions, sum(non_conversions)::float8 as non_conversions,
        sum(value)::float8 as value, sum(value_squared)::float8 as value_squared
    from intermediate.int_attribution__paths
    where closed_on >= %(first)s and closed_on <= %(last)s
    group by path
    order by path collate "C"
"""
DIMENSIONS = ("customer_type", "device", "segment", "goal")
SEGMENT_PATHS = """
    select path, customer_type, device, segment, goal,
        sum(conversions)::float8 as conversions, sum(non_conversions)::float8 as non_conversions,
        sum(value)::float8 as value, sum(value_squared)::float8 as value_squared
    from intermediate.int_attribution__paths
    where closed_on >= %(first)s and closed_on <= %(last)s
    group by path, customer_type, device, segment, goal
    order by path collate "C", customer_type, device, segment, goal
"""
UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Segment:
    """One segment of a dimension and its paths; channels that none of them visits are left in, without a visit."""

    dimension: str
    name: str
    paths: Paths


def window(last: date, days: int) -> tuple[date, date]:
    """First and last day of so many days."""
    return last - timedelta(days=days - 1), last


def days_between(table: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """Rows of a table in order of its column day, from the first to the last day, both included."""
    day = pd.to_datetime(table["day"])
    return table.iloc[day.searchsorted(pd.Timestamp(first), "left") : day.searchsorted(pd.Timestamp(last), "right")]


def read_paths(warehouse: Warehouse, first: date, last: date) -> Paths:
    """Paths of the journeys closed in these days, both included."""
    return encode_paths(warehouse.frame(PATHS, {"first": first, "last": last}))


def read_segments(warehouse: Warehouse, first: date, last: date) -> Iterator[Segment]:
    """Every segment of every dimension, in order.

    A journey that was lost belongs to every goal: it reached none of them.
    """
    rows = warehouse.frame(SEGMENT_PATHS, {"first": first, "last": last})
    if rows.empty:
        return
    paths = encode_paths(rows)
    for dimension in DIMENSIONS:
        names = rows[dimension]
        if dimension == "goal":
            yield from _goals(paths, names)
            continue
        names = names.fillna(UNKNOWN)
        for name in sorted(names.unique()):
            yield Segment(dimension, str(name), _aggregated(paths.select((names == name).to_numpy())))


def _goals(paths: Paths, goals: pd.Series[str]) -> Iterator[Segment]:
    for goal in sorted(goals.dropna().unique()):
        mask = (goals.isna() | (goals == goal)).to_numpy()
        yield Segment("goal", str(goal), _aggregated(paths.select(mask)))


def _aggregated(paths: Paths) -> Paths:
    """Rows of one path, which follow each other, as one row."""
    if not len(paths):
        return paths
    lengths = paths.lengths
    longest = int(lengths.max())
    padded = np.full((len(paths), longest), -1, dtype=np.int32)
    padded[np.arange(longest) < lengths[:, None]] = paths.steps
    is_new = np.r_[True, (padded[1:] != padded[:-1]).any(axis=1)]
    group = np.cumsum(is_new) - 1
    sums = [
        np.bincount(group, values).astype(np.float64)
        for values in (paths.conversions, paths.losses, paths.value, paths.value_squared)
    ]
    return paths.select(is_new).with_weights(*sums)
