"""Weights of steps inside a journey, such that credits of touchpoints add up to an aggregate model's by channel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from millibar.attribution.paths import Floats, Paths, summed

TOLERANCE = 1e-4  # share of the total credit that may still lie with another channel
MOST_ROUNDS = 2000


@dataclass(frozen=True)
class StepWeights:
    """Weights of C channels, mean 1; a step's credit is its weight over the sum of weights of its journey's steps.

    ``distance``: share of all credit that the touchpoints give to another channel than the aggregate model does; not
    0 where no weights of channels can do it (a journey of one channel gives it everything, whatever the model says).
    """

    channels: tuple[str, ...]
    weights: Floats
    distance: float
    rounds: int


def equal_weights(channels: tuple[str, ...]) -> StepWeights:
    """Every channel weighs 1."""
    return StepWeights(channels, np.ones(len(channels)), float("nan"), 0)


def step_credits(paths: Paths, weights: Floats) -> Floats:
    """Conversions by channel, shape (C,), when each step has its channel's weight."""
    visits, counts = _distinct(paths)
    return _credits(visits, counts, weights)


def fit_step_weights(paths: Paths, credits: Floats, floor: float = 0.01) -> StepWeights:
    """Weights whose credits of steps sum by channel to ``credits``, shape (C,), as nearly as the paths allow.

    Iterative proportional fitting (Deming & Stephan 1940) on the split of each conversion over its steps: each round
    multiplies a channel's weight by what it should have over what it has. ``floor``: least weight, in mean weights.
    Raises ``ValueError`` where there is another number of credits than of channels.
    """
    if len(credits) != len(paths.channels):
        raise ValueError(f"{len(credits)} credits for {len(paths.channels)} channels; give one for each channel")
    total, target = float(paths.conversions.sum()), np.maximum(credits, 0.0)
    if total <= 0 or target.sum() <= 0:
        return equal_weights(paths.channels)
    visits, counts = _distinct(paths)
    target = target * (total / target.sum())
    weights, best, nearest = np.ones(len(target)), np.ones(len(target)), np.inf
    for rounds in range(1, MOST_ROUNDS + 1):
        given = _credits(visits, counts, weights)
        distance = 0.5 * float(np.abs(given - target).sum()) / total
        if distance < nearest:
            best, nearest, improved = weights, distance, rounds
        if distance < TOLERANCE or rounds - improved > 50:
            break
        weights = np.where(given > 0, weights * target / np.where(given > 0, given, 1.0), 1.0)
        weights = np.maximum(weights / weights.mean(), floor)
        weights = weights / weights.mean()
    return StepWeights(paths.channels, best, nearest, rounds)


def _credits(visits: csr_matrix, counts: Floats, weights: Floats) -> Floats:
    return np.asarray(weights * (visits.T @ (counts / (visits @ weights))))


def _distinct(paths: Paths) -> tuple[csr_matrix, Floats]:
    """Rows of visit counts that differ, with their conversions: the order of steps does not matter here."""
    converting = paths.select(paths.conversions > 0)
    visits = converting.visit_counts()
    key = visits @ np.random.default_rng(0).random(visits.shape[1])
    _, first, row = np.unique(key.round(9), return_index=True, return_inverse=True)
    return visits[first], summed(row, converting.conversions, len(first))
