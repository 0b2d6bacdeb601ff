"""How far the last days of a series stand from its baseline: a scan of windows that no single day can carry.

Of every window of 3 to 28 days the most adverse day counts no more than the next one and what chance usually puts
between the two (in windows of three weeks and more the two most adverse are held to the third), and not at all where
it stands alone. The window's sum is held against a baseline that ends before the window begins. The distance is the
signed root of the deviance of a negative binomial count (McCullagh and Nelder 1989, section 2.3; Venables and Ripley
2002, section 7.4), which is nearly normal for rare events too:

    D = 2 (k ln(k / E) - (k + r) ln((k + r) / (E + r))),   r = E^2 / (V - E)      k: count, E: expected, V: variance
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import comb

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from millibar.pressure.detection.baseline import Baselines, Flags, Floats
from millibar.pressure.detection.parameters import DETECTORS, EARLIER_BASELINES, LONGEST, DetectionParameters

LONG_WINDOW = 21  # from here on two days, not one, are held back
ALONE_Z, ALONE_TIMES = 3.0, 2.5  # a day so far out, and so many times as far as the next, stands alone
ANSCOMBE = 0.375
ADVERSE_Z = 0.5  # a day this many standard deviations worse than expected counts as adverse
TINY = 1e-12


@dataclass(frozen=True)
class Evidence:
    """Arrays of shape (series, watched): the judged days, the last one last.

    ``expected``, ``variance``, ``z``: of the day itself. ``statistic``, ``window``: (detectors, series, watched), the
    signed root of the deviance of the worst window that meets the rules of a pattern (0 where none does), and its days.
    ``recent``: the same root for the recent days as they are, against the usual baseline; ``standing``: against it or
    the baseline before the longest window, whichever is further; ``rising``: against it and those before it (each
    moved by ``tolerated_change``), whichever is nearer. Where the recent days had no exposure the last two are NaN:
    silence neither raises nor ends an alarm. ``level``, ``spread``: expected events a day and relative deviation of a
    day, which choose the threshold. ``mature``: can be judged.
    """

    expected: Floats
    variance: Floats
    z: Floats
    statistic: Floats
    window: Floats
    recent: Floats
    standing: Floats
    rising: Floats
    level: Floats
    spread: Floats
    mature: Flags


@dataclass(frozen=True)
class _Series:
    counts: Floats
    units: Floats
    side: Floats  # (series, 1)


def weigh(
    counts: Floats, units: Floats, side: Floats, baselines: Baselines, watched: int, parameters: DetectionParameters
) -> Evidence:
    """Evidence of the last ``watched`` days. ``side``: shape (series,), +1 where more is bad, -1 where fewer is."""
    series, days = counts.shape
    shape = (series, watched)
    expected, variance, z, recent, standing, rising, level, spread = (np.zeros(shape) for _ in range(8))
    statistic, window = np.zeros((len(DETECTORS), *shape)), np.zeros((len(DETECTORS), *shape))
    mature = np.zeros(shape, dtype=bool)
    data = _Series(counts, units, side[:, None])
    for place in range(watched):
        today = days - watched + place
        usual = baselines.at(today - parameters.baseline_lag_days + 1)
        of_day, its_variance = _days(data, slice(today, today + 1), baselines, usual)
        expected[:, place], variance[:, place] = of_day[:, 0], its_variance[:, 0]
        total = variance[:, place] + baselines.slow[usual] * expected[:, place] ** 2
        z[:, place] = side * signed_root(counts[:, today], expected[:, place], total)
        level[:, place], spread[:, place] = baselines.level[usual], np.sqrt(baselines.phi[usual])
        mature[:, place] = baselines.mature[usual]
        recent[:, place], standing[:, place], rising[:, place] = _recent(data, today, baselines, usual, parameters)
        for number, lengths in enumerate(DETECTORS.values()):
            for length in lengths:
                root = _window_root(data, today, length, baselines, parameters)
                better = root > statistic[number, :, place]
                statistic[number, better, place] = root[better]
                window[number, better, place] = length
    return Evidence(expected, variance, z, statistic, window, recent, standing, rising, level, spread, mature)


def signed_root(count: Floats, expected: Floats, variance: Floats) -> Floats:
    """Signed root of the deviance of ``count`` (a sum), above 0 where it is more than expected; 0 where E is 0.

    With a variance at or below the expected count the Poisson deviance is scaled by their ratio.
    """
    safe = np.maximum(expected, TINY)
    surplus = variance - safe
    dispersed = surplus > 1e-6 * safe
    size = safe**2 / np.where(dispersed, surplus, 1.0)
    ratio_term = count * np.log(np.maximum(count, TINY) / safe)
    negative_binomial = ratio_term - (count + size) * np.log((count + size) / (safe + size))
    poisson = (ratio_term - (count - safe)) / np.maximum(variance / safe, TINY)
    deviance = 2.0 * np.maximum(np.where(dispersed, negative_binomial, poisson), 0.0)
    return np.asarray(np.where(expected > 0, np.sign(count - safe) * np.sqrt(deviance), 0.0))


def _days(data: _Series, days: slice, baselines: Baselines, place: int) -> tuple[Floats, Floats]:
    """Expected count and variance of each day under one baseline, 0 where the series is not mature."""
    expected = baselines.expected(place, data.units[:, days], days.start)
    return expected, expected * baselines.free[place][:, None] + baselines.phi[place][:, None] * expected**2


def _recent(
    data: _Series, today: int, baselines: Baselines, usual: int, parameters: DetectionParameters
) -> tuple[Floats, Floats, Floats]:
    """``recent``, ``standing`` and ``rising`` of one day."""
    days = slice(max(today - parameters.recent_days + 1, 0), today + 1)
    root = _sum_root(data, days, baselines, usual)
    standing = root
    rising = _sum_root(data, days, baselines, usual, _tolerated(data, parameters))
    before = baselines.at(today - LONGEST + 1)
    if before >= 0:
        held = _sum_root(data, days, baselines, before)
        standing = np.where(baselines.mature[before], np.maximum(standing, held), standing)
    for number in range(1, EARLIER_BASELINES + 1):
        older = baselines.at(today - parameters.baseline_lag_days - number * parameters.baseline_days + 1)
        if older >= 0:
            earlier = _sum_root(data, days, baselines, older, _tolerated(data, parameters))
            rising = np.where(baselines.mature[older], np.minimum(rising, earlier), rising)
    silent = data.units[:, days].sum(axis=1) == 0
    return root, np.where(silent, np.nan, standing), np.where(silent, np.nan, rising)


def _tolerated(data: _Series, parameters: DetectionParameters) -> Floats:
    """What the expected count is multiplied by for a change of no matter."""
    return np.asarray((1.0 + parameters.tolerated_change) ** data.side[:, 0])


def _sum_root(data: _Series, days: slice, baselines: Baselines, place: int, tolerated: Floats | float = 1.0) -> Floats:
    expected, variance = _days(data, days, baselines, place)
    count = np.where(expected > 0, data.counts[:, days], 0.0).sum(axis=1)
    total = expected.sum(axis=1)
    spread = variance.sum(axis=1) + baselines.slow[place] * total**2
    return np.asarray(data.side[:, 0] * signed_root(count, total * tolerated, spread * tolerated))


def _window_root(
    data: _Series, today: int, length: int, baselines: Baselines, parameters: DetectionParameters
) -> Floats:
    """Signed root of one window, its most adverse day(s) held back; 0 where it is no pattern."""
    place = baselines.at(today - max(length, parameters.baseline_lag_days) + 1)
    if place < 0:
        return np.zeros(len(data.counts))
    days = slice(today - length + 1, today + 1)
    expected, variance = _days(data, days, baselines, place)
    held_back, adverse = _held_back(data.counts[:, days], expected, variance, data.side, length)
    total = expected.sum(axis=1)
    count = held_back.sum(axis=1)
    tolerated = _tolerated(data, parameters)
    whole = variance.sum(axis=1) + baselines.slow[place] * total**2
    root = data.side[:, 0] * signed_root(count, total * tolerated, whole * tolerated)
    # a series that is rarely exposed has fewer days to show, but never one alone
    wanted = np.clip((expected > 0).sum(axis=1), 2, parameters.adverse_days)
    pattern = (adverse >= wanted) & (np.maximum(count, total) >= parameters.minimum_events)
    return np.asarray(np.where(pattern, np.maximum(root, 0.0), 0.0))


def _held_back(
    counts: Floats, expected: Floats, variance: Floats, side: Floats, length: int
) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Counts of a window's days as far as other days bear them out, and the number of adverse days.

    Days are compared by the square root of their counts (Anscombe 1948), so that two events on a day that expects none
    are no landslide. The reference is the second most adverse day (the third in long windows): a worse one counts no
    more than it and the usual gap between such ranks. One that stands alone, several times as far out, is no part of
    the evidence: it counts as an ordinary day, and bears out no other.
    """
    exposed = expected > 0
    scale = 2.0 / np.sqrt(np.where(exposed, variance / np.where(exposed, expected, 1.0), 1.0))
    usual = np.sqrt(expected + ANSCOMBE)
    z = np.where(exposed, side * scale * (np.sqrt(counts + ANSCOMBE) - usual), 0.0)
    rank = 3 if length >= LONG_WINDOW else 2
    alone = z > np.maximum(ALONE_Z, ALONE_TIMES * _highest(z, rank))[:, None]
    counts, z = np.where(alone, expected, counts), np.where(alone, 0.0, z)
    most = np.maximum(_highest(z, rank), 0.0) + _usual_gap(rank)[exposed.sum(axis=1)]
    limit = np.maximum(usual + side * most[:, None] / scale, np.sqrt(ANSCOMBE)) ** 2 - ANSCOMBE
    limited = np.where(side > 0, np.minimum(counts, limit), np.maximum(counts, limit))
    return np.where(exposed, limited, 0.0), (z > ADVERSE_Z).sum(axis=1)


@cache
def _usual_gap(rank: int) -> Floats:
    """Mean distance of the higher ranks from this one among n normal numbers, by n up to ``LONGEST``; 0 below ``rank``.

    Of ranks k and k + 1 from above: C(n, k) * integral of F^(n - k) (1 - F)^k (Pearson 1902).
    """
    grid = np.arange(-8.0, 8.0, 0.01)
    below, above = norm.cdf(grid), norm.sf(grid)
    gaps = np.zeros(LONGEST + 1)
    for n in range(rank, LONGEST + 1):
        between = [comb(n, k) * float((below ** (n - k) * above**k).sum()) * 0.01 for k in range(1, rank)]
        gaps[n] = np.cumsum(between[::-1]).mean()
    return gaps


def _highest(z: Floats, rank: int) -> Floats:
    """The value of that rank from above in each row (the lowest where there are fewer days)."""
    rank = min(rank, z.shape[1])
    return np.asarray(np.partition(z, z.shape[1] - rank, axis=1)[:, z.shape[1] - rank])
