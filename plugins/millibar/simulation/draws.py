"""Keyed random numbers: a draw depends on the seed and on what it is for, never on how many came before it.

That is what makes two worlds comparable: switch a channel off and every other draw of the same person on the same
day stays the same (common random numbers), so what differs is caused by the channel. It also makes a shorter
market the beginning of a longer one. The mixer is the finaliser of splitmix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[Any]  # of whatever type the context says
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


def _mix(values: Keys) -> Keys:
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * _FIRST
        values = (values ^ (values >> np.uint64(27))) * _SECOND
    return values ^ (values >> np.uint64(31))


class Draws:
    """Uniform, normal and other draws for arrays of keys (usually person numbers)."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, Keys] = {}

    def _stream(self, name: str) -> Keys:
        known = self._streams.get(name)
        if known is None:
            start = np.array([(self.seed << 32) ^ zlib.crc32(name.encode())], dtype=np.uint64)
            known = self._streams[name] = _mix(start)
        return known

    def bits(self, stream: str, keys: Array, *place: int) -> Keys:
        """64 random bits for each key; ``place`` says where in the stream (day, channel, blast ...)."""
        base = self._stream(stream)
        with np.errstate(over="ignore"):
            for part in place:
                base = _mix(base + np.uint64(int(part) % 2**64) * _GOLDEN)
            return _mix(np.asarray(keys).astype(np.uint64) * _GOLDEN + base)

    def uniform(self, stream: str, keys: Array, *place: int) -> Floats:
        """One number in [0, 1) for each key."""
        return (self.bits(stream, keys, *place) >> np.uint64(11)).astype(np.float64) * _TO_UNIT

    def normal(self, stream: str, keys: Array, *place: int) -> Floats:
        """One standard normal number for each key."""
        numbers: Floats = ndtri(np.clip(self.uniform(stream, keys, *place), 1e-12, 1 - 1e-12))
        return numbers

    def exponential(self, stream: str, keys: Array, *place: int) -> Floats:
        """One exponential number of mean 1 for each key."""
        return -np.log1p(-self.uniform(stream, keys, *place))

    def integers(self, stream: str, keys: Array, below: int, *place: int) -> Integers:
        """One whole number in 0 .. below-1 for each key."""
        return (self.uniform(stream, keys, *place) * below).astype(np.int64)

    def choice(self, stream: str, keys: Array, weights: Array, *place: int) -> Integers:
        """Index of one weight for each key, with probability proportional to the weight."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        picked = np.searchsorted(edges, self.uniform(stream, keys, *place) * edges[-1], side="right")
        return np.asarray(np.minimum(picked, len(edges) - 1), dtype=np.int64)

    def generator(self, stream: str, *place: int) -> np.random.Generator:
        """A sequential generator of its own for small things drawn once (a campaign, an incident)."""
        return np.random.default_rng([self.seed, zlib.crc32(stream.encode()), *place])
