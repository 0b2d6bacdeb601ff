"""Poisson bootstrap of aggregated paths: standard errors without any formula, to check the formulas by.

A journey that happened once happens a Poisson(1) number of times in a replicate; so a path's n conversions become
Poisson(n), also where n is a weight and not whole (Hanley & MacGibbon 2006; Chamandy et al. 2012).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from millibar.attribution.paths import Floats, Paths
from millibar.attribution.step_shares import journey_value_squared

SEED = 20_250_101


def poisson_bootstrap(
    paths: Paths, estimate: Callable[[Paths], Floats], replicates: int = 200, seed: int = SEED
) -> Floats:
    """Standard error of whatever ``estimate`` makes of the paths, by its spread over resampled paths.

    ``estimate``: gives an array of the same shape for any counts, channels unchanged; nan where it cannot tell (a
    replicate that drew no conversion), left out of the spread. Returns an array of that shape; memory is that of one
    replicate. Raises ``ValueError`` with fewer than 2 replicates.
    """
    if replicates < 2:
        raise ValueError(f"replicates {replicates}: a spread needs at least 2")
    count = mean = squares = np.zeros(())
    for again in resampled(paths, replicates, seed):
        found = np.asarray(estimate(again), dtype=np.float64)
        told = ~np.isnan(found)
        # Welford's update: no replicate is kept
        count = count + told
        change = np.where(told, found - mean, 0.0)
        mean = mean + change / np.maximum(count, 1)
        squares = squares + change * np.where(told, found - mean, 0.0)
    return np.asarray(np.sqrt(np.where(count > 1, squares / np.maximum(count - 1, 1), np.nan)))


def resampled(paths: Paths, replicates: int, seed: int = SEED) -> Iterator[Paths]:
    """The paths with Poisson counts, one replicate after another.

    The value of m drawn conversions has the path's mean times m, and its variance around that times m.
    """
    random = np.random.default_rng(seed)
    some = np.where(paths.conversions > 0, paths.conversions, 1.0)
    mean = paths.value / some
    second = journey_value_squared(paths) / some
    spread = np.sqrt(np.maximum(second - mean**2, 0.0))
    for _ in range(replicates):
        conversions = random.poisson(paths.conversions).astype(np.float64)
        losses = random.poisson(paths.losses).astype(np.float64)
        value = mean * conversions + spread * np.sqrt(conversions) * random.standard_normal(len(mean))
        yield paths.with_weights(conversions, losses, value, second * conversions)
