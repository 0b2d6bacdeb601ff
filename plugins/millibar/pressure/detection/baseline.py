"""What a day's count should be: rate, weekday factors and spread of each series, from the days before a given day.

    E = exposure * season * rate * weekday factor
    Var(sum over a window) = sum(chance * E + phi * E^2) + (week + rate error) * (sum E)^2

phi: over-dispersion of single days, by the method of moments. week: relative variance of whole weeks, which the single
days do not show (a campaign's content, an audience of its own); without it long windows look surer than they are.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from millibar.pressure.detection.parameters import WEEK, DetectionParameters

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ROBUST_PASSES = 2
MEDIAN_TO_DEVIATION = 1.4826  # standard deviation of a normal distribution over its median absolute deviation
USUAL_PHI = 0.02  # over-dispersion taken for granted before the data speak: days that differ by 14 %
LEAST_FREE = 0.05  # chance variance never below this share of the expected count


@dataclass(frozen=True)
class Baselines:
    """Baselines by the day their window stops before.

    ``first``: that day of the first element. Shapes: ``rate``, ``free``, ``phi``, ``slow``, ``level``, ``mature``
    (ends, series); ``factor`` (ends, series, 7), by the day's place modulo 7. ``free``: chance variance over expected
    count. ``slow``: relative variance of a window's sum that its days share. ``level``: expected events a day.
    """

    first: int
    rate: Floats
    free: Floats
    phi: Floats
    slow: Floats
    level: Floats
    factor: Floats
    mature: Flags

    def at(self, end: int) -> int:
        """Place of the baseline whose window stops before day ``end``."""
        return end - self.first

    def of(self, series: npt.NDArray[np.intp]) -> Baselines:
        """The baselines of some series."""
        kept = {f.name: getattr(self, f.name)[:, series] for f in fields(self) if f.name != "first"}
        return Baselines(self.first, **kept)

    def expected(self, place: int, units: Floats, first_day: int) -> Floats:
        """Expected counts under one baseline of the days whose units are given; 0 where the series is not mature."""
        weekdays = (first_day + np.arange(units.shape[1])) % WEEK
        rate = np.where(self.mature[place], self.rate[place], 0.0)[:, None]
        return np.asarray(units * rate * self.factor[place][:, weekdays])


def learn_baselines(
    counts: Floats, units: Floats, binomial: Flags, first: int, stop: int, parameters: DetectionParameters
) -> Baselines:
    """Baselines whose windows stop before the days ``first`` .. ``stop - 1``.

    ``counts``, ``units`` (exposure times season): shape (series, days). ``binomial``: shape (series,). A window that
    would begin before the first day is shorter.
    """
    ends, series = max(stop - first, 0), len(counts)
    rate, free, phi, slow, level = (np.zeros((ends, series)) for _ in range(5))
    factor, mature = np.ones((ends, series, WEEK)), np.zeros((ends, series), dtype=bool)
    learned = Baselines(first, rate, free, phi, slow, level, factor, mature)
    exposed = units > 0
    for place in range(ends):
        end = first + place
        usual = slice(max(end - parameters.baseline_days, 0), end)
        sparse = exposed[:, usual].sum(axis=1) < parameters.sparse_exposed_days
        _fill(learned, place, counts, units, binomial, ~sparse, usual, parameters)
        longer = slice(max(end - parameters.sparse_baseline_days, 0), end)
        _fill(learned, place, counts, units, binomial, sparse, longer, parameters)
    return learned


def _fill(
    learned: Baselines,
    place: int,
    counts: Floats,
    units: Floats,
    binomial: Flags,
    rows: Flags,
    window: slice,
    parameters: DetectionParameters,
) -> None:
    """Write the baselines of these series, learned from this window."""
    length = window.stop - window.start
    if length < parameters.minimum_baseline_days or not rows.any():
        return
    counts, units, binomial = counts[rows, window], units[rows, window], binomial[rows]
    rate, free, phi, slow, factor = _learn(counts, units, window.start, binomial, parameters)
    learned.rate[place, rows], learned.free[place, rows], learned.phi[place, rows] = rate, free, phi
    learned.slow[place, rows], learned.factor[place, rows] = slow, factor
    learned.level[place, rows] = rate * units.mean(axis=1)
    exposed = units > 0
    age = np.where(exposed.any(axis=1), length - np.argmax(exposed, axis=1), 0)
    enough = exposed.sum(axis=1) >= parameters.minimum_exposed_days
    learned.mature[place, rows] = (age >= parameters.minimum_baseline_days) & enough & (rate > 0)


def _learn(
    counts: Floats, units: Floats, begin: int, binomial: Flags, parameters: DetectionParameters
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """rate, free, phi, slow and weekday factors of one window.

    Outliers of the past are drawn in to ``clip`` standard deviations before the rate is taken again.
    """
    weekdays = (begin + np.arange(counts.shape[1])) % WEEK
    indicator = np.eye(WEEK)[weekdays]
    used = _without_outliers(counts, units, binomial, parameters.clip)
    phi = np.zeros(len(counts))
    for _ in range(ROBUST_PASSES):
        rate = _rate(used, units)
        free = _free(rate, binomial)
        factor = _weekday_factors(used, units * rate[:, None], indicator, phi, parameters.weekday_prior)
        expected = units * rate[:, None] * factor[:, weekdays]
        chance = expected * free[:, None]
        phi = _day_dispersion(used, expected, chance)
        variance = chance + phi[:, None] * expected**2
        margin = parameters.clip * np.sqrt(variance)
        used = np.clip(counts, expected - margin, expected + margin)
    slow = _slow_variance(used, expected, variance, parameters)
    return rate, free, phi, slow, factor


def _rate(counts: Floats, units: Floats) -> Floats:
    total = units.sum(axis=1)
    return np.asarray(np.divide(counts.sum(axis=1), total, out=np.zeros(len(total)), where=total > 0))


def _free(rate: Floats, binomial: Flags) -> Floats:
    """Variance by chance alone is the expected count times this: 1 - p out of an exposure, 1 for plain counts."""
    return np.asarray(np.where(binomial, np.maximum(1.0 - rate, LEAST_FREE), 1.0))


def _without_outliers(counts: Floats, units: Floats, binomial: Flags, clip: float) -> Floats:
    """Counts drawn in around the median day: a first look that one wild day cannot move."""
    exposed = units > 0
    daily = np.where(exposed, counts / np.where(exposed, units, 1.0), np.inf)
    daily.sort(axis=1)
    place = np.maximum(exposed.sum(axis=1) - 1, 0) // 2
    median = np.where(exposed.any(axis=1), daily[np.arange(len(daily)), place], 0.0)
    rate = _rate(counts, units)
    # where most days have no event the mean is all there is
    usual = np.where(median > 0, median, rate)[:, None] * units
    deviation = _masked_median(np.abs(counts - usual), exposed) * MEDIAN_TO_DEVIATION
    margin = clip * np.maximum(deviation[:, None], np.sqrt(usual * _free(rate, binomial)[:, None]))
    return np.asarray(np.clip(counts, usual - margin, usual + margin))


def _masked_median(values: Floats, mask: Flags) -> Floats:
    """Median of each row's values where the mask holds; 0 where it holds nowhere."""
    ordered = np.sort(np.where(mask, values, np.inf), axis=1)
    place = np.maximum(mask.sum(axis=1) - 1, 0) // 2
    return np.asarray(np.where(mask.any(axis=1), ordered[np.arange(len(ordered)), place], 0.0))


