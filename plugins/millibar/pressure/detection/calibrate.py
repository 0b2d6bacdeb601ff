"""Writes the thresholds: simulates series in which nothing happens and finds the run length each threshold gives.

python -m millibar.pressure.detection.calibrate --out dbt_project/seeds/detection_thresholds.csv
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from millibar.pressure.detection.baseline import Floats, learn_baselines
from millibar.pressure.detection.clean_series import PATTERNS, CleanSeries, draw_counts, draw_exposure
from millibar.pressure.detection.evidence import weigh
from millibar.pressure.detection.parameters import DETECTORS, DetectionParameters
from millibar.pressure.detection.thresholds import (
    COLUMNS,
    DIRECTIONS,
    DISPERSIONS,
    LEVELS,
    dispersion_class,
    level_class,
)

SEED = 20_250_101
TRUE_LEVELS = (0.05, 0.17, 0.55, 1.7, 5.5, 17.0, 60.0, 300.0)
TRUE_SPREADS = (0.0, 0.15, 0.35)
WEEK_SPREAD = 0.08  # how far whole weeks swing in series of nothing but ordinary life
YEAR_DAYS = 365
APART_DAYS = 14  # exceedances nearer than this are one alarm
DISPERSED_FROM = 1.0  # events a day; below, the dispersion of days cannot be told from chance
LEAST_THRESHOLD = 3.2  # real series are never quite as simulated
GRID = np.round(np.arange(LEAST_THRESHOLD, 9.0, 0.02), 2)
SOURCE = "simulated run length on unchanged series: python -m millibar.pressure.detection.calibrate"


@dataclass(frozen=True)
class Calibration:
    """``series``: of each kind in a round, each of a year. ``rounds``: of simulation. ``target``: false alarms per 100
    series-years of one direction, both detectors together."""

    series: int = 20
    rounds: int = 8
    target: float = 6.0


class _Tally:
    """Alarms above each threshold of the grid, and days, by cell: detector, direction, level, dispersion."""

    def __init__(self) -> None:
        cells = (len(DETECTORS), len(DIRECTIONS), len(LEVELS), len(DISPERSIONS))
        self.alarms = np.zeros((*cells, len(GRID)))
        self.days = np.zeros(cells)

    def add(self, detector: int, direction: int, cells: np.ndarray, peaks: Floats, before: Floats) -> None:
        """``cells``: place of level x dispersion of each day; ``peaks``: statistics; ``before``: highest of the days
        before. A threshold between the two sees an alarm rise."""
        size = len(LEVELS) * len(DISPERSIONS)
        shape = (len(LEVELS), len(DISPERSIONS))
        self.days[detector, direction] += np.bincount(cells, minlength=size).reshape(shape)
        rises = peaks > before
        low = np.searchsorted(GRID, before[rises], side="left")  # thresholds >= before
        high = np.searchsorted(GRID, peaks[rises], side="left")  # thresholds < peak
        where = cells[rises]
        change = np.zeros((size, len(GRID) + 1))
        np.add.at(change, (where, low), 1.0)
        np.add.at(change, (where, high), -1.0)
        self.alarms[detector, direction] += np.cumsum(change, axis=1)[:, :-1].reshape(*shape, len(GRID))


def kinds() -> Iterator[CleanSeries]:
    """Every kind of series that is simulated."""
    for level in TRUE_LEVELS:
        for spread in TRUE_SPREADS:
            for pattern in PATTERNS:
                yield CleanSeries(level, spread, WEEK_SPREAD, pattern)


def calibrate(calibration: Calibration, parameters: DetectionParameters) -> list[dict[str, str]]:
    """Rows of the thresholds file."""
    tally = _Tally()
    for number in range(calibration.rounds):
        _simulate(np.random.default_rng([SEED, number]), calibration, parameters, tally)
    return _rows(tally, calibration)


def draw_all(rng: np.random.Generator, series: int, days: int) -> tuple[Floats, Floats]:
    """Counts and exposure of ``series`` series of every kind, one kind after the other."""
    counts, exposures = [], []
    for kind in kinds():
        exposure = draw_exposure(kind.pattern, series, days, rng)
        counts.append(draw_counts(kind, exposure, rng))
        exposures.append(exposure)
    return np.vstack(counts), np.vstack(exposures)


def _simulate(
    rng: np.random.Generator, calibration: Calibration, parameters: DetectionParameters, tally: _Tally
) -> None:
    days = parameters.reach_days + YEAR_DAYS
    counts, exposure = draw_all(rng, calibration.series, days)
    baselines = learn_baselines(counts, exposure, np.zeros(len(counts), dtype=bool), 0, days, parameters)
    for direction, side in enumerate(DIRECTIONS.values()):
        found = weigh(counts, exposure, np.full(len(counts), side), baselines, YEAR_DAYS, parameters)
        cells = level_class(found.level) * len(DISPERSIONS) + dispersion_class(found.spread)
        may_rise = found.mature & (found.rising > parameters.rise_z)
        for detector in range(len(DETECTORS)):
            peaks = np.where(may_rise, found.statistic[detector], 0.0)
            before = _highest_before(peaks, APART_DAYS)
            tally.add(detector, direction, cells[found.mature], peaks[found.mature], before[found.mature])


def _highest_before(values: Floats, days: int) -> Floats:
    """Highest value of the days before each day, not counting itself."""
    highest = np.zeros_like(values)
    for lag in range(1, days + 1):
        highest[:, lag:] = np.maximum(highest[:, lag:], values[:, :-lag])
    return highest


def _rows(tally: _Tally, calibration: Calibration) -> list[dict[str, str]]:
    rows = []
    share = calibration.target / len(DETECTORS)
    for detector, detector_name in enumerate(DETECTORS):
        for direction, direction_name in enumerate(DIRECTIONS):
            for level, level_from in enumerate(LEVELS):
                for dispersion, dispersion_name in enumerate(DISPERSIONS):
                    cell = (detector, direction, level, dispersion)
                    pooled = cell[:3] if level_from < DISPERSED_FROM else cell
                    alarms = tally.alarms[pooled].reshape(-1, len(GRID)).sum(axis=0)
                    threshold, rate, years = _choose(alarms, float(tally.days[pooled].sum()), share)
                    length = YEAR_DAYS * 100 / rate if rate > 0 else YEAR_DAYS * years
                    upper = f"{LEVELS[level + 1]:g}" if level + 1 < len(LEVELS) else ""
                    values = (
                        detector_name, direction_name, f"{level_from:g}", upper, dispersion_name, f"{threshold:.2f}",
                        f"{rate:.2f}", f"{length:.0f}", f"{years:.0f}", SOURCE,
                    )  # fmt: skip
                    rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def _choose(alarms: Floats, days: float, share: float) -> tuple[float, float, float]:
    """Lowest threshold of the grid from which on the rate is at most ``share``; its rate, and the years simulated."""
    years = days / YEAR_DAYS
    rates = 100.0 * alarms / max(years, 1e-9)
    too_many = np.flatnonzero(rates > share)
    place = min(int(too_many[-1]) + 1 if len(too_many) else 0, len(GRID) - 1)
    return float(GRID[place]), float(rates[place]), years


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(
        description="Simulate the run lengths of the detectors and write their thresholds."
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="file to write, dbt_project/seeds/detection_thresholds.csv"
    )
    parser.add_argument("--rounds", type=int, default=Calibration.rounds, help="of simulation (default %(default)s)")
    parser.add_argument("--target", type=float, default=Calibration.target, help="false alarms per 100 series-years")
    given = parser.parse_args()
    rows = calibrate(Calibration(rounds=given.rounds, target=given.target), DetectionParameters())
    with given.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
