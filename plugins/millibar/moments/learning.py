"""Learning what customers have in common about their best hours, by expectation maximisation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import xlogy

from millibar.moments.evidence import (
    HOURS,
    WEEKEND,
    ChannelEvidence,
    Evidence,
    Floats,
    Places,
    hour_gaps,
    read_evidence,
)
from millibar.moments.parameters import MomentParameters
from millibar.moments.population import (
    ChannelModel,
    Population,
    VisitModel,
    WeekendModel,
    bump,
    chances,
    level_posterior,
    posterior_of,
    prior_rows,
    starting_population,
    visit_chances,
)

# Limits within which gain and width are sought: from no preference to one hour alone, and to half the day.
GAIN_LIMITS, WIDTH_LIMITS = (0.01, 30.0), (0.7, 6.0)
WEEKEND_RATIOS = np.exp(np.linspace(-1.2, 1.2, 9))
WEEKEND_STEPS = 500


@dataclass(frozen=True)
class _Expected:
    """What the next parameters are made of: likelihoods by peak, and sums over customers by peak, level and hour."""

    by_peak: Floats  # (n, peaks), log
    answered: dict[str, Floats]
    exposed: dict[str, Floats]
    levels: dict[str, Floats]  # customers by level
    visits: Floats  # (peaks, 24)
    log_likelihood: float


def learn_population(evidence: Evidence, parameters: MomentParameters) -> Population:
    """Fit the mixture to at most ``fit_customers``; with too few answers the start stands (``fitted`` False)."""
    population = starting_population(evidence, parameters)
    sample = take(evidence, sample_places(evidence, parameters.fit_customers))
    answers = sum(float(channel.responses.sum()) for channel in sample.channels.values())
    if answers + float(sample.visits.sum()) < parameters.minimum_answers:
        return population
    before = -np.inf
    for _ in range(parameters.passes):
        expected = _expectation(population, sample, parameters)
        population = replace(
            _maximised(population, expected, sample.segments, parameters),
            log_likelihood=expected.log_likelihood / len(sample),
        )
        if expected.log_likelihood - before < parameters.tolerance * len(sample):
            break
        before = expected.log_likelihood
    return replace(_with_weekdays(population, sample, parameters), fitted=True)


def with_totals(population: Population, totals: pd.DataFrame, parameters: MomentParameters) -> Population:
    """The population with every channel's counts of all customers, where it was learned from a sample.

    ``totals``: channel, weekday, hour, exposures, responses. A channel the sample has nothing of gets its mean rate.
    """
    everybody = starting_population(read_evidence(totals.assign(customer_id="all")), parameters)
    channels = {
        name: replace(population.channels.get(name, model), exposures=model.exposures, responses=model.responses)
        for name, model in everybody.channels.items()
    }
    for name in channels.keys() - population.channels.keys():
        weights = np.exp(-0.5 * np.log(population.levels) ** 2)
        channels[name] = replace(channels[name], level_weights=weights / weights.sum())
    return replace(population, channels=channels)


def sample_places(evidence: Evidence, most: int) -> Places:
    """Places of the customers with the most to tell of, evenly among all of them; everybody where there are few."""
    tells = evidence.visits.sum(axis=1)
    for channel in evidence.channels.values():
        tells[channel.places] += channel.exposures.sum(axis=(1, 2))
    there = np.flatnonzero(tells > 0)
    step = max(1.0, len(there) / most)
    return there[np.unique((np.arange(min(most, len(there))) * step).astype(np.int64))]


def take(evidence: Evidence, places: Places) -> Evidence:
    """The evidence of the customers at ``places``, ascending."""
    new_place = np.full(len(evidence), -1, dtype=np.int64)
    new_place[places] = np.arange(len(places))
    channels = {}
    for name, channel in evidence.channels.items():
        kept = new_place[channel.places] >= 0
        channels[name] = ChannelEvidence(
            new_place[channel.places[kept]], channel.exposures[kept], channel.responses[kept]
        )
    return Evidence(
        evidence.customers[places],
        evidence.segments[places],
        evidence.segment_names,
        evidence.visits[places],
        channels,
    )


def _expectation(population: Population, evidence: Evidence, parameters: MomentParameters) -> _Expected:
    peaks, levels = len(population.peaks), len(population.levels)
    by_peak = []
    answered = {name: np.zeros((peaks * levels, HOURS)) for name in population.channels}
    exposed = {name: np.zeros((peaks * levels, HOURS)) for name in population.channels}
    by_level = {name: np.zeros(levels) for name in population.channels}
    visits, log_likelihood = np.zeros((peaks, HOURS)), 0.0
    for at in range(0, len(evidence), parameters.chunk_customers):
        part = take(evidence, np.arange(at, min(at + parameters.chunk_customers, len(evidence))))
        posterior = posterior_of(population, part)
        by_peak.append(posterior.by_peak)
        visits += posterior.weights.T @ part.visits
        log_likelihood += float(posterior.log_likelihood.sum())
        for name, channel in part.channels.items():
            if name in population.channels:
                weights = level_posterior(posterior, name, channel.places).reshape(len(channel.places), -1)
                answered[name] += weights.T @ channel.responses.sum(axis=1)
                exposed[name] += weights.T @ channel.exposures.sum(axis=1)
                by_level[name] += weights.reshape(-1, peaks, levels).sum(axis=(0, 1))
    return _Expected(np.concatenate(by_peak), answered, exposed, by_level, visits, log_likelihood)


def _maximised(
    population: Population, expected: _Expected, segments: Places, parameters: MomentParameters
) -> Population:
    """Parameters that fit the expected sums best, one group after the other (Meng and Rubin 1993)."""
    prior = _prior(population, expected.by_peak, segments, parameters)
    population = replace(population, prior=prior, visits=_visits(population, expected.visits))
    gain, width = _sharpness(population, expected)
    population = replace(population, gain=gain, width=width)
    channels = {
        name: _channel(population, model, expected, name, parameters) for name, model in population.channels.items()
    }
    return replace(population, channels=channels)


def _prior(population: Population, by_peak: Floats, segments: Places, parameters: MomentParameters) -> Floats:
    """Distribution of best hours, by segment and of all, shape (segments + 1, peaks).

    Several steps at once, for likelihoods are given; each is smoothed over ``peak_smoothing`` hours, so that the
    distribution does not fall to spikes (Silverman, Jones, Wilson and Nychka 1990).
    """
    gaps = np.abs(population.peaks - population.peaks[:, None])
    kernel = np.exp(-(np.minimum(gaps, HOURS - gaps) ** 2) / (2 * parameters.peak_smoothing**2))
    kernel /= kernel.sum(axis=1)
    likelihood = np.exp(by_peak - by_peak.max(axis=1, keepdims=True))
    rows, size = prior_rows(population.segment_names, segments), len(population.segment_names)
    prior = population.prior
    for _ in range(parameters.prior_steps):
        weights = likelihood * prior[rows]
        weights /= weights.sum(axis=1, keepdims=True)
        everybody = kernel @ weights.sum(axis=0) + parameters.peak_prior
        everybody /= everybody.sum()
        own = np.stack([kernel @ weights[segments == number].sum(axis=0) for number in range(size)] or [everybody])
        own = own + parameters.segment_prior * everybody
        own /= own.sum(axis=1, keepdims=True)
        prior = np.vstack([own[:size], everybody])
    return prior


def _sharpness(population: Population, expected: _Expected) -> tuple[float, float]:
    """Gain and width that make the expected answers likeliest."""

    def loss(logs: Floats) -> float:
        gain, width = np.exp(logs)
        tried = replace(population, gain=float(gain), width=float(width))
        total = 0.0
        for name, model in population.channels.items():
            p = chances(tried, model).reshape(-1, HOURS)
            answered, missed = expected.answered[name], expected.exposed[name] - expected.answered[name]
            total += float((answered * np.log(p) + missed * np.log1p(-p)).sum())
        return -total

    start = np.log([population.gain, population.width])
    limits = [tuple(np.log(GAIN_LIMITS)), tuple(np.log(WIDTH_LIMITS))]
    found = minimize(loss, start, method="L-BFGS-B", bounds=limits, options={"maxiter": 10})
    best = found.x if found.fun <= loss(start) else start
    return float(np.exp(best[0])), float(np.exp(best[1]))


def _channel(
    population: Population, model: ChannelModel, expected: _Expected, name: str, parameters: MomentParameters
) -> ChannelModel:
    """Level weights, rate and curve over hours of one channel.

    A factor on chances of which ``answered`` came true is best where the sum of (answered - exposed p) / (1 - p) is
    zero; a flat curve is worth ``curve_prior`` answers an hour.
    """
    weights = expected.levels[name] + parameters.level_prior
    model = replace(model, level_weights=weights / weights.sum())
    p = chances(population, model).reshape(-1, HOURS)
    came = (expected.answered[name] / (1 - p)).sum(axis=0)
    due = (expected.exposed[name] * p / (1 - p)).sum(axis=0)
    curve = model.curve * (came + parameters.curve_prior) / (due + parameters.curve_prior * model.curve)
    used = expected.exposed[name].sum(axis=0)
    mean = float(np.average(curve, weights=used)) if used.sum() > 0 else 1.0
    rate = model.rate * (came.sum() + 0.5) / (due.sum() + 0.5)
    return replace(model, rate=float(min(rate, parameters.highest_response)), curve=curve / mean)


def _visits(population: Population, visits: Floats) -> VisitModel:
    """Share of the visits around the own hour, their width, and the hours of the rest."""
    model = population.visits
    if visits.sum() <= 0:
        return model
    near = bump(population.peaks, model.width)
    near /= near.sum(axis=1, keepdims=True)
    own = visits * model.own * near / visit_chances(population)
    rest = (visits - own).sum(axis=0) + 1.0
    width = float(np.sqrt((own * hour_gaps(population.peaks) ** 2).sum() / own.sum()))
    share = float(np.clip(own.sum() / visits.sum(), 0.01, 0.99))
    return VisitModel(share, float(np.clip(width, *WIDTH_LIMITS)), rest / rest.sum())


def _with_weekdays(population: Population, evidence: Evidence, parameters: MomentParameters) -> Population:
    """The weekdays' curve of each channel, and how persons differ at weekends."""
    posterior = posterior_of(population, evidence)
    answered, due = np.zeros((len(evidence), 2)), np.zeros((len(evidence), 2))
    channels = dict(population.channels)
    for name, channel in evidence.channels.items():
        if name not in channels:
            continue
        curves = customer_curves(population, channels[name], level_posterior(posterior, name, channel.places))
        by_day = np.einsum("mdh,mh->md", channel.exposures, curves)
        came, told = channel.responses.sum(axis=(0, 2)), by_day.sum(axis=0)
        level = (came.sum() + 1.0) / (told.sum() + 1.0)
        weekdays = (came + parameters.curve_prior) / (told * level + parameters.curve_prior)
        channels[name] = replace(channels[name], weekdays=weekdays)
        answered[channel.places] += weekend_sums(channel.responses.sum(axis=2))
        due[channel.places] += weekend_sums(by_day * weekdays)
    weekend = _weekend(answered, due) if answered.sum() >= parameters.minimum_answers else population.weekend
    return replace(population, channels=channels, weekend=weekend)


