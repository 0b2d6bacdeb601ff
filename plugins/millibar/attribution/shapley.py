"""Simplified Shapley value in closed form (Zhao, Mahboobi & Bagheri 2018).

With v(S) = reward of the paths whose channels all lie in S, the Shapley value of a channel is the sum over the paths
that hold it of reward / number of distinct channels: a path's reward is shared equally by its channels.
"""

from __future__ import annotations

import numpy as np

from millibar.attribution.paths import Floats, Paths


def shapley_values(paths: Paths, reward: Floats) -> Floats:
    """Value of every channel; ``reward`` of shape (paths,) gives (C,), (paths, replicates) gives (replicates, C)."""
    held = paths.membership()
    distinct = np.asarray(held.sum(axis=1)).ravel()
    shared = reward / distinct.reshape(-1, *[1] * (reward.ndim - 1))
    return np.moveaxis(np.asarray(held.T @ shared), 0, -1)
