"""Aggregated paths as integer arrays: the only thing estimation sees of journeys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STEP_SEPARATOR = ">"
NO_CHANNEL = "(none)"  # a step without a name keeps its credit under this one


@dataclass(frozen=True)
class Paths:
    """Paths with their counts.

    ``channels``: names, sorted; a state is a position in it. ``steps``: channel of every step, one path after
    another. ``starts``: shape (paths + 1,), path i is ``steps[starts[i]:starts[i + 1]]``, at least one step.
    ``conversions``, ``losses``, ``value``, ``value_squared``: shape (paths,); conversions may be fractional.
    """

    channels: tuple[str, ...]
    steps: Integers
    starts: Integers
    conversions: Floats
    losses: Floats
    value: Floats
    value_squared: Floats

    @property
    def path_of_step(self) -> Integers:
        return np.repeat(np.arange(len(self.conversions)), np.diff(self.starts))

    @property
    def journeys(self) -> float:
        return float(self.conversions.sum() + self.losses.sum())

    def transitions(self) -> tuple[csr_matrix, Integers]:
        """How often each path takes each step, and where it ends.

        Returns (taken, last). ``taken``: sparse, shape (paths, (C + 1) * C), column ``i * C + j`` counts moves from
        state i to channel j, with i = C for the start. ``last``: shape (paths,), the channel before the end.
        """
        count = len(self.channels)
        previous = np.r_[count, self.steps[:-1]] if len(self.steps) else self.steps
        previous[self.starts[:-1]] = count
        columns = previous * count + self.steps
        shape = (len(self.conversions), (count + 1) * count)
        taken = csr_matrix((np.ones(len(columns)), (self.path_of_step, columns)), shape=shape)
        return taken, self.steps[self.starts[1:] - 1]

    def membership(self) -> csr_matrix:
        """Sparse, shape (paths, C): 1 where the path holds the channel."""
        shape = (len(self.conversions), len(self.channels))
        held = csr_matrix((np.ones(len(self.steps)), (self.path_of_step, self.steps)), shape=shape)
        held.sum_duplicates()
        held.data[:] = 1.0
        return held


def encode_paths(rows: pd.DataFrame) -> Paths:
    """Encode aggregated paths.

    ``rows``: path (text, ``a > b > c``; blanks around names do not matter), conversions, non_conversions, value,
    value_squared (null counts as 0). Rows of one path may repeat. Raises ``ValueError`` on a negative count.
    """
    figures = {
        name: pd.to_numeric(rows[name]).fillna(0).to_numpy(dtype=np.float64)
        for name in ("conversions", "non_conversions", "value", "value_squared")
    }
    for name in ("conversions", "non_conversions"):
        if (figures[name] < 0).any():
            path = rows["path"].iloc[int(np.argmax(figures[name] < 0))]
            raise ValueError(f"path {path!r} has {name} below 0: counts of aggregated paths cannot be negative")
    texts = pc.fill_null(pa.array(rows["path"].to_numpy(dtype=object), type=pa.string(), from_pandas=True), "")
    # by content, so that nothing drawn at random later depends on the order of rows
    order = pc.sort_indices(texts)
    texts = texts.take(order)
    figures = {name: values[order.to_numpy()] for name, values in figures.items()}
    split = pc.split_pattern(texts, STEP_SEPARATOR)
    names = pc.utf8_trim_whitespace(split.flatten())
    names = pc.if_else(pc.equal(names, ""), NO_CHANNEL, names)
    encoded = names.dictionary_encode()
    unsorted = encoded.dictionary.to_pylist()
    channels = sorted(unsorted)
    places = {name: place for place, name in enumerate(channels)}
    rank = np.asarray([places[name] for name in unsorted], dtype=np.int64)
    return Paths(
        channels=tuple(channels),
        steps=rank[encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)],
        starts=np.r_[0, np.cumsum(pc.list_value_length(split).to_numpy(zero_copy_only=False))].astype(np.int64),
        conversions=figures["conversions"],
        losses=figures["non_conversions"],
        value=figures["value"],
        value_squared=figures["value_squared"],
    )
