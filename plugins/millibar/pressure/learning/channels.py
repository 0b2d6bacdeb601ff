"""Learns how much and how long each channel presses: weights and half-lives by profile likelihood, around the profiles.

One channel and one number at a time, the log-likelihood of answers and annoyances (see model.py) is taken at three
values and a parabola says where it is highest; log-normal priors hold what the data do not tell at the profile's value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.pressure.index.contacts import LADDER, Floats
from millibar.pressure.index.mixing import ChannelMix
from millibar.pressure.learning.evidence import Evidence
from millibar.pressure.learning.model import ToleranceModel, expose, tolerance_grid
from millibar.pressure.learning.population import PopulationFit, fit_population, log_likelihood
from millibar.pressure.parameters import INTERVAL_Z, ToleranceParameters

WEIGHT_STEP, HALF_LIFE_STEP = 1.3, 1.3
SWEEPS = 2
COARSE_POINTS = 15  # of the grid of ln tolerance while channels are compared


@dataclass(frozen=True)
class ChannelFit:
    """``mix``: to use. ``low``, ``high``: 95 % intervals, (channels, 2): weight, half-life. ``learned``: flags.

    A channel with too few contacts, or a population that tells nothing, keeps its profile and has no interval.
    """

    mix: ChannelMix
    low: Floats
    high: Floats
    learned: np.ndarray


def learn_channels(
    evidence: Evidence, profile: ChannelMix, parameters: ToleranceParameters
) -> tuple[PopulationFit, ChannelFit]:
    """Fit the population under the profiles, then the channels, then the population again."""
    first = fit_population(evidence, profile.coefficients(), parameters)
    contacts = np.bincount(evidence.channel, evidence.contacts, minlength=len(evidence.channels))
    learned = first.fitted & (contacts >= parameters.minimum_contacts) & (profile.weights > 0)
    nothing = np.full((len(contacts), 2), np.nan)
    if not learned.any():
        return first, ChannelFit(profile, nothing, nothing.copy(), learned)
    search = _Search(evidence, profile, first.model, parameters)
    places = np.flatnonzero(learned)[np.argsort(-contacts[learned], kind="stable")]
    mix, errors = profile, nothing.copy()
    for _ in range(SWEEPS):
        for place in places:
            for number in (0, 1):
                mix, errors[place, number] = search.improve(mix, int(place), number)
    fit = fit_population(evidence, mix.coefficients(), parameters, first)
    if not fit.fitted or fit.gain < first.gain:
        return first, ChannelFit(profile, nothing, nothing.copy(), np.zeros_like(learned))
    values = np.stack([mix.weights, mix.half_lives], axis=1)
    low, high = values * np.exp(-INTERVAL_Z * errors), values * np.exp(INTERVAL_Z * errors)
    bounds = profile.half_lives * LADDER[0], profile.half_lives * LADDER[-1]
    low[:, 1], high[:, 1] = np.maximum(low[:, 1], bounds[0]), np.minimum(high[:, 1], bounds[1])
    return fit, ChannelFit(mix, low, high, learned)


@dataclass(frozen=True)
class _Search:
    evidence: Evidence
    profile: ChannelMix
    model: ToleranceModel
    parameters: ToleranceParameters

    def improve(self, mix: ChannelMix, place: int, number: int) -> tuple[ChannelMix, float]:
        """Move weight (0) or half-life (1) of a channel to the top of its parabola; the error of its logarithm."""
        step = (WEIGHT_STEP, HALF_LIFE_STEP)[number]
        values = [self._value(self._moved(mix, place, number, factor)) for factor in (1 / step, 1.0, step)]
        bend = (2 * values[1] - values[0] - values[2]) / np.log(step) ** 2
        prior = (self.parameters.weight_prior, self.parameters.half_life_prior)[number]
        error = 1 / np.sqrt(bend) if bend > 1 / prior**2 else prior
        moved = self._moved(mix, place, number, parabola_top(values, step))
        return (moved, error) if self._value(moved) > values[1] else (mix, error)

    def _moved(self, mix: ChannelMix, place: int, number: int, factor: float) -> ChannelMix:
        weight, half_life = float(mix.weights[place]), float(mix.half_lives[place])
        if number == 0:
            return mix.with_channel(place, weight * factor, half_life)
        own = float(self.profile.half_lives[place])
        return mix.with_channel(place, weight, float(np.clip(half_life * factor, own * LADDER[0], own * LADDER[-1])))

    def _value(self, mix: ChannelMix) -> float:
        """Log-likelihood and log prior of a mix, the population held but for rho, which follows the scale."""
        log_index = self.evidence.log_index(mix.coefficients())
        grid = tolerance_grid(log_index, COARSE_POINTS)
        model = self.model
        exposure = expose(self.evidence, log_index, grid, model.answer_fall, model.annoyance_rise)
        pressed = self.profile.weights > 0
        weights = np.log(mix.weights[pressed] / self.profile.weights[pressed])
        half_lives = np.log(mix.half_lives / self.profile.half_lives)
        prior = (weights**2).sum() / self.parameters.weight_prior**2
        prior += (half_lives**2).sum() / self.parameters.half_life_prior**2
        return log_likelihood(model, exposure, self.evidence, grid) - 0.5 * float(prior)


def parabola_top(values: list[float], step: float) -> float:
    """Factor at which a parabola in the logarithm, through values at 1 / step, 1 and step, is highest.

    At most two steps away; where it is not bent downwards, one step towards the higher end.
    """
    low, middle, high = values
    bend = low - 2 * middle + high
    move = 0.5 * (low - high) / bend if bend < -1e-12 else float(np.sign(high - low))
    return float(step ** np.clip(move, -2.0, 2.0))
