"""What all customers have in common: how best hours spread, how sharp they are, and each channel's own curves.

A customer has one best hour z for all channels, on a grid around the clock. A contact of channel c at hour h is
answered with the chance

    p = rate_c * level * curve_c(h) * (1 + gain * bump(h - z)) / mean over the clock,  bump(d) = exp(-d^2 / (2 width^2))

``level`` is how much he answers on that channel (mean about 1, own to each channel), and is summed out. When he comes
by himself, the hour has the chance (1 - own) * usual(h) + own * bump'(h - z). A finite mixture over z, learned by
expectation maximisation (Dempster, Laird and Rubin 1977) in learning.py; the mixing distributions are nonparametric on
their grids (Laird 1978).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from millibar.moments.evidence import HOURS, ChannelEvidence, Evidence, Floats, Places, hour_gaps
from millibar.moments.parameters import MomentParameters


@dataclass(frozen=True)
class ChannelModel:
    """One channel. ``rate``: answers a contact of an average customer and hour; ``level_weights``, shape (levels,).

    ``curve``, shape (24,), and ``weekdays``, shape (7,): the channel's own, beside its persons' hours, mean 1 over its
    contacts. ``exposures``, ``responses``, shape (7, 24): all counts the curves were learned from.
    """

    rate: float
    level_weights: Floats
    curve: Floats
    weekdays: Floats
    exposures: Floats
    responses: Floats


@dataclass(frozen=True)
class VisitModel:
    """When persons come by themselves: share ``own`` within ``width`` hours of their hour, the rest as ``usual``."""

    own: float
    width: float
    usual: Floats  # shape (24,), sums to 1


@dataclass(frozen=True)
class WeekendModel:
    """How persons differ at weekends: answers there relative to other days, ``ratios``, with their ``weights``."""

    ratios: Floats
    weights: Floats


@dataclass(frozen=True)
class Population:
    """The fit. ``prior``, shape (segments + 1, peaks): distribution of best hours by segment, the last row of all."""

    peaks: Floats
    levels: Floats
    prior: Floats
    segment_names: tuple[str, ...]
    gain: float
    width: float
    channels: dict[str, ChannelModel]
    visits: VisitModel
    weekend: WeekendModel
    highest_response: float
    fitted: bool
    log_likelihood: float  # a customer

    def told(self) -> dict[str, object]:
        """What the fit was, for ops.model_runs."""
        peak = float(self.peaks[int(np.argmax(self.prior[-1]))])
        return {
            "fitted": self.fitted,
            "log_likelihood_a_customer": self.log_likelihood,
            "gain": self.gain,
            "width_hours": self.width,
            "commonest_best_hour": peak,
            "visits_own_share": self.visits.own,
            "channel_rates": {name: model.rate for name, model in self.channels.items()},
        }


@dataclass(frozen=True)
class Posterior:
    """What is known of some customers' best hours: ``weights``, shape (n, peaks), rows sum to 1; log-likelihood (n,).

    ``by_peak``, shape (n, peaks): log-likelihood of all acts under each best hour, before the prior.
    """

    weights: Floats
    log_likelihood: Floats
    by_peak: Floats
    joints: dict[str, tuple[Floats, Floats]]  # by channel: log chance by peak and level, and by peak


def bump(peaks: Floats, width: float) -> Floats:
    """Fall from 1 at the best hour, shape (peaks, 24)."""
    return np.asarray(np.exp(-(hour_gaps(peaks) ** 2) / (2 * width**2)))


def hour_factors(peaks: Floats, gain: float, width: float) -> Floats:
    """How well each hour suits a person of each best hour, mean 1 over the clock, shape (peaks, 24)."""
    factors = 1 + gain * bump(peaks, width)
    return np.asarray(factors / factors.mean(axis=1, keepdims=True))


def chances(population: Population, model: ChannelModel) -> Floats:
    """Chance of an answer, shape (peaks, levels, 24)."""
    factors = hour_factors(population.peaks, population.gain, population.width)
    by_level = model.rate * population.levels[None, :, None] * (factors * model.curve)[:, None, :]
    return np.asarray(np.clip(by_level, 1e-9, population.highest_response))


def visit_chances(population: Population) -> Floats:
    """Chance of each hour for a visit, shape (peaks, 24); rows sum to 1."""
    near = bump(population.peaks, population.visits.width)
    near /= near.sum(axis=1, keepdims=True)
    return np.asarray((1 - population.visits.own) * population.visits.usual + population.visits.own * near)


def joint_log(population: Population, model: ChannelModel, evidence: ChannelEvidence) -> Floats:
    """Log of the chance of a channel's answers and of the level, by customer, peak and level: (m, peaks, levels)."""
    p = chances(population, model).reshape(-1, HOURS)
    missed = np.log1p(-p)
    exposures, responses = evidence.exposures.sum(axis=1), evidence.responses.sum(axis=1)
    logs = responses @ (np.log(p) - missed).T + exposures @ missed.T
    shape = (len(evidence.places), len(population.peaks), len(population.levels))
    return np.asarray(logs.reshape(shape) + np.log(model.level_weights))


