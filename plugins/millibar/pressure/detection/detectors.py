"""The verdict on each series: whether the last days are a pattern, an incident, or nothing, and since when.

Two detectors look at windows of different lengths (days: short, weeks: long); either raises the alarm. It rises when
its statistic exceeds the threshold of the series' level and dispersion and the recent days agree; it stands while they
do, and ends when they are back to expected. Everything is a function of the last ``history_days`` of counts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from millibar.pressure.detection.baseline import Baselines, Flags, Floats, learn_baselines
from millibar.pressure.detection.evidence import weigh
from millibar.pressure.detection.parameters import DETECTORS, DetectionParameters
from millibar.pressure.detection.thresholds import Thresholds

FAMILIES = ("binomial", "poisson")
UNBOUNDED_RATIO = 1e6  # puts any alarm before any statistic


@dataclass(frozen=True)
class Detection:
    """What was found. Arrays of shape (series, watched), the last day last, or (series,) for that last day.

    ``expected``, ``variance``, ``z``: of each day's count; z is above 0 where the day is bad. ``alarm``: a pattern
    stands. ``statistic``, ``threshold``: of the detector that is nearer to its threshold; a statistic above it raises
    the alarm once ``rise_z`` agrees, and an alarm stands for a while below it. ``sides``: bad direction of each day.
    ``mature``: the series has a baseline on that day.
    ``detector``, ``side``: of the last day. ``observed_recent``, ``expected_recent``, ``exposure_recent``: sums over
    ``recent_days``. ``p_value``: of these days pooled, one-sided (doubled where both directions are bad). ``incident``:
    the last day is far out and no alarm stands. ``since``: days before the last day at which the change is estimated to
    have begun, 0 without alarm. ``judged``: the series has a baseline, and events enough in the recent days.
    ``false_alarms``: expected per 100 series-years at these thresholds.
    """

    expected: Floats
    variance: Floats
    z: Floats
    alarm: Flags
    statistic: Floats
    threshold: Floats
    sides: Floats
    mature: Flags
    detector: npt.NDArray[np.str_]
    side: Floats
    observed_recent: Floats
    expected_recent: Floats
    exposure_recent: Floats
    p_value: Floats
    incident: Flags
    since: npt.NDArray[np.int64]
    judged: Flags
    false_alarms: Floats

    @property
    def rises(self) -> Flags:
        """Days on which an alarm rises, shape (series, watched)."""
        before = np.zeros_like(self.alarm)
        before[:, 1:] = self.alarm[:, :-1]
        return np.asarray(self.alarm & ~before)


def detect(
    counts: npt.ArrayLike,
    exposure: npt.ArrayLike,
    direction: npt.ArrayLike,
    family: npt.ArrayLike,
    parameters: DetectionParameters,
    thresholds: Thresholds,
    season: npt.ArrayLike | None = None,
    watch_days: int | None = None,
) -> Detection:
    """Judge many series; the last day is the one of interest.

    ``counts``, ``exposure``: shape (series, days), consecutive days; a day with exposure 0 is not judged.
    ``direction``: shape (series,), +1 where more is bad, -1 where fewer is bad, 0 where both are. ``family``: shape
    (series,), ``binomial`` (the count is out of its exposure) or ``poisson``. ``season``: known factor of the expected
    count, shape (series, days). ``watch_days``: how many of the last days are watched, as far as they have a baseline;
    without it as many as the verdict on the last day needs.

    Raises ``ValueError`` on shapes that do not match, NaN or infinity, negative numbers, or an unknown family.
    """
    counts, exposure = _matrix("counts", counts, None), _matrix("exposure", exposure, None)
    if counts.shape != exposure.shape:
        raise ValueError(f"exposure has shape {exposure.shape}, counts {counts.shape}; give both the same")
    units = exposure if season is None else exposure * _matrix("season", season, counts.shape)
    directions, binomial = _directions(direction, len(counts)), _binomial(family, len(counts))
    possible = max(counts.shape[1] - parameters.minimum_baseline_days - parameters.baseline_lag_days + 1, 0)
    watched = min(possible, parameters.verdict_days if watch_days is None else watch_days)
    first = max(counts.shape[1] - watched - parameters.reach_days, 0)
    baselines = learn_baselines(counts, units, binomial, first, counts.shape[1], parameters)
    counted = np.where(units > 0, counts, 0.0)
    worse = np.where(directions == 0, 1.0, directions)
    found = _one_sided(counted, units, worse, baselines, watched, parameters, thresholds)
    both = np.flatnonzero(directions == 0)
    if len(both):
        other = _one_sided(
            counted[both], units[both], -worse[both], baselines.of(both), watched, parameters, thresholds
        )
        found = _further_out(found, other, both)
    return _told(found, counted, exposure, units, directions, baselines, parameters)


@dataclass(frozen=True)
class _Verdict:
    """Arrays (series, watched) of one direction; ``onset``: days since the change began."""

    expected: Floats
    variance: Floats
    z: Floats
    mature: Flags
    alarm: Flags
    onset: Floats
    statistic: Floats
    threshold: Floats
    detector: Floats
    sides: Floats
    recent: Floats
    false_alarms: Floats


def _one_sided(
    counts: Floats,
    units: Floats,
    side: Floats,
    baselines: Baselines,
    watched: int,
    parameters: DetectionParameters,
    thresholds: Thresholds,
) -> _Verdict:
    evidence = weigh(counts, units, side, baselines, watched, parameters)
    limits, rates = thresholds.of(side, evidence.level, evidence.spread)
    ratio = evidence.statistic / limits
    nearer = np.argmax(ratio, axis=0)[None]

    def chosen(values: Floats) -> Floats:
        return np.asarray(np.take_along_axis(values, nearer, axis=0)[0])

    statistic, threshold, window = chosen(evidence.statistic), chosen(limits), chosen(evidence.window)
    raised = (statistic > threshold) & (evidence.rising > parameters.rise_z)
    alarm, onset = _held(raised, ~(evidence.standing <= parameters.confirm_z), window, parameters.hold_days)
    return _Verdict(
        evidence.expected,
        evidence.variance,
        evidence.z,
        evidence.mature,
        alarm,
        onset,
        statistic,
        threshold,
        nearer[0].astype(float),
        np.broadcast_to(side[:, None], statistic.shape),
        evidence.recent,
        rates.sum(axis=0),
    )


def _held(raised: Flags, stands: Flags, window: Floats, hold_days: int) -> tuple[Flags, Floats]:
    """Alarms that stand while the recent days do, and the days since each change began."""
    alarm, onset = np.zeros_like(raised), np.zeros(raised.shape)
    idle = np.full(len(raised), hold_days + 1)
    since = np.zeros(len(raised))
    for day in range(raised.shape[1]):
        idle = np.where(raised[:, day], 0, np.where(stands[:, day], idle + 1, hold_days + 1))
        since = np.where(raised[:, day], window[:, day] - 1, since + 1)
        alarm[:, day] = idle <= hold_days
        onset[:, day] = np.where(alarm[:, day], since, 0)
    return alarm, onset


def _further_out(found: _Verdict, other: _Verdict, rows: npt.NDArray[np.intp]) -> _Verdict:
    """For these rows, on each day, the direction with an alarm, or else the one nearer to its threshold."""
    one = _Verdict(**{field.name: getattr(found, field.name)[rows] for field in fields(_Verdict)})
    score, other_score = (v.alarm * UNBOUNDED_RATIO + v.statistic / v.threshold for v in (one, other))
    turned = (other_score > score) | ((other_score == score) & (other.recent > one.recent))
    merged = {}
    for field in fields(_Verdict):
        values = np.array(getattr(found, field.name))
        values[rows] = np.where(turned, getattr(other, field.name), getattr(one, field.name))
        merged[field.name] = values
    merged["false_alarms"][rows] = one.false_alarms + other.false_alarms
    return _Verdict(**merged)


def _told(
    found: _Verdict,
    counts: Floats,
    exposure: Floats,
    units: Floats,
    directions: Floats,
    baselines: Baselines,
    parameters: DetectionParameters,
) -> Detection:
    """The verdict with what is said of the last day alone."""
    days = counts.shape[1]
    recent = slice(max(days - parameters.recent_days, 0), days)
    observed, exposed = counts[:, recent].sum(axis=1), exposure[:, recent].sum(axis=1)
    if not found.alarm.shape[1]:
        return _nothing_watched(found, observed, exposed, directions)
    usual = baselines.at(days - parameters.baseline_lag_days)
    expected = baselines.expected(usual, units[:, recent], recent.start).sum(axis=1)
    mature, alarm, side = found.mature[:, -1], found.alarm[:, -1], found.sides[:, -1]
    tail = norm.sf(found.recent[:, -1]) * np.where(directions == 0, 2.0, 1.0)
    eventful = np.maximum(counts[:, -1], found.expected[:, -1]) >= parameters.minimum_events
    return Detection(
        found.expected,
        found.variance,
        found.z,
        found.alarm,
        found.statistic,
        found.threshold,
        found.sides,
        found.mature,
        np.array(list(DETECTORS))[found.detector[:, -1].astype(int)],
        side,
        observed,
        expected,
        exposed,
        np.where(mature, np.minimum(tail, 1.0), 1.0),
        eventful & ~alarm & (found.z[:, -1] > parameters.incident_z),
        np.where(alarm, found.onset[:, -1], 0).astype(np.int64),
        mature & (alarm | (np.maximum(observed, expected) >= parameters.minimum_events)),
        np.where(mature, found.false_alarms[:, -1], 0.0),
    )


def _nothing_watched(found: _Verdict, observed: Floats, exposed: Floats, directions: Floats) -> Detection:
    """Too few days: nothing is judged."""
    none, no = np.zeros(len(observed)), np.zeros(len(observed), dtype=bool)
    side = np.where(directions == 0, 1.0, directions)
    return Detection(
        found.expected,
        found.variance,
        found.z,
        found.alarm,
        found.statistic,
        found.threshold,
        found.sides,
        found.mature,
        np.full(len(observed), next(iter(DETECTORS))),
        side,
        observed,
        none,
        exposed,
        np.ones(len(observed)),
        no,
        none.astype(np.int64),
        no,
        none,
    )


def _matrix(name: str, values: npt.ArrayLike, shape: tuple[int, ...] | None) -> Floats:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"{name} has shape {matrix.shape}; give one row a series and one column a day")
    if shape is not None and matrix.shape != shape:
        raise ValueError(f"{name} has shape {matrix.shape}, counts {shape}; give both the same")
    wrong = np.argwhere(~(np.isfinite(matrix) & (matrix >= 0)))
    if len(wrong):
        row, day = wrong[0]
        raise ValueError(
            f"{name}[{row}, {day}] is {matrix[row, day]:g}; give finite numbers of at least 0 (a day without data: "
            "exposure 0)"
        )
    return matrix


def _directions(direction: npt.ArrayLike, series: int) -> Floats:
    directions = np.asarray(direction, dtype=np.float64)
    if directions.shape != (series,) or not np.isin(directions, (-1.0, 0.0, 1.0)).all():
        raise ValueError(f"direction is {direction!r}; give -1, 0 or 1 for each of {series} series")
    return directions


def _binomial(family: npt.ArrayLike, series: int) -> Flags:
    families = np.asarray(family)
    if families.shape != (series,) or not np.isin(families, FAMILIES).all():
        raise ValueError(f"family is {family!r}; give {' or '.join(FAMILIES)} for each of {series} series")
    return np.asarray(families == FAMILIES[0])
