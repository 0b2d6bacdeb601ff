"""Data-driven credits made to agree with holdout experiments: what each channel causes, and the rest as base.

A channel's incremental share of conversions has the prior mean a * credit^b, with spread v around it (a gamma
distribution), common to all channels: a says how much of the credit is cause, b how far credits tell channels apart (1:
as they say; 0: they say nothing of cause), v how much channels differ beyond that. Experiments inform the share of
their own channel and, through a, b and v, of all the others (hierarchical Bayes; Gelman & Hill 2006, chapter 12). The
posterior is summed over a grid and drawn from, so every interval holds what is not known of a, b and v as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import gamma, norm

from millibar.attribution.causes.experiments import IncrementalShare
from millibar.attribution.parameters import CalibrationParameters
from millibar.attribution.paths import Floats, Integers
from millibar.attribution.result import Credits

BASE = "(base)"
MODEL = "calibrated"
NODES = 200  # places of the distribution of one channel's share around its prior mean
SCALES = np.geomspace(0.01, 10.0, 41)  # a, in units of "credit is cause" at the middle credit; log-uniform
SLOPES = np.linspace(0.0, 1.0, 11)  # b, uniform
SPREADS = np.linspace(0.1, 2.5, 13)  # v, half-normal with standard deviation 1


@dataclass(frozen=True)
class Calibration:
    """Calibrated credits of C channels and ``(base)``, which comes last.

    ``credits``: posterior means, with the posterior's standard deviations. ``low``, ``high``: intervals of the
    conversions, ``revenue_low``, ``revenue_high`` of the revenue, shape (C + 1,). ``scale``, ``slope``, ``spread``:
    posterior means of a, b and v. ``truncated``: channels whose experiments say less than nothing: their credit is
    what is left of the posterior above 0. ``draws``: posterior draws of the shares, shape (draws, C + 1).
    """

    credits: Credits
    low: Floats
    high: Floats
    revenue_low: Floats
    revenue_high: Floats
    scale: float
    slope: float
    spread: float
    truncated: tuple[str, ...]
    draws: Floats


@dataclass(frozen=True)
class Posterior:
    """Draws of a (as share at the middle credit), b and v; ``middle``: that credit, as a share."""

    scale: Floats
    slope: Floats
    spread: Integers
    middle: float


def calibrate(
    credits: Credits, shares: Sequence[IncrementalShare], parameters: CalibrationParameters | None = None
) -> Calibration:
    """``credits`` scaled to agree with experiments.

    ``shares``: what experiments say of a channel's share of the conversions the credits are of; channels of
    ``channels_of_own_accord`` have credit 0 whatever the model says. Revenue keeps each channel's ratio of revenue to
    conversions. Raises ``ValueError`` where no experiment is of a channel with credits.
    """
    parameters = parameters or CalibrationParameters()
    total = float(credits.conversions.sum())
    names = list(credits.channels)
    own = np.isin(names, parameters.channels_of_own_accord)
    known = [share for share in shares if share.channel in names and not own[names.index(share.channel)]]
    if not known or total <= 0:
        raise ValueError("no experiment of a channel that has credits: there is nothing to calibrate with")
    random = np.random.default_rng(parameters.seed)
    # a channel seldom seen has less than any credit; half a conversion keeps its logarithm finite
    portion = np.maximum(credits.conversions, 0.5) / total
    nodes = _nodes()
    places = [names.index(share.channel) for share in known]
    posterior = _posterior(portion[places], known, nodes, parameters.draws * 2, random)
    draws = np.zeros((parameters.draws * 2, len(names)))
    for place, channel in enumerate(names):
        if own[place]:
            continue
        mean = posterior.scale * (portion[place] / posterior.middle) ** posterior.slope
        prior = mean[:, None] * nodes[posterior.spread]
        evidence = next((share for share in known if share.channel == channel), None)
        draws[:, place] = _drawn(prior, evidence, random)
    draws = _possible(draws, parameters.draws)
    truncated = tuple(share.channel for share in known if share.share < 0)
    return _result(credits, draws, posterior, truncated, parameters.interval_z)


def _nodes() -> Floats:
    """Quantiles of the gamma distribution of mean 1 for each spread, shape (spreads, NODES)."""
    middle = (np.arange(NODES) + 0.5) / NODES
    shape = 1.0 / SPREADS[:, None] ** 2
    nodes = gamma.ppf(middle, shape, scale=1.0 / shape)
    return np.asarray(nodes / nodes.mean(axis=1, keepdims=True))


def _posterior(
    portion: Floats, known: Sequence[IncrementalShare], nodes: Floats, count: int, random: np.random.Generator
) -> Posterior:
    """Draws of the common parameters, given the experiments of channels with these portions of the credit."""
    middle = float(np.exp(np.log(portion).mean()))
    scales = middle * SCALES
    log_weight = np.broadcast_to(-0.5 * SPREADS**2, (len(SCALES), len(SLOPES), len(SPREADS))).copy()
    for share, part in zip(known, portion, strict=True):
        mean = scales[:, None] * (part / middle) ** SLOPES
        log_weight += np.log(_likelihood(mean[..., None, None] * nodes, share).mean(axis=-1) + 1e-300)
    weight = np.exp(log_weight - log_weight.max()).ravel()
    drawn = random.choice(len(weight), size=count, p=weight / weight.sum())
    scale, slope, spread = np.unravel_index(drawn, log_weight.shape)
    return Posterior(scales[scale], SLOPES[slope], np.asarray(spread), middle)


def _likelihood(value: Floats, share: IncrementalShare) -> Floats:
    return np.asarray(np.exp(-0.5 * ((value - share.share) / share.error) ** 2))


def _drawn(prior: Floats, evidence: IncrementalShare | None, random: np.random.Generator) -> Floats:
    """One of the nodes of each row of ``prior``, (draws, NODES), by its weight in the light of the evidence."""
    rows = np.arange(len(prior))
    if evidence is None:
        return np.asarray(prior[rows, random.integers(0, NODES, len(prior))])
    weight = (_likelihood(prior, evidence) + 1e-300).cumsum(axis=1)
    mark = random.random(len(prior)) * weight[:, -1]
    return np.asarray(prior[rows, (weight < mark[:, None]).sum(axis=1)])


def _possible(draws: Floats, count: int) -> Floats:
    """Draws that leave a base of 0 or more, with the base as last column."""
    caused = draws.sum(axis=1)
    possible = draws[caused <= 1.0][:count]
    if len(possible) < count // 10:  # experiments say that everything is caused: no base, the shares in proportion
        possible = (draws / np.maximum(caused, 1.0)[:, None])[:count]
    return np.asarray(np.c_[possible, 1.0 - possible.sum(axis=1)])


def _result(credits: Credits, draws: Floats, posterior: Posterior, truncated: tuple[str, ...], z: float) -> Calibration:
    total, revenue = float(credits.conversions.sum()), float(credits.revenue.sum())
    conversions = draws * total
    # what an incremental conversion of the channel is worth, from the model's own two credits
    some = np.where(credits.conversions > 0, credits.conversions, 1.0)
    worth = np.where((credits.conversions > 0) & (credits.revenue > 0), credits.revenue / some, revenue / total)
    earned = conversions[:, :-1] * worth
    earned = earned * np.minimum(1.0, revenue / np.maximum(earned.sum(axis=1), 1e-300))[:, None]
    amounts = np.c_[earned, revenue - earned.sum(axis=1)]
    tails = norm.cdf((-z, z))
    low, high = np.quantile(conversions, tails, axis=0)
    revenue_low, revenue_high = np.quantile(amounts, tails, axis=0)
    calibrated = Credits(
        model=MODEL,
        channels=(*credits.channels, BASE),
        conversions=conversions.mean(axis=0),
        revenue=amounts.mean(axis=0),
        conversions_error=conversions.std(axis=0),
        revenue_error=amounts.std(axis=0),
        order=credits.order,
    )
    return Calibration(
        calibrated,
        low,
        high,
        revenue_low,
        revenue_high,
        float((posterior.scale / posterior.middle).mean()),
        float(posterior.slope.mean()),
        float(SPREADS[posterior.spread].mean()),
        truncated,
        draws,
    )