def posterior_of(population: Population, evidence: Evidence) -> Posterior:
    """Distribution of each customer's best hour after all his acts; channels the fit never saw tell nothing."""
    acts = evidence.visits @ np.log(visit_chances(population)).T
    joints = {}
    for name, channel in evidence.channels.items():
        if name not in population.channels:
            continue
        joint = joint_log(population, population.channels[name], channel)
        by_peak = logsumexp(joint, axis=2)
        acts[channel.places] += by_peak
        joints[name] = joint, by_peak
    logs = acts + np.log(population.prior[prior_rows(population.segment_names, evidence.segments)])
    total = logsumexp(logs, axis=1)
    return Posterior(np.exp(logs - total[:, None]), total, acts, joints)


def level_posterior(posterior: Posterior, name: str, places: Places) -> Floats:
    """Distribution over best hour and level on one channel, shape (m, peaks, levels); sums to 1 a customer."""
    joint, by_peak = posterior.joints[name]
    return np.asarray(np.exp(joint - by_peak[:, :, None]) * posterior.weights[places][:, :, None])


def prior_rows(segment_names: tuple[str, ...], segments: Places) -> Places:
    """Row of ``Population.prior`` that stands for each customer."""
    return np.where(segments < 0, len(segment_names), segments)


def starting_population(evidence: Evidence, parameters: MomentParameters) -> Population:
    """Before anything is learned: all best hours alike, channels at their mean rates, weekends as other days."""
    peaks: Floats = np.arange(parameters.peaks, dtype=np.float64) * (HOURS / parameters.peaks)
    levels = np.geomspace(parameters.lowest_level, parameters.highest_level, parameters.levels)
    spread = np.exp(-0.5 * (np.log(levels) / 0.8) ** 2)
    weights = spread / spread.sum()
    levels = np.asarray(levels / float(weights @ levels), dtype=np.float64)
    channels = {}
    for name, channel in evidence.channels.items():
        exposures, responses = channel.exposures.sum(axis=0), channel.responses.sum(axis=0)
        if exposures.sum() > 0:
            rate = (responses.sum() + 0.5) / (exposures.sum() + 1.0)
            channels[name] = ChannelModel(
                float(min(rate, parameters.highest_response)), weights, np.ones(HOURS), np.ones(7), exposures, responses
            )
    prior = np.full((len(evidence.segment_names) + 1, parameters.peaks), 1 / parameters.peaks)
    return Population(
        peaks,
        levels,
        prior,
        evidence.segment_names,
        parameters.gain,
        parameters.width,
        channels,
        VisitModel(0.5, parameters.width, np.full(HOURS, 1 / HOURS)),
        WeekendModel(np.ones(1), np.ones(1)),
        parameters.highest_response,
        False,
        float("nan"),
    )
