"""Daily series in which nothing happens: over-dispersed, with weekdays and slow swings, for thresholds and benches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.pressure.detection.baseline import Floats
from millibar.pressure.detection.parameters import WEEK

WEEKDAYS = np.array([1.0, 0.95, 1.0, 1.05, 1.1, 1.2, 0.7])
PATTERNS = ("daily", "some_days", "rare_days")  # exposure every day, on 3 days of 7, on one day of 7 or so
BURST_SPREAD = 0.5  # standard deviation of the log of a day's exposure where it comes in bursts


@dataclass(frozen=True)
class CleanSeries:
    """``level``: expected events a day, over all days. ``day_spread``, ``week_spread``: relative deviation of days, of
    weeks. ``pattern``: one of ``PATTERNS``."""

    level: float
    day_spread: float
    week_spread: float
    pattern: str = "daily"


def draw_exposure(pattern: str, series: int, days: int, rng: np.random.Generator) -> Floats:
    """Exposure of mean 1 a day, shape (series, days)."""
    if pattern == "daily":
        return np.ones((series, days))
    share = {"some_days": 3 / WEEK, "rare_days": 1 / WEEK}[pattern]
    sent = rng.random((series, days)) < share
    size = rng.lognormal(-(BURST_SPREAD**2) / 2, BURST_SPREAD, (series, days))
    return np.asarray(sent * size / share)


def draw_counts(kind: CleanSeries, exposure: Floats, rng: np.random.Generator) -> Floats:
    """Counts of series of one kind, shape as the exposure."""
    series, days = exposure.shape
    usual = kind.level * exposure * WEEKDAYS[np.arange(days) % WEEK]
    weeks = rng.normal(0.0, kind.week_spread, (series, days // WEEK + 1))
    usual = usual * np.exp(np.repeat(weeks, WEEK, axis=1)[:, :days])
    if kind.day_spread > 0:
        shape = kind.day_spread**-2
        usual = usual * rng.gamma(shape, 1 / shape, (series, days))
    return np.asarray(rng.poisson(usual), dtype=np.float64)
