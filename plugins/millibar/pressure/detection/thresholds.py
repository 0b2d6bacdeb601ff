"""Thresholds of the detectors as data: by simulated run length, by level and dispersion of a series."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from millibar.pressure.detection.baseline import Floats
from millibar.pressure.detection.parameters import DETECTORS
from millibar.settings import Settings

SEED = "detection_thresholds.csv"
COLUMNS = (
    "detector", "direction", "level_from", "level_to", "dispersion", "threshold",
    "false_alarms_per_100_series_years", "average_run_length_days", "series_years", "source",
)  # fmt: skip
DIRECTIONS = {"rise": 1.0, "fall": -1.0}
# Expected events a day from which each class begins; relative deviation of a day (square root of phi) likewise.
LEVELS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
DISPERSIONS = {"none": 0.0, "some": 0.1, "much": 0.25}


class ThresholdsError(ValueError):
    """The file of thresholds is missing or wrong; the message names line, column, value and the mend."""


@dataclass(frozen=True)
class Thresholds:
    """``limits`` and ``false_alarms`` (per 100 series-years): shape (detectors, directions, levels, dispersions)."""

    limits: Floats
    false_alarms: Floats

    def of(self, side: Floats, level: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """Threshold and false-alarm rate, each of shape (detectors, series, days).

        ``side``: shape (series,); ``level`` (expected events a day) and ``spread``: shape (series, days).
        """
        where = np.where(side > 0, 0, 1)[:, None], level_class(level), dispersion_class(spread)
        return self.limits[:, *where], self.false_alarms[:, *where]


def level_class(level: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Place in ``LEVELS`` of expected events a day."""
    return np.asarray(np.searchsorted(LEVELS, level, side="right") - 1)


def dispersion_class(spread: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Place in ``DISPERSIONS`` of a relative deviation."""
    return np.asarray(np.searchsorted(tuple(DISPERSIONS.values()), spread, side="right") - 1)


def load_thresholds(path: Path | None = None) -> Thresholds:
    """Read the seed ``detection_thresholds.csv``, of the dbt project where no path is given.

    ``ThresholdsError`` where the file is missing, a value is wrong, or a cell is missing or doubled.
    """
    path = path or Settings.from_environment().dbt_project / "seeds" / SEED
    shape = (len(DETECTORS), len(DIRECTIONS), len(LEVELS), len(DISPERSIONS))
    limits, rates = np.full(shape, np.nan), np.full(shape, np.nan)
    for line, row in _rows(path):
        cell = _cell(path, line, row)
        if not np.isnan(limits[cell]):
            raise ThresholdsError(f"{path}, line {line}: a second row of the same cell; delete one of them")
        limits[cell] = _number(path, line, row, "threshold", least=1.0)
        rates[cell] = _number(path, line, row, "false_alarms_per_100_series_years", least=0.0)
    missing = np.argwhere(np.isnan(limits))
    if len(missing):
        detector, direction, level, dispersion = missing[0]
        cell_text = (
            f"detector {list(DETECTORS)[detector]}, direction {list(DIRECTIONS)[direction]}, level_from "
            f"{LEVELS[level]:g}, dispersion {list(DISPERSIONS)[dispersion]}"
        )
        raise ThresholdsError(f"{path}: no row for {cell_text}; write the file anew with {GENERATOR}")
    return Thresholds(limits, rates)


GENERATOR = "python -m millibar.pressure.detection.calibrate --out FILE"


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    if not path.exists():
        raise ThresholdsError(f"{path} is missing; write it with {GENERATOR}")
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if lacking:
            raise ThresholdsError(f"{path}, line 1: column {lacking[0]} is missing; write the file anew: {GENERATOR}")
        return [(reader.line_num, row) for row in reader]


def _cell(path: Path, line: int, row: dict[str, str]) -> tuple[int, int, int, int]:
    choices = {"detector": tuple(DETECTORS), "direction": tuple(DIRECTIONS), "dispersion": tuple(DISPERSIONS)}
    places = {}
    for column, known in choices.items():
        if row[column] not in known:
            raise ThresholdsError(
                f"{path}, line {line}, column {column}: {row[column]!r} is not known; use one of {', '.join(known)}"
            )
        places[column] = known.index(row[column])
    level = _number(path, line, row, "level_from", least=0.0)
    if level not in LEVELS:
        known_levels = ", ".join(f"{known:g}" for known in LEVELS)
        raise ThresholdsError(
            f"{path}, line {line}, column level_from: {row['level_from']!r} begins no class; use one of {known_levels}"
        )
    return places["detector"], places["direction"], LEVELS.index(level), places["dispersion"]


def _number(path: Path, line: int, row: dict[str, str], column: str, least: float) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError):
        value = np.nan
    if not (np.isfinite(value) and value >= least):
        raise ThresholdsError(
            f"{path}, line {line}, column {column}: {row[column]!r}; write a number of at least {least:g}"
        )
    return float(value)