def customer_curves(population: Population, model: ChannelModel, weights: Floats) -> Floats:
    """Expected chance of an answer at each hour, shape (m, 24), from weights over peaks and levels."""
    return np.asarray(weights.reshape(len(weights), -1) @ chances(population, model).reshape(-1, HOURS))


def weekend_sums(by_day: Floats) -> Floats:
    """Shape (m, 7) -> (m, 2): sums of Monday to Friday, and of the weekend."""
    return np.stack([by_day[:, :WEEKEND].sum(axis=1), by_day[:, WEEKEND:].sum(axis=1)], axis=1)


def weekend_posterior(model: WeekendModel, answered: Floats, due: Floats) -> Floats:
    """Distribution over ``model.ratios``, shape (m, ratios); answers and expected answers by part of week: (m, 2)."""
    weights = model.weights * _weekend_likelihood(model.ratios, answered, due)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _weekend_likelihood(ratios: Floats, answered: Floats, due: Floats) -> Floats:
    """Given all answers, those of the weekend are binomial: how much the customer answers at all cancels."""
    odds = due[:, 1:] * ratios
    share = np.clip(odds / np.maximum(odds + due[:, :1], 1e-300), 1e-12, 1 - 1e-12)
    logs = xlogy(answered[:, 1:], share) + xlogy(answered[:, :1], 1 - share)
    both = (due[:, :1] > 0) & (due[:, 1:] > 0)
    logs = np.where(both, logs, 0.0)
    return np.asarray(np.exp(logs - logs.max(axis=1, keepdims=True)))


def _weekend(answered: Floats, due: Floats) -> WeekendModel:
    tells = np.flatnonzero((answered.sum(axis=1) > 0) & (due > 0).all(axis=1))
    likelihood = _weekend_likelihood(WEEKEND_RATIOS, answered[tells], due[tells])
    model = WeekendModel(WEEKEND_RATIOS, np.full(len(WEEKEND_RATIOS), 1 / len(WEEKEND_RATIOS)))
    for _ in range(WEEKEND_STEPS):
        weights = model.weights * likelihood
        found = (weights / weights.sum(axis=1, keepdims=True)).sum(axis=0) + 1.0
        model = WeekendModel(WEEKEND_RATIOS, found / found.sum())
    # the mean ratio is in the channels' weekdays already
    return WeekendModel(WEEKEND_RATIOS / float(model.weights @ WEEKEND_RATIOS), model.weights)
