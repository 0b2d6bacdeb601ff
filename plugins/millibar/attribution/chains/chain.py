"""The Markov chain of observed paths: states of an order, counts of moves, expected visits and conversion chances.

A state of order k is the window of the last k channels; a path shorter than k is one short state (METHODS, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from millibar.attribution.paths import Floats, Integers, Numbers, Paths, States, summed

Flags = npt.NDArray[np.bool_]

TABLE_SIZE = 40_000_000  # codes up to here are counted in a table, larger ones are sorted
CHUNK_STEPS = 250_000


@dataclass(frozen=True)
class Walks:
    """Paths as walks over S states, window by window.

    ``windows``: shape (S, order), channel places, -1 on the left of a short state. ``states``: state of every window,
    one path after another; ``starts``: shape (P + 1,). A path of m steps has max(1, m - order + 1) windows.
    """

    order: int
    channels: tuple[str, ...]
    windows: States
    states: States
    starts: Integers

    @property
    def first(self) -> States:
        return self.states[self.starts[:-1]]

    @property
    def last(self) -> States:
        return self.states[self.starts[1:] - 1]


@dataclass(frozen=True)
class Chain:
    """Counts of a chain of S states.

    ``windows``: as in :class:`Walks`. ``sources``, ``targets``, ``counts``: the moves seen, shape (M,) each.
    ``first``, ``converted``, ``lost``: journeys that begin, convert, are lost in each state, shape (S,);
    ``value``: value of those that convert there. Counts may be fractional.
    """

    order: int
    channels: tuple[str, ...]
    windows: States
    sources: Integers
    targets: Integers
    counts: Floats
    first: Floats
    converted: Floats
    lost: Floats
    value: Floats

    @property
    def size(self) -> int:
        """States, S."""
        return len(self.windows)

    @property
    def moves(self) -> csr_matrix:
        """Counts of moves, sparse, shape (S, S)."""
        return csr_matrix((self.counts, (self.sources, self.targets)), shape=(self.size, self.size))

    @property
    def visits(self) -> Floats:
        """Row totals n_i, shape (S,)."""
        return summed(self.sources, self.counts, self.size) + self.converted + self.lost

    @property
    def holds(self) -> Flags:
        """Whether a state contains a channel, shape (S, C)."""
        held = np.zeros((self.size, len(self.channels) + 1), dtype=bool)
        np.put_along_axis(held, self.windows.astype(np.int64), True, axis=1)  # -1 marks the last column
        return held[:, :-1]

    def without_self_moves(self) -> Chain:
        """The chain of walks whose consecutive identical states are one."""
        other = self.sources != self.targets
        return Chain(
            self.order, self.channels, self.windows, self.sources[other], self.targets[other], self.counts[other],
            self.first, self.converted, self.lost, self.value,
        )  # fmt: skip


def walk(paths: Paths, order: int = 1) -> Walks:
    """The walks of an order over the paths. Raises ``ValueError`` on an order below 1 or too large for its states."""
    size = len(paths.channels)
    if order < 1:
        raise ValueError(f"order {order}: a Markov chain of channels has order 1 or more")
    if order == 1:
        windows = np.arange(size, dtype=np.int32)[:, None]
        return Walks(1, paths.channels, windows, paths.steps, paths.starts)
    base = size + 1
    if base**order >= 2**62:
        raise ValueError(f"order {order} with {size} channels has too many states to number; choose a lower order")
    codes = window_codes(paths, order)
    lengths, ends = paths.lengths, paths.starts[1:] - 1
    kept = np.ones(len(codes), dtype=bool)
    for place in range(order - 1):
        kept[paths.starts[:-1][lengths > place] + place] = False
    kept[ends] = True  # of a path shorter than the order its end is the only window
    found, states = compressed(codes[kept], base**order)
    digits = found.astype(np.int64)[:, None] // base ** np.arange(order - 1, -1, -1, dtype=np.int64) % base - 1
    starts = np.r_[0, np.cumsum(np.maximum(lengths - order + 1, 1))]
    return Walks(order, paths.channels, digits.astype(np.int32), states, starts)


def window_codes(paths: Paths, order: int) -> Numbers:
    """Number of the last ``order`` channels at every step, shape (steps,); a place before the path counts 0."""
    base = len(paths.channels) + 1
    digits: Numbers = paths.steps.astype(_whole(base**order)) + 1
    codes = digits.copy()
    for back in range(1, order):
        codes[back:] += digits[:-back] * base**back
    for place in range(order - 1):  # windows that began before their path
        steps = paths.starts[:-1][paths.lengths > place] + place
        codes[steps] = sum(digits[steps - back] * base**back for back in range(place + 1))
    return codes


def compressed(codes: Numbers, limit: int) -> tuple[Integers, States]:
    """Distinct codes, sorted, and for each code its place among them; ``limit``: above every code."""
    if limit > TABLE_SIZE:
        found, places = np.unique(codes, return_inverse=True)
        return found, places.astype(np.int32)
    seen = np.zeros(limit, dtype=bool)
    seen[codes] = True
    numbers = np.cumsum(seen, dtype=np.int32) - 1
    return np.flatnonzero(seen), numbers[codes]


def moves_of(walks: Walks) -> tuple[Integers, Integers, States]:
    """Distinct moves, and which of them each window takes to the next.

    Returns (sources (M,), targets (M,), taken (windows,)): the number of the move, or M + state where the path ends.
    """
    size, states = len(walks.windows), walks.states
    limit = size * size + 1
    pairs: Numbers = states.astype(_whole(limit)) * size
    pairs[:-1] += states[1:]
    ends = walks.starts[1:] - 1
    pairs[ends] = limit - 1
    found, taken = compressed(pairs, limit)
    moves = len(found) - 1  # the last one found is the end of a path
    taken[ends] = moves + states[ends]
    return found[:moves] // size, found[:moves] % size, taken


def count_chain(paths: Paths, order: int = 1) -> Chain:
    """Counts of the chain of an order."""
    return counted_walks(paths, order)[2]


def counted_walks(paths: Paths, order: int) -> tuple[Walks, States, Chain]:
    """The walks of an order, the move each window takes (see :func:`moves_of`), and the counts of their chain."""
    walks = walk(paths, order)
    sources, targets, taken = moves_of(walks)
    return walks, taken, _count_moves(paths, walks, sources, targets, taken)


def _count_moves(paths: Paths, walks: Walks, sources: Integers, targets: Integers, taken: States) -> Chain:
    size, journeys = len(walks.windows), paths.conversions + paths.losses
    windows = np.diff(walks.starts)
    counts = np.zeros(len(sources) + size)
    for part in _parts(walks.starts):
        at = slice(walks.starts[part.start], walks.starts[part.stop])
        counts += summed(taken[at], np.repeat(journeys[part], windows[part]), len(counts))
    first, last = walks.first, walks.last
    return Chain(
        order=walks.order,
        channels=walks.channels,
        windows=walks.windows,
        sources=sources,
        targets=targets,
        counts=counts[: len(sources)],
        first=summed(first, journeys, size),
        converted=summed(last, paths.conversions, size),
        lost=summed(last, paths.losses, size),
        value=summed(last, paths.value, size),
    )


def _whole(limit: int) -> type[np.signedinteger[Any]]:
    """The smaller kind of whole number that holds everything up to ``limit``."""
    return np.int32 if limit < 2**31 else np.int64


def _parts(starts: Integers) -> list[slice]:
    """Runs of paths of about CHUNK_STEPS windows."""
    marks = np.searchsorted(starts, np.arange(CHUNK_STEPS, starts[-1], CHUNK_STEPS))
    ends = [*dict.fromkeys(int(mark) for mark in marks if 0 < mark < len(starts) - 1), len(starts) - 1]
    return [slice(first, last) for first, last in zip([0, *ends[:-1]], ends, strict=True) if last > first]
