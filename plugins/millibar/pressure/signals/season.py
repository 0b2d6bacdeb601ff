"""The season of sales: what calendar and time of year put on orders, from priors and, where there is a year, from data.

    log E[orders_t] = level + trend + weekday + sum_k Fourier_k(t) + sum_e effect_e event_e(t)

A Poisson regression with Gaussian priors, fitted by Newton steps, over-dispersion by Pearson's statistic, days far out
drawn in (Huber). The prior of an event is its factor in seeds/calendar_effects.csv; that of the Fourier terms is zero,
and they enter only where the history covers a year, so that a first year is not bent into a season. STL would need two
full years before it says anything, knows no event that moves (Easter, Black Friday), and gives no uncertainty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.pressure.signals.arrays import Floats
from millibar.pressure.signals.calendar import DEFAULT_SPREAD, event_days
from millibar.pressure.signals.parameters import SeasonParameters

YEAR_DAYS = 365.25
NEWTON_STEPS = 12
FLAT = 10.0  # standard deviation of what the data alone decide


@dataclass(frozen=True)
class Season:
    """The seasonal part (Fourier and events, no weekday) as a Gaussian over its coefficients.

    ``mean``: (terms,), ``covariance``: (terms, terms); events first, then the Fourier pairs. ``basis``: ``calendar``
    (priors alone) or ``history``.
    """

    effects: pd.DataFrame
    harmonics: int
    mean: Floats
    covariance: Floats
    basis: str

    def factor(self, days: pd.DatetimeIndex) -> Floats:
        """Multiplier of expected orders, shape (days,); only ratios between days mean anything."""
        return np.asarray(np.exp(self._terms(days) @ self.mean))

    def ratio(self, days: pd.DatetimeIndex, against: pd.DatetimeIndex) -> tuple[float, float]:
        """Mean factor of ``days`` over that of ``against``, and the standard deviation of its log."""
        if not len(days) or not len(against):
            return 1.0, 0.0
        above, below = self._terms(days), self._terms(against)
        over, under = np.exp(above @ self.mean), np.exp(below @ self.mean)
        slope = (over @ above) / over.sum() - (under @ below) / under.sum()
        return float(over.mean() / under.mean()), float(np.sqrt(slope @ self.covariance @ slope))

    def _terms(self, days: pd.DatetimeIndex) -> Floats:
        return np.hstack([event_days(days, self.effects), _fourier(days, self.harmonics)])


def season_factors(
    days: pd.DatetimeIndex, effects: pd.DataFrame, history: pd.DataFrame | None, parameters: SeasonParameters
) -> Floats:
    """The factor of each day, as :meth:`Season.factor` of :func:`fit_season`."""
    return fit_season(history, effects, parameters).factor(days)


def fit_season(history: pd.DataFrame | None, effects: pd.DataFrame, parameters: SeasonParameters) -> Season:
    """Season of a series of daily orders.

    ``history``: day, orders; consecutive days up to the last one judged (a day that is missing counts 0). Its newest
    ``gap_days`` are not learned from, so that a fault of now is not taken for the season. With fewer than
    ``minimum_days`` before them the priors stand as they are.
    """
    prior_mean = np.log(effects["factor"].to_numpy(dtype=float))
    spread = effects["spread"].fillna(DEFAULT_SPREAD).to_numpy(dtype=float)
    learned = _learnable(history, parameters)
    if len(learned) < parameters.minimum_days:
        return Season(effects, 0, prior_mean, np.diag(spread**2), "calendar")
    days = pd.DatetimeIndex(learned.index)
    events, waves = event_days(days, effects), _fourier(days, parameters.harmonics)
    weekday = np.eye(7)[days.day_of_week.to_numpy()]
    age = np.linspace(-1.0, 0.0, len(days))[:, None]
    design = np.hstack([events, waves, weekday, age])
    harmonics = np.repeat(np.arange(1, parameters.harmonics + 1), 2)
    mean = np.concatenate([prior_mean, np.zeros(waves.shape[1] + 8)])
    deviation = np.concatenate(
        [spread, parameters.wave_spread / harmonics, np.full(7, FLAT), [parameters.trend_spread]]
    )
    fitted, covariance = _fit(design, learned.to_numpy(dtype=float), mean, deviation, parameters.clip)
    terms = events.shape[1] + waves.shape[1]
    return Season(effects, parameters.harmonics, fitted[:terms], covariance[:terms, :terms], "history")


def _learnable(history: pd.DataFrame | None, parameters: SeasonParameters) -> pd.Series:
    """Orders by day without holes, from the first day with any, without the newest days."""
    if history is None or history.empty:
        return pd.Series(dtype=float)
    daily = history.assign(day=pd.to_datetime(history["day"])).groupby("day")["orders"].sum().astype(float)
    daily = daily[daily.index >= daily.index.max() - pd.Timedelta(days=parameters.history_days)]
    if not (daily > 0).any():
        return pd.Series(dtype=float)
    until = daily.index.max() - pd.Timedelta(days=parameters.gap_days)
    first = daily[daily > 0].index.min()
    if until < first:
        return pd.Series(dtype=float)
    return pd.Series(daily.reindex(pd.date_range(first, until), fill_value=0.0))


def _fourier(days: pd.DatetimeIndex, harmonics: int) -> Floats:
    angle = 2 * np.pi * days.day_of_year.to_numpy()[:, None] / YEAR_DAYS * np.arange(1, harmonics + 1)
    pairs = np.stack([np.cos(angle), np.sin(angle)], axis=2)
    return np.asarray(pairs.reshape(len(days), 2 * harmonics))


def _fit(design: Floats, counts: Floats, mean: Floats, deviation: Floats, clip: float) -> tuple[Floats, Floats]:
    """Posterior mode and covariance of a Poisson regression with a Gaussian prior and quasi-likelihood dispersion."""
    precision = np.diag(1.0 / deviation**2)
    at = mean.copy()
    at[-8:-1] = np.log(max(float(counts.mean()), 1e-6))
    dispersion = 1.0
    for _ in range(NEWTON_STEPS):
        expected = np.exp(np.clip(design @ at, -30.0, 30.0))
        spread = np.sqrt(dispersion * np.maximum(expected, 1e-9))
        residual = np.clip((counts - expected) / spread, -clip, clip) * spread
        dispersion = max(1.0, float((residual**2 / np.maximum(expected, 1e-9)).mean()))
        curvature = design.T @ (design * (expected / dispersion)[:, None]) + precision
        step = np.linalg.solve(curvature, design.T @ residual / dispersion - precision @ (at - mean))
        at = at + np.clip(step, -1.0, 1.0)
    return at, np.asarray(np.linalg.inv(curvature))
