"""Aggregated paths as integer arrays: the only thing estimation sees of journeys."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_matrix

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
States = npt.NDArray[np.int32]
Numbers = npt.NDArray[np.signedinteger[Any]]

STEP_SEPARATOR = ">"
NO_CHANNEL = "(none)"  # a step without a name keeps its credit under this one
COUNTS = ("conversions", "non_conversions")
FIGURES = (*COUNTS, "value", "value_squared")
CHUNK_PATHS = 20_000  # parsed at a time by one thread
NO_STEPS: States = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True)
class Paths:
    """P paths over C channels, with their counts.

    ``channels``: names, sorted; a step is a position in it. ``steps``: channel of every step, one path after
    another. ``starts``: shape (P + 1,), path i is ``steps[starts[i]:starts[i + 1]]``, at least one step.
    ``conversions``, ``losses``: journeys of the path that converted, and that did not; both may be fractional.
    ``value``, ``value_squared``: sum of the conversions' values, and of their squares. All of shape (P,).
    """

    channels: tuple[str, ...]
    steps: States
    starts: Integers
    conversions: Floats
    losses: Floats
    value: Floats
    value_squared: Floats

    def __len__(self) -> int:
        return len(self.conversions)

    @property
    def lengths(self) -> Integers:
        """Steps of each path, shape (P,)."""
        return np.diff(self.starts)

    @property
    def path_of_step(self) -> Integers:
        """Path each step belongs to, shape (steps,)."""
        return np.repeat(np.arange(len(self)), self.lengths)

    @property
    def journeys(self) -> float:
        """Journeys, converted or not."""
        return float(self.conversions.sum() + self.losses.sum())

    def visit_counts(self) -> csr_matrix:
        """Sparse, shape (P, C): steps of each channel in each path."""
        shape = (len(self), len(self.channels))
        # summing sorts the indices where they lie: they must not be the steps themselves
        visits = csr_matrix((np.ones(len(self.steps)), self.steps.copy(), self.starts.copy()), shape=shape)
        visits.sum_duplicates()
        return visits

    def membership(self) -> csr_matrix:
        """Sparse, shape (P, C): 1 where the path holds the channel."""
        held = self.visit_counts()
        held.data[:] = 1.0
        return held

    def select(self, mask: npt.NDArray[np.bool_]) -> Paths:
        """The paths where ``mask``, shape (P,), is true; channels stay as they are."""
        lengths = self.lengths
        return Paths(
            channels=self.channels,
            steps=self.steps[np.repeat(mask, lengths)],
            starts=np.r_[0, np.cumsum(lengths[mask])],
            conversions=self.conversions[mask],
            losses=self.losses[mask],
            value=self.value[mask],
            value_squared=self.value_squared[mask],
        )

    def with_weights(self, conversions: Floats, losses: Floats, value: Floats, value_squared: Floats) -> Paths:
        """The same paths with other counts, each of shape (P,)."""
        return replace(self, conversions=conversions, losses=losses, value=value, value_squared=value_squared)


def encode_paths(rows: pd.DataFrame | pa.Table, separator: str = STEP_SEPARATOR) -> Paths:
    """Encode aggregated paths.

    ``rows``: path (text, ``a > b > c``; blanks around names do not matter), conversions, non_conversions, value,
    value_squared (null counts as 0). Rows of one path may repeat. A path or a step without a name is the channel
    ``(none)``. Raises ``ValueError`` on a negative or infinite count.
    """
    texts = _column(rows, "path")
    figures = {name: _figures(_column(rows, name), name, texts) for name in FIGURES}
    mark = separator.strip() or separator
    parts = [texts.slice(first, CHUNK_PATHS) for first in range(0, len(texts), CHUNK_PATHS)]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # Arrow works without the interpreter's lock
        encoded = list(pool.map(lambda part: _encode(part, mark), parts))
    channels = sorted({name for names, _, _ in encoded for name in names})
    place = {name: number for number, name in enumerate(channels)}
    ranks = [np.asarray([place[name] for name in names], dtype=np.int32) for names, _, _ in encoded]
    lengths = [of_part for _, _, of_part in encoded]
    return Paths(
        channels=tuple(channels),
        steps=np.concatenate([rank[codes] for rank, (_, codes, _) in zip(ranks, encoded, strict=True)] or [NO_STEPS]),
        starts=np.r_[0, np.cumsum(np.concatenate(lengths or [NO_STEPS]), dtype=np.int64)],
        conversions=figures["conversions"],
        losses=figures["non_conversions"],
        value=figures["value"],
        value_squared=figures["value_squared"],
    )


def _encode(texts: pa.Array, mark: str) -> tuple[list[str], States, States]:
    """(names by code, code of each step, steps of each path); several codes may have one name."""
    split = pc.split_pattern(pc.fill_null(texts.cast(pa.string()), ""), mark)
    # names are trimmed once each, not once a step
    encoded = split.flatten().dictionary_encode()
    names = [name.strip() or NO_CHANNEL for name in encoded.dictionary.to_pylist()]
    lengths = pc.list_value_length(split).to_numpy(zero_copy_only=False)
    return names, encoded.indices.to_numpy(zero_copy_only=False), lengths


def summed(places: Numbers, weights: Floats, size: int) -> Floats:
    """Sums of ``weights`` by place, shape (size,); ``places``: 0 .. size - 1, one for each weight."""
    return np.asarray(np.bincount(places, weights, minlength=size), dtype=np.float64)


def _column(rows: pd.DataFrame | pa.Table, name: str) -> pa.Array:
    if isinstance(rows, pa.Table):
        column = rows.column(name).combine_chunks()
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    array = pa.array(rows[name], from_pandas=True)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _figures(column: pa.Array, name: str, texts: pa.Array) -> Floats:
    values = pc.fill_null(column.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
    wrong = ~np.isfinite(values)
    if name in COUNTS:
        wrong |= values < 0
    if wrong.any():
        place = int(np.argmax(wrong))
        raise ValueError(
            f"path {texts[place].as_py()!r} has {name} {values[place]:g}: "
            f"{'counts of aggregated paths cannot be negative or infinite' if name in COUNTS else 'write a number'}"
        )
    return np.asarray(values, dtype=np.float64)
