"""Clipped CUSUM of daily counts against a lagged, weekday-adjusted baseline; many series at once.

E = n * baseline * weekday factor,  z = s (k - E) / sqrt(E (1 - p) + phi E^2 + floor),  clipped to +-3
C_t = max(0, C_{t-1} + z - drift);  alarm when C_t > threshold
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from millibar.pressure.parameters import SignalParameters

Floats = npt.NDArray[np.float64]

ROBUST_PASSES = 2


@dataclass(frozen=True)
class Watch:
    """Outcome of each series over the watched days; arrays of shape (series, watch_days), the last day last.

    ``expected``, ``variance``: of the counts. ``z``: signed so that above 0 is bad, not clipped. ``cusum``: C_t.
    """

    expected: Floats
    variance: Floats
    z: Floats
    cusum: Floats


def watch_series(
    counts: Floats, exposure: Floats, sign: Floats, binomial: npt.NDArray[np.bool_], parameters: SignalParameters
) -> Watch:
    """Run the CUSUM.

    ``counts``, ``exposure``: shape (series, days), consecutive days. ``sign``: shape (series,), +1 where more is bad,
    -1 where fewer is bad. ``binomial``: whether each count is out of its exposure (variance E (1 - p)), else Poisson.
    Days without exposure, and days of a series younger than ``minimum_baseline_days``, have z = 0. With fewer days than
    baseline + lag there is nothing to watch: the watched axis is as long as the days allow, maybe 0.
    """
    series, days = counts.shape
    before = parameters.baseline_days + parameters.baseline_lag_days - 1
    watched = int(np.clip(days - before, 0, parameters.watch_days))
    shape = (series, watched)
    expected, variance, z, cusum = np.zeros(shape), np.zeros(shape), np.zeros(shape), np.zeros(shape)
    running = np.zeros(series)
    began = np.where((exposure > 0).any(axis=1), np.argmax(exposure > 0, axis=1), days)
    for place in range(watched):
        today = days - watched + place
        ends = today - parameters.baseline_lag_days + 1  # the day the window stops before
        window = slice(ends - parameters.baseline_days, ends)
        expected[:, place], variance[:, place] = _baseline(
            counts[:, window], exposure[:, window], exposure[:, today], (today - ends) % 7, binomial, parameters
        )
        young = ends - began < parameters.minimum_baseline_days
        expected[young, place] = variance[young, place] = 0.0
        spread = np.sqrt(variance[:, place])
        difference = counts[:, today] - expected[:, place]
        z[:, place] = sign * np.divide(difference, spread, out=np.zeros(series), where=spread > 0)
        step = np.clip(z[:, place], -parameters.clip, parameters.clip) - parameters.drift
        running = np.maximum(0.0, running + np.where(spread > 0, step, -parameters.drift))
        cusum[:, place] = running
    return Watch(expected, variance, z, cusum)


def _baseline(
    counts: Floats,
    exposure: Floats,
    exposure_today: Floats,
    days_after: int,
    binomial: npt.NDArray[np.bool_],
    parameters: SignalParameters,
) -> tuple[Floats, Floats]:
    """Expected count of the day and its variance, from one window; days_after: days since the window's end, modulo 7.

    Outliers of the past are drawn in to three standard deviations before the rate is taken again.
    """
    length = counts.shape[1]
    weekdays = np.arange(length) % 7
    today_weekday = (length + days_after) % 7
    free = _chance_factor(_rate(counts, exposure), binomial)
    used = _without_outliers(counts, exposure, free, parameters.clip)
    for _ in range(ROBUST_PASSES):
        rate = _rate(used, exposure)
        free = _chance_factor(rate, binomial)
        factors = _weekday_factors(used, exposure * rate[:, None], weekdays, parameters.weekday_prior)
        expected = exposure * rate[:, None] * factors[:, weekdays]
        chance = expected * free[:, None]
        phi = _over_dispersion(used, expected, chance)
        margin = parameters.clip * np.sqrt(chance + phi[:, None] * expected**2)
        used = np.clip(counts, expected - margin, expected + margin)
    today = exposure_today * rate * factors[:, today_weekday]
    known = today > 0
    return today, np.where(known, today * free + phi * today**2 + parameters.variance_floor, 0.0)


def _rate(counts: Floats, exposure: Floats) -> Floats:
    total = exposure.sum(axis=1)
    return np.asarray(np.divide(counts.sum(axis=1), total, out=np.zeros(len(total)), where=total > 0))


def _chance_factor(rate: Floats, binomial: npt.NDArray[np.bool_]) -> Floats:
    """Variance by chance alone is the expected count times this: 1 - p out of an exposure, 1 for plain counts."""
    return np.asarray(np.where(binomial, 1.0 - np.minimum(rate, 1.0), 1.0))


def _without_outliers(counts: Floats, exposure: Floats, free: Floats, clip: float) -> Floats:
    """Counts drawn in around the median day: a first look that one wild day cannot move."""
    exposed = exposure > 0
    daily = np.where(exposed, counts / np.where(exposed, exposure, 1.0), np.inf)
    daily.sort(axis=1)
    place = np.maximum(exposed.sum(axis=1) - 1, 0) // 2
    median = np.where(exposed.any(axis=1), daily[np.arange(len(daily)), place], 0.0)
    # where most days have no event the mean is all there is
    usual = np.where(median > 0, median, _rate(counts, exposure))[:, None] * exposure
    deviation = 1.4826 * np.median(np.abs(counts - usual), axis=1)
    margin = clip * np.maximum(deviation[:, None], np.sqrt(usual * free[:, None]))
    return np.asarray(np.clip(counts, usual - margin, usual + margin))


def _weekday_factors(counts: Floats, expected: Floats, weekdays: npt.NDArray[np.int64], prior: float) -> Floats:
    """Shrunk factor of each weekday, shape (series, 7), 1 where nothing is known."""
    indicator = np.eye(7)[weekdays]
    return np.asarray((counts @ indicator + prior) / (expected @ indicator + prior))


def _over_dispersion(counts: Floats, expected: Floats, chance: Floats) -> Floats:
    """phi of Var = chance + phi E^2 by the method of moments; never below 0."""
    square = (expected**2).sum(axis=1)
    excess = ((counts - expected) ** 2 - chance).sum(axis=1)
    phi = np.divide(excess, square, out=np.zeros(len(square)), where=square > 0)
    return np.asarray(np.maximum(0.0, phi))
