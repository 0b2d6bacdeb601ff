"""Channel results of the data-driven models with 95 % intervals, and the weights of a channel inside a journey."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from millibar.attribution.markov import count_chain, removal_effects, shares
from millibar.attribution.parameters import AttributionParameters
from millibar.attribution.paths import Floats, Paths
from millibar.attribution.shapley import shapley_values

MARKOV, SHAPLEY = "markov", "shapley"
CHANNEL_COLUMNS = [
    "model", "channel", "conversions", "revenue", "conversions_low", "conversions_high", "revenue_low",
    "revenue_high", "removal_effect",
]  # fmt: skip
REPLICATE_CELLS = 20_000_000  # paths x replicates drawn at a time: 160 MB an array


def channel_results(paths: Paths, parameters: AttributionParameters) -> pd.DataFrame:
    """Conversions and revenue of every channel under Markov and simplified Shapley.

    Credits of a model sum to the observed totals. low / high: credit +- 1.96 standard errors of the channel's *share*
    (Poisson bootstrap of the path counts) times the observed total, kept within 0 and the total. Columns:
    ``CHANNEL_COLUMNS``; removal_effect is null for Shapley. No paths, no rows.
    """
    if not len(paths.conversions):
        return pd.DataFrame(columns=CHANNEL_COLUMNS)
    conversions, revenue = paths.conversions.sum(), paths.value.sum()
    estimates = _model_shares(paths, paths.conversions, paths.losses, paths.value)
    errors = _share_errors(paths, parameters)
    counts = count_chain(paths, paths.conversions, paths.losses, paths.value)
    effects, _ = removal_effects(counts, counts.converted)
    frames = []
    for place, model in enumerate((MARKOV, SHAPLEY)):
        of_conversions, of_revenue = estimates[place]
        c_margin, r_margin = parameters.interval_z * errors[place]
        frames.append(
            pd.DataFrame(
                {
                    "model": model,
                    "channel": paths.channels,
                    "conversions": of_conversions * conversions,
                    "revenue": of_revenue * revenue,
                    "conversions_low": np.clip(of_conversions - c_margin, 0, 1) * conversions,
                    "conversions_high": np.clip(of_conversions + c_margin, 0, 1) * conversions,
                    "revenue_low": np.clip(of_revenue - r_margin, 0, 1) * revenue,
                    "revenue_high": np.clip(of_revenue + r_margin, 0, 1) * revenue,
                    "removal_effect": effects if model == MARKOV else np.nan,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)[CHANNEL_COLUMNS]


def touchpoint_weights(paths: Paths, parameters: AttributionParameters) -> pd.DataFrame:
    """Weight of each channel's steps inside a journey: channel, weight (mean 1).

    Proportional to the removal effect on conversions; 1 for every channel where the paths hold fewer than
    ``minimum_conversions``. A channel that is not listed weighs 1, the average.
    """
    size = len(paths.channels)
    if paths.conversions.sum() < parameters.minimum_conversions:
        return pd.DataFrame({"channel": paths.channels, "weight": np.ones(size)})
    counts = count_chain(paths, paths.conversions, paths.losses, paths.value)
    effects, _ = removal_effects(counts, counts.converted)
    weights = np.maximum(shares(effects) * size, parameters.weight_floor)
    return pd.DataFrame({"channel": paths.channels, "weight": weights / weights.mean()})


def _model_shares(paths: Paths, conversions: Floats, losses: Floats, value: Floats) -> Floats:
    """Share of each channel; shape (models, 2 for conversions and revenue, [replicates,] C)."""
    counts = count_chain(paths, conversions, losses, value)
    return np.stack(
        [
            np.stack([shares(removal_effects(counts, reward)[0]) for reward in (counts.converted, counts.value)]),
            np.stack([shares(shapley_values(paths, reward)) for reward in (conversions, value)]),
        ]
    )


def _share_errors(paths: Paths, parameters: AttributionParameters) -> Floats:
    """Standard error of every share; shape (models, 2, C)."""
    draws = np.concatenate([_model_shares(paths, *draw) for draw in _replicates(paths, parameters)], axis=2)
    # a replicate that happens to draw no conversion at all has no shares
    told = draws.sum(axis=-1, keepdims=True) > 0
    count = np.maximum(told.sum(axis=2), 1)
    mean = np.where(told, draws, 0.0).sum(axis=2) / count
    squares = np.where(told, (draws - mean[:, :, None]) ** 2, 0.0).sum(axis=2)
    return np.asarray(np.sqrt(squares / np.maximum(count - 1, 1)))


def _replicates(paths: Paths, parameters: AttributionParameters) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Poisson resamples of the journeys: (conversions, losses, value), each of shape (paths, replicates).

    The value of n drawn conversions has the path's mean, and its variance around it.
    """
    random = np.random.default_rng(parameters.seed)
    count = len(paths.conversions)
    some = np.maximum(paths.conversions, 1e-300)
    mean = np.where(paths.conversions > 0, paths.value / some, 0.0)
    spread = np.sqrt(np.maximum(np.where(paths.conversions > 0, paths.value_squared / some, 0.0) - mean**2, 0.0))
    left = parameters.replicates
    while left > 0:
        now = min(left, max(1, REPLICATE_CELLS // count))
        conversions = random.poisson(paths.conversions[:, None], (count, now)).astype(np.float64)
        losses = random.poisson(paths.losses[:, None], (count, now)).astype(np.float64)
        value = mean[:, None] * conversions
        varied = np.flatnonzero(spread > 0)
        noise = random.standard_normal((len(varied), now))
        value[varied] += spread[varied, None] * np.sqrt(conversions[varied]) * noise
        yield conversions, losses, np.maximum(value, 0.0)
        left -= now
