"""Shapley values of observed paths: the simplified closed form, the ordered variant, and any game over all coalitions.

**Simplified** (Zhao, Mahboobi & Bagheri 2018, arXiv:1804.05327). With v(S) = reward of the paths whose
channels all lie in S, the value of a channel is the sum over the paths that hold it of reward / number of distinct
channels: a path's reward is shared equally by its channels, however often each was touched.

**Ordered** (the same paper): the value of channel c at position i,

    phi_ci = sum over S of R_i(S + c) / (|S| + 1),

where R_i counts the paths over exactly the channels S + c in which c *takes position i*. Here a channel takes the
position of its first step on the path, counted from 1 (``repeats="first"``, the model ``shapley_ordered``): what made
the difference to the coalition is that the channel joined, and it joins once. ``repeats="each"`` spreads the share
evenly over all steps of the channel instead. Either way every path hands out its whole reward (efficiency), each
channel's positions sum to its simplified value, and so the totals by channel of ``shapley`` and ``shapley_ordered`` are
equal; what differs is the touchpoint, and with it the campaign, day and position, that carries the credit.
"""

from __future__ import annotations

from math import comb
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from millibar.attribution.paths import Floats, Paths
from millibar.attribution.result import Credits
from millibar.attribution.step_shares import channel_shares, credits_of_shares

Repeats = Literal["first", "each"]


def shapley_credits(paths: Paths, *, ordered: bool = False, errors: bool = True) -> Credits:
    """Credits of simplified Shapley; ``ordered`` only names the model, as channel totals are the same (see above).

    Standard errors are closed form (see :mod:`millibar.attribution.step_shares`).
    """
    return credits_of_shares("shapley_ordered" if ordered else "shapley", paths, path_shares(paths), errors=errors)


def path_shares(paths: Paths) -> csr_matrix:
    """Share of each path's reward that each channel has; sparse, shape (P, C), rows sum to 1."""
    held = channel_shares(paths, np.ones(len(paths.steps)))
    distinct = np.diff(held.indptr)
    held.data = np.repeat(1.0 / np.maximum(distinct, 1), distinct)
    return held


def shapley_values(paths: Paths, reward: Floats) -> Floats:
    """Value of every channel; ``reward`` of shape (P,) gives (C,), (P, replicates) gives (replicates, C)."""
    return np.moveaxis(np.asarray(path_shares(paths).T @ reward), 0, -1)


def ordered_shapley(paths: Paths, reward: Floats, repeats: Repeats = "first") -> pd.DataFrame:
    """Value of every channel at every position it takes: channel, position (from 1), credit.

    ``reward``: shape (P,), what a path brought. Positions without credit are left out. Raises ``ValueError`` on another
    ``repeats``.
    """
    if repeats not in ("first", "each"):
        raise ValueError(f"repeats {repeats!r}: a repeated channel takes the position of its 'first' step or of 'each'")
    size = len(paths.channels)
    path = paths.path_of_step
    position = np.arange(len(paths.steps)) - np.repeat(paths.starts[:-1], paths.lengths)
    pair = path * size + paths.steps
    _, first, place, times = np.unique(pair, return_index=True, return_inverse=True, return_counts=True)
    distinct = np.bincount(path[first], minlength=len(reward))
    share = reward[path] / distinct[path]
    if repeats == "first":
        share, position, channel = share[first], position[first], paths.steps[first]
    else:
        share, channel = share / times[place], paths.steps
    longest = int(position.max(initial=0)) + 1
    credit = np.bincount(channel.astype(np.int64) * longest + position, share, minlength=size * longest)
    kept = np.flatnonzero(credit)
    names = np.asarray(paths.channels, dtype=object)
    return pd.DataFrame({"channel": names[kept // longest], "position": kept % longest + 1, "credit": credit[kept]})


def coalition_weights(size: int) -> Floats:
    """|S|! (n - |S| - 1)! / n! by |S| = 0 .. n - 1; shape (size,)."""
    return np.asarray([1.0 / (size * comb(size - 1, members)) for members in range(size)])


def coalition_sizes(size: int) -> npt.NDArray[np.int64]:
    """Members of each coalition of ``size`` players, bit i being player i; shape (2^size,)."""
    sizes = np.zeros(1, dtype=np.int64)
    for _ in range(size):
        sizes = np.r_[sizes, sizes + 1]
    return sizes


def shapley_of_game(values: Floats) -> Floats:
    """Shapley value of any game of n players (Shapley 1953).

    ``values``: v of every coalition, shape (2^n,), bit i of the place being player i. Returns shape (n,); the sum is
    v(all) - v(nobody). Raises ``ValueError`` where the number of values is not a power of two.
    """
    values = np.asarray(values, dtype=np.float64)
    size = len(values).bit_length() - 1
    if len(values) != 1 << size:
        raise ValueError(f"{len(values)} coalition values: a game of n players has 2^n of them")
    weights, sizes = coalition_weights(size), coalition_sizes(size)
    found = np.zeros(size)
    for player in range(size):
        split = values.reshape(-1, 2, 1 << player)
        members = sizes.reshape(-1, 2, 1 << player)[:, 0]
        found[player] = (weights[members] * (split[:, 1] - split[:, 0])).sum()
    return found
