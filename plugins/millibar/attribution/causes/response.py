"""Response of a channel to a day's spend: a saturating curve from the daily series, its height set by the credits.

With x the adstock of the spend and g the demand of the day (both known), credited conversions of a day are g * f(x),
f(x) = ceiling * x / (half + x) (Michaelis-Menten; Jin, Wang, Sun, Chan & Koehler 2017, Bayesian Methods for Media Mix
Modeling with Carryover and Shape Effects). The half-saturation has a log-normal prior and is summed over a grid, the
ceiling follows from it; the height is then set so that the curve gives the credit of the whole series.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from millibar.attribution.parameters import BudgetParameters
from millibar.attribution.paths import Floats

HALVES = np.geomspace(0.05, 50.0, 121)  # half-saturation spend, in the series' mean; the largest is as good as a line
STRAIGHT = 10.0  # a curve whose half-saturation is beyond this many present spends is told as a line
WEEK = 7


@dataclass(frozen=True)
class DailySeries:
    """A channel's days, oldest first, shape (days,): ``spend`` in money, ``conversions`` credited to its touches of the
    day, and ``demand``, how much more than on a mean day the brand sells on such a day (mean 1)."""

    spend: Floats
    conversions: Floats
    demand: Floats


@dataclass(frozen=True)
class Response:
    """Draws of a channel's response to its daily spend.

    ``curve``: saturating, linear or none. ``spend_day``: mean spend of a day at present. ``ceiling``, ``half_spend``:
    posterior draws, shape (draws,), conversions a day and money a day; of a line, ``ceiling / half_spend`` is its slope
    and ``half_spend`` infinite, with the slope in ``ceiling``. ``basis``: where the curve is from, in words.
    """

    curve: str
    spend_day: float
    ceiling: Floats
    half_spend: Floats
    days: int
    basis: str

    def conversions(self, spend: float) -> Floats:
        """Conversions of a day at that spend, shape (draws,)."""
        return np.asarray(self.ceiling * spend * self._damping(spend))

    def marginal(self, spend: float) -> Floats:
        """Conversions for one more unit of money a day at that spend, shape (draws,)."""
        return np.asarray(self.ceiling * self._damping(spend) ** 2 * np.where(self._straight, 1.0, self.half_spend))

    @property
    def _straight(self) -> npt.NDArray[np.bool_]:
        return np.isinf(self.half_spend)

    def _damping(self, spend: float) -> Floats:
        half = np.where(self._straight, 1.0, self.half_spend)
        return np.where(self._straight, 1.0, 1.0 / (half + spend))


def adstock(spend: Floats, half_life_days: float) -> Floats:
    """Spend carried over: a day's effect halves every ``half_life_days``; a constant spend is its own adstock."""
    if half_life_days <= 0:
        return spend.astype(np.float64)
    kept = 0.5 ** (1.0 / half_life_days)
    carried, stock = np.empty(len(spend)), float(spend.mean()) if len(spend) else 0.0
    for day, amount in enumerate(spend):
        stock = kept * stock + (1.0 - kept) * float(amount)
        carried[day] = stock
    return carried


def demand_index(conversions: Floats, first_weekday: int) -> Floats:
    """How much more than on a mean day the brand sells, shape (days,): day of the week times four-week trend."""
    days = len(conversions)
    if days == 0 or conversions.sum() <= 0:
        return np.ones(days)
    width = min(4 * WEEK + 1, days)
    window = np.ones(width)
    trend = np.convolve(conversions, window, "same") / np.convolve(np.ones(days), window, "same")
    weekday = (np.arange(days) + first_weekday) % WEEK
    relative = conversions / np.maximum(trend, 1e-9)
    by_weekday = np.bincount(weekday, relative, minlength=WEEK) / np.maximum(np.bincount(weekday, minlength=WEEK), 1)
    index = np.maximum(by_weekday[weekday] * trend, 1e-3 * conversions.mean())
    return np.asarray(index / index.mean())


def fit_response(
    series: DailySeries,
    spend_day: float,
    credit_day: Floats,
    parameters: BudgetParameters | None = None,
    seed_offset: int = 0,
) -> Response:
    """The response of one channel.

    ``spend_day``: money a day at present; ``credit_day``: draws of the conversions a day it is credited with at that
    spend, shape (draws,) (their spread is the error of the credit, from the experiments where there are some). The
    curve goes through that credit at the present spend; the series decides only how it bends. A series that is too
    short or too even gives a line with a bend the prior alone knows, so that its marginal return has a wide interval.
    """
    parameters = parameters or BudgetParameters()
    random = np.random.default_rng([parameters.seed, seed_offset])
    count = parameters.draws
    height = random.choice(credit_day, count)
    days = int((series.spend > 0).sum())
    if spend_day <= 0:
        return Response("none", spend_day, np.zeros(count), np.full(count, np.inf), days, "no spend")
    carried = adstock(series.spend, parameters.adstock_half_life_days)
    reason = _unfit(series, carried, days, parameters)
    # the series may be of another level than the present spend
    grid = HALVES * (spend_day if reason else float(carried.mean()))
    log_weight = -0.5 * (np.log(grid / spend_day / parameters.half_spend_prior) / parameters.half_spend_spread) ** 2
    if not reason:
        log_weight = log_weight + _profile(series, carried, grid)
    weight = np.exp(log_weight - log_weight.max())
    weight = weight / weight.sum()
    halves = random.choice(grid, size=count, p=weight)
    straight = bool(reason) or float(np.exp(weight @ np.log(grid))) > STRAIGHT * spend_day
    basis = f"average, bend unknown: {reason}" if reason else f"daily series of {days} days with spend"
    ceiling = height * (halves + spend_day) / spend_day
    return Response("linear" if straight else "saturating", spend_day, ceiling, halves, days, basis)


def _unfit(series: DailySeries, carried: Floats, days: int, parameters: BudgetParameters) -> str:
    """Why the series cannot show a curve; empty where it can."""
    if days < parameters.least_spend_days:
        return f"{days} days with spend, {parameters.least_spend_days} are needed"
    if series.conversions.sum() <= 0:
        return "no credited conversions"
    if float(carried.std() / carried.mean()) < parameters.least_variation:
        return "spend hardly varies"
    return ""


def _profile(series: DailySeries, carried: Floats, halves: Floats) -> Floats:
    """Quasi-log-likelihood of each half-saturation, the ceiling at its best, variance proportional to the mean."""
    shapes = carried / (halves[:, None] + carried) * series.demand
    shapes = np.maximum(shapes, 1e-12)
    ceilings = series.conversions.sum() / shapes.sum(axis=1)
    means = shapes * ceilings[:, None]
    fit = (series.conversions * np.log(means) - means).sum(axis=1)
    best = means[int(np.argmax(fit))]
    # credits spread over days are smoother or rougher than counts: the scale is estimated, and never below Poisson's
    dispersion = float(((series.conversions - best) ** 2 / best).sum()) / max(len(series.conversions) - 2, 1)
    return np.asarray(fit / max(dispersion, 1.0))
