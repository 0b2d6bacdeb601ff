"""Four detectors side by side on made series: recall, delay, false alarms and one-day outliers.

    python tests/benchmarks/detection_bars.py [--markets 8] [--series 72] [--seed 11]

A market: daily counts of many levels over a year, over-dispersed, with weekdays, slow swings and exposure that comes
daily or in bursts; half the series are hit by one fault of 14 to 35 days, and each by two one-day outliers.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from millibar.pressure.detection import Detection, DetectionParameters, detect, load_thresholds
from millibar.pressure.detection.clean_series import CleanSeries, draw_counts, draw_exposure

YEAR_DAYS, AFTER_DAYS, IN_TIME_DAYS, OUTLIER_DAYS = 365, 21, 14, 7
PARAMETERS = DetectionParameters()
LEVELS = (2.0, 6.0, 20.0, 60.0, 200.0, 600.0)
FACTORS = {1: (1.6, 2.0, 3.0, 4.0), -1: (0.65, 0.55, 0.45, 0.35)}


@dataclass(frozen=True)
class Market:
    """Counts and exposure (series, days), the bad direction of each series, its fault (first, last day; -1: none) and
    its outlier days."""

    counts: np.ndarray
    exposure: np.ndarray
    side: np.ndarray
    fault: np.ndarray
    outliers: np.ndarray


def make_market(series: int, rng: np.random.Generator) -> Market:
    days = PARAMETERS.history_days + YEAR_DAYS
    start = PARAMETERS.history_days
    counts, exposures = np.zeros((series, days)), np.zeros((series, days))
    side = np.where(np.arange(series) % 2, -1.0, 1.0)
    fault, outliers = np.full((series, 2), -1), np.zeros((series, 2), dtype=int)
    for row in range(series):
        kind = CleanSeries(
            level=float(rng.choice(LEVELS)),
            day_spread=float(rng.choice([0.0, 0.1, 0.2, 0.3])),
            week_spread=0.05,
            pattern=str(rng.choice(["daily", "daily", "some_days"])),
        )
        exposure = draw_exposure(kind.pattern, 1, days, rng)
        factor = np.ones(days)
        outliers[row] = start + np.array([rng.integers(20, 120), rng.integers(240, 350)])
        if row % 4 < 2:
            first = start + int(rng.integers(135, 190))
            fault[row] = first, first + int(rng.integers(14, 36)) - 1
            factor[first : fault[row, 1] + 1] = rng.choice(FACTORS[int(side[row])])
        factor[outliers[row]] = 8.0 if side[row] > 0 else 0.1
        counts[row] = draw_counts(kind, exposure * factor, rng)[0]
        exposures[row] = exposure
    return Market(counts, exposures, side, fault, outliers)


def week_on_week(market: Market, found: Detection) -> np.ndarray:
    """The rate of the last week is a fifth worse than that of the week before."""
    totals = np.cumsum(np.pad(np.stack([market.counts, market.exposure]), ((0, 0), (0, 0), (7, 0))), axis=2)
    weeks = totals[:, :, 7:] - totals[:, :, :-7]
    rate = weeks[0] / np.maximum(weeks[1], 1e-9)
    before = np.pad(rate, ((0, 0), (7, 0)))[:, :-7]
    change = market.side[:, None] * (rate / np.maximum(before, 1e-9) - 1.0)
    return np.asarray((change > 0.2) & (before > 0))[:, -found.z.shape[1] :]


def daily_false_discovery(market: Market, found: Detection) -> np.ndarray:
    """Each day's z over all series, Benjamini-Hochberg at 5 %."""
    p = norm.sf(found.z)
    order = np.sort(p, axis=0)
    allowed = 0.05 * np.arange(1, len(p) + 1)[:, None] / len(p)
    rejected = np.where((order <= allowed).any(axis=0), np.where(order <= allowed, order, 0.0).max(axis=0), -1.0)
    return np.asarray(p <= rejected)


def cusum(market: Market, found: Detection) -> np.ndarray:
    """Clipped CUSUM, drift 0.5, alarm above 9."""
    total, alarm = np.zeros(len(found.z)), np.zeros_like(found.alarm)
    for day in range(found.z.shape[1]):
        total = np.maximum(0.0, total + np.clip(found.z[:, day], -3, 3) - 0.5)
        alarm[:, day] = total > 9.0
        total = np.minimum(total, 18.0)  # or it would not come back for months
    return alarm


def ours(market: Market, found: Detection) -> np.ndarray:
    return found.alarm


DETECTORS: dict[str, Callable[[Market, Detection], np.ndarray]] = {
    "week on week, 20 %": week_on_week,
    "z, daily BH at 5 %": daily_false_discovery,
    "CUSUM, H = 9": cusum,
    "short and long scan": ours,
}


@dataclass
class Bars:
    found: int = 0
    patterns: int = 0
    false_alarms: int = 0
    outlier_alarms: int = 0
    outliers: int = 0
    years: float = 0.0
    delays: tuple[int, ...] = ()

    def add(self, market: Market, alarm: np.ndarray) -> None:
        rises = alarm.copy()
        for lag in range(1, 8):  # an alarm that comes back within a week is the same one
            rises[:, lag:] &= ~alarm[:, :-lag]
        offset = market.counts.shape[1] - alarm.shape[1]
        start = PARAMETERS.history_days - offset
        for row in range(len(alarm)):
            touched = np.zeros(alarm.shape[1], dtype=bool)
            first, last = market.fault[row] - offset
            if market.fault[row, 0] >= 0:
                touched[first : last + AFTER_DAYS + 1] = True
                when = np.flatnonzero(rises[row, first : first + IN_TIME_DAYS + 1])
                self.patterns += 1
                self.found += len(when) > 0
                self.delays += (int(when[0]),) if len(when) else ()
            for day in market.outliers[row] - offset:
                window = slice(day, day + OUTLIER_DAYS + 1)
                self.outliers += 1
                self.outlier_alarms += bool(rises[row, window].any())
                touched[window] = True
            self.false_alarms += int(rises[row, start:][~touched[start:]].sum())
            self.years += float((~touched[start:]).sum()) / YEAR_DAYS

    def told(self) -> str:
        delay = float(np.median(self.delays)) if self.delays else float("nan")
        return (
            f"{self.found / self.patterns:7.2f} {delay:9.1f} {100 * self.false_alarms / self.years:14.1f} "
            f"{100 * self.outlier_alarms / self.outliers:11.1f} %"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=8)
    parser.add_argument("--series", type=int, default=72)
    parser.add_argument("--seed", type=int, default=11)
    given = parser.parse_args()
    rng, thresholds = np.random.default_rng(given.seed), load_thresholds()
    bars = {name: Bars() for name in DETECTORS}
    for _ in range(given.markets):
        market = make_market(given.series, rng)
        families = np.full(given.series, "poisson")
        days = market.counts.shape[1]
        found = detect(market.counts, market.exposure, market.side, families, PARAMETERS, thresholds, watch_days=days)
        for name, detector in DETECTORS.items():
            bars[name].add(market, detector(market, found))
    patterns, outliers = bars["CUSUM, H = 9"].patterns, bars["CUSUM, H = 9"].outliers
    print(f"{given.markets} markets, {given.series} series, a year each: {patterns} patterns, {outliers} outliers")
    print(f"{'':22s} {'recall':>7s} {'delay d':>9s} {'false / 100 y':>14s} {'outliers':>13s}")
    for name in DETECTORS:
        print(f"{name:22s} {bars[name].told()}")


if __name__ == "__main__":
    main()