def _weekday_factors(counts: Floats, expected: Floats, indicator: Floats, phi: Floats, prior: float) -> Floats:
    """Shrunk factor of each weekday, shape (series, 7), 1 where nothing is known.

    A day of E events and dispersion phi tells as much as E / (1 + phi E) events do; a few great days would else bend
    the factors to themselves, and leave no dispersion to be seen.
    """
    weight = 1.0 / (1.0 + np.maximum(phi, USUAL_PHI)[:, None] * expected)
    seen, usual = (counts * weight) @ indicator, (expected * weight) @ indicator
    return np.asarray((seen + prior) / (usual + prior))


def _day_dispersion(counts: Floats, expected: Floats, chance: Floats) -> Floats:
    """phi of Var = chance + phi E^2 by the method of moments, shrunk as by a week of usual days; never below 0."""
    square = (expected**2).sum(axis=1)
    excess = ((counts - expected) ** 2 - chance).sum(axis=1)
    prior = WEEK * square / np.maximum((expected > 0).sum(axis=1), 1)
    phi = np.divide(excess + prior * USUAL_PHI, square + prior, out=np.zeros(len(square)), where=square > 0)
    return np.asarray(np.maximum(0.0, phi))


def _slow_variance(counts: Floats, expected: Floats, variance: Floats, parameters: DetectionParameters) -> Floats:
    """Relative variance that a window's days share: of whole weeks, and of the rate's own estimate."""
    weeks = counts.shape[1] // WEEK
    days = weeks * WEEK

    def by_week(values: Floats) -> Floats:
        return np.asarray(values[:, -days:].reshape(len(values), weeks, WEEK).sum(axis=2))

    usual = by_week(expected)
    excess = (_without_trend(by_week(counts - expected), usual) ** 2 - by_week(variance)).sum(axis=1)
    square = (usual**2).sum(axis=1)
    total = expected.sum(axis=1)
    found = np.divide(excess, square, out=np.zeros(len(square)), where=square > 0)
    prior = parameters.week_deviation**2
    week = np.maximum((weeks * found + parameters.week_prior * prior) / (weeks + parameters.week_prior), 0.25 * prior)
    error = np.divide(variance.sum(axis=1), total**2, out=np.zeros(len(total)), where=total > 0)
    share = np.divide(square, total**2, out=np.zeros(len(total)), where=total > 0)
    return np.asarray(week * (1.0 + share) + error)


def _without_trend(residuals: Floats, usual: Floats) -> Floats:
    """Residuals of the weeks less a straight line of the rate: a slow decline is no swing to be borne with."""
    weight = usual**2
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    age = np.arange(usual.shape[1]) - (weight @ np.arange(usual.shape[1]))[:, None] / total
    spread = np.maximum((weight * age**2).sum(axis=1, keepdims=True), 1e-12)
    slope = (residuals * usual * age).sum(axis=1, keepdims=True) / spread
    return np.asarray(residuals - slope * age * usual)
