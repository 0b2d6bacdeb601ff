"""What a touch is worth by its age: an additive hazard of conversion, non-parametric in channel and age of touch.

Every touch adds h(channel, age) to the hazard of its customer's conversion, on top of a baseline that needs no touch
(Zhang, Wei & Ren 2014, Multi-Touch Attribution in Online Advertising with Survival Theory, with steps in age in place
of an exponential). A conversion is credited to its touches, and to the baseline, in proportion to what each added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.attribution.paths import Floats, Integers

ANY_CHANNEL = "(any)"
TOLERANCE = 1e-7  # change of the mean log-likelihood of a conversion
MOST_ROUNDS = 300
LEAST_HAZARD = 1e-6  # of the mean one, at an age no touch ever converted at


@dataclass(frozen=True)
class TouchAges:
    """Touches before conversions and the time touches were at risk, over C channels and B age bins.

    ``conversion``, ``cell``, ``touches``: one entry for each conversion and cell that has touches at the conversion;
    conversions are numbered from 0 to ``conversions`` - 1 (some may have no touch), a cell is channel * B + bin.
    ``exposure``: hours that touches of the cell spent at risk, shape (C, B). ``baseline_hours``: hours customers
    spent at risk, 0 for a model without baseline.
    """

    channels: tuple[str, ...]
    bins: int
    conversion: Integers
    cell: Integers
    touches: Floats
    conversions: int
    exposure: Floats
    baseline_hours: float = 0.0


@dataclass(frozen=True)
class Hazard:
    """Fitted hazards, in conversions an hour: ``by_cell`` (C, B), ``pooled`` (B,) over channels, ``baseline``.

    ``credits``: conversions credited to touches of each cell, (C, B); ``baseline_credit``: to none. With a prior the
    two sums are those of the shrunk hazards. ``touches``: touches at conversions by age, (B,). ``log_likelihoods``:
    after each round, with the prior's part.
    """

    channels: tuple[str, ...]
    by_cell: Floats
    pooled: Floats
    baseline: float
    credits: Floats
    baseline_credit: float
    touches: Floats
    log_likelihoods: tuple[float, ...]

    def weights(self, floor: float = 0.01) -> pd.DataFrame:
        """channel, place (age bin as text), weight: relative hazard, 1 for the mean touch before a conversion.

        Rows of channel ``(any)`` are the pooled hazard. No weight is below ``floor`` times the pooled one of its age:
        hazards of old and of young touches differ by orders of magnitude, and an old one may be all a journey has.
        """
        table = np.vstack([self.by_cell, self.pooled])
        mean = float(self.pooled @ self.touches) / max(float(self.touches.sum()), 1.0)
        least = floor * np.maximum(self.pooled, LEAST_HAZARD * mean)
        table = np.maximum(table, least) / mean if mean > 0 else np.ones_like(table)
        bins = table.shape[1]
        return pd.DataFrame(
            {
                "channel": np.repeat(np.asarray([*self.channels, ANY_CHANNEL], dtype=object), bins),
                "place": np.tile([str(number) for number in range(bins)], len(table)),
                "weight": table.ravel(),
            }
        )


def age_exposure(ages_sum: Floats, touches: Floats, edges: Sequence[float], lost: Floats, horizon: float) -> Floats:
    """Hours at risk by cell, shape (C, B), of touches that are at risk until their conversion or the horizon.

    ``ages_sum``, ``touches``: sum of ages in hours and number of touches by the bin they converted in, (C, B).
    ``lost``: touches of each channel that never converted, (C,): at risk for ``horizon`` hours, all of it.
    """
    lower = np.r_[0.0, np.asarray(edges, dtype=np.float64)]
    upper = np.r_[lower[1:], max(horizon, lower[-1])]
    width = upper - lower
    older = touches[:, ::-1].cumsum(axis=1)[:, ::-1] - touches  # touches that left the bin for an older one
    inside = np.maximum(ages_sum - touches * lower, 0.0)
    return np.asarray(older * width + inside + lost[:, None] * width)


def fit_hazard(ages: TouchAges, prior_conversions: float = 20.0) -> Hazard:
    """Hazards by expectation and maximisation; each round raises the likelihood.

    First the hazard by age alone, then by channel and age with a gamma prior around it that weighs as much as
    ``prior_conversions`` conversions. A cell no touch was ever at risk in has the pooled hazard.
    """
    size, bins = len(ages.channels), ages.bins
    pooled_exposure = ages.exposure.sum(axis=0)
    start = _start(ages)
    pooled, baseline, _, _ = _maximise(
        ages, ages.cell % bins, pooled_exposure, np.full(bins, start), start, np.zeros(bins), np.zeros(bins)
    )
    prior = np.full((size, bins), float(prior_conversions))
    mean = np.broadcast_to(pooled, (size, bins))
    # a gamma prior with its mode at the pooled hazard: conversions a and exposure a / pooled beside those observed
    prior_exposure = np.where(mean > 0, prior / np.where(mean > 0, mean, 1.0), 0.0)
    prior = np.where(mean > 0, prior, 0.0)
    hazard, baseline, credits, track = _maximise(
        ages, ages.cell, ages.exposure.ravel(), mean.ravel().copy(), baseline, prior.ravel(), prior_exposure.ravel()
    )
    return Hazard(
        ages.channels,
        hazard.reshape(size, bins),
        pooled,
        baseline,
        credits.reshape(size, bins),
        baseline * ages.baseline_hours,
        np.bincount(ages.cell % bins, ages.touches, minlength=bins).astype(np.float64),
        tuple(track),
    )


def _start(ages: TouchAges) -> float:
    """The rate at which every touch and every hour counts alike."""
    hours = float(ages.exposure.sum()) + ages.baseline_hours
    return ages.conversions / hours if hours > 0 else 0.0


def _maximise(
    ages: TouchAges,
    cell: Integers,
    exposure: Floats,
    hazard: Floats,
    baseline: float,
    prior: Floats,
    prior_exposure: Floats,
) -> tuple[Floats, float, Floats, list[float]]:
    """(hazard by cell, baseline, credits by cell, penalised log-likelihood by round)."""
    baseline = baseline if ages.baseline_hours > 0 else 0.0
    told = exposure + prior_exposure > 0
    track: list[float] = []
    credits: Floats = np.zeros(len(exposure))
    for _ in range(MOST_ROUNDS):
        added = hazard[cell] * ages.touches
        total = baseline + np.bincount(ages.conversion, added, minlength=ages.conversions).astype(np.float64)
        # with no baseline, a conversion without any touch is nobody's
        owned = np.where(total > 0, total, 1.0)
        credits = np.bincount(cell, added / owned[ages.conversion], minlength=len(exposure)).astype(np.float64)
        track.append(_log_likelihood(owned, hazard, exposure, baseline * ages.baseline_hours, prior, prior_exposure))
        if len(track) > 1 and track[-1] - track[-2] < TOLERANCE * max(ages.conversions, 1):
            break
        hazard = np.where(told, (credits + prior) / np.where(told, exposure + prior_exposure, 1.0), hazard)
        if ages.baseline_hours > 0:
            baseline = float((baseline / owned).sum()) / ages.baseline_hours
    return hazard, baseline, credits, track


def _log_likelihood(
    total: Floats, hazard: Floats, exposure: Floats, expected_base: float, prior: Floats, prior_exposure: Floats
) -> float:
    likelihood = float(np.log(total).sum()) - float((hazard * exposure).sum()) - expected_base
    believed = prior > 0
    penalty = prior[believed] * np.log(hazard[believed]) - hazard[believed] * prior_exposure[believed]
    return likelihood + float(penalty.sum())
