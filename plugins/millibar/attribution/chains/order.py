"""The order of the chain: held-out log-likelihood of each order, and BIC.

Journeys are dealt out to folds; each fold is judged by counts of the others. The chance of the next step after a
context of k channels is smoothed by that after k - 1, down to equal chances (Dirichlet prior of ``CONCENTRATION``
journeys), so that what was never seen has a chance too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.attribution.chains.chain import compressed, window_codes
from millibar.attribution.paths import Floats, Integers, Paths

CONCENTRATION = 5.0
ORDER_COLUMNS = ["order", "held_out_log_likelihood", "per_step", "bic", "parameters", "is_best"]


@dataclass(frozen=True)
class _Events:
    """Every step and every end of the paths. ``context``: what was seen before, (events,); ``outcome``: pair of context
    and what came next, (events,); ``of_outcome``: the context of each outcome."""

    context: Integers
    outcome: Integers
    of_outcome: Integers


def order_scores(paths: Paths, highest: int = 4, folds: int = 5) -> pd.DataFrame:
    """Log-likelihood of journeys that were held out, for the orders 1 to ``highest``.

    A row an order: order, held_out_log_likelihood (nats, all folds), per_step (nats a step or end), bic (of the
    unsmoothed chain), parameters (free probabilities seen), is_best: the lowest order that stays within one standard
    error, over the journeys, of the highest likelihood (Breiman et al. 1984). Paths must not be collapsed: repeats are
    what orders differ in. Weights are dealt out as they are, in the order of the paths.
    Raises ``ValueError`` where there are fewer than two folds or no order to choose.
    """
    if folds < 2 or highest < 1:
        raise ValueError(f"folds {folds}, highest order {highest}: choose at least 2 folds and order 1")
    if not len(paths):
        return pd.DataFrame(columns=ORDER_COLUMNS)
    size = len(paths.channels)
    weights = _dealt_out(paths, folds)
    whole = weights.sum(axis=0)
    chances = np.full((folds, len(whole)), 1.0 / (size + 2))
    rows, by_journey = [], []
    for order in range(highest + 1):
        events = _events(paths, order)
        chances = np.stack([_smoothed(events, whole - weights[fold], chances[fold]) for fold in range(folds)])
        if order:
            told = (weights * np.log(chances)).sum(axis=0)
            by_journey.append(_of_journeys(paths, told / np.where(whole > 0, whole, 1.0)))
            likelihood = float(told.sum())
            rows.append((order, likelihood, likelihood / whole.sum(), *_bic(events, whole, paths.journeys)))
    table = pd.DataFrame(rows, columns=ORDER_COLUMNS[:-1])
    best = by_journey[int(table["held_out_log_likelihood"].argmax())]
    close = [_is_close(best - other, np.r_[paths.conversions, paths.losses]) for other in by_journey]
    return table.assign(is_best=table.index == close.index(True))


def _of_journeys(paths: Paths, of_events: Floats) -> Floats:
    """Sums of the events of a journey, shape (2 P,): those that convert on each path, then those that are lost."""
    steps = np.add.reduceat(of_events[: len(paths.steps)], paths.starts[:-1])
    return np.asarray(of_events[len(paths.steps) :] + np.tile(steps, 2))


def _is_close(behind: Floats, journeys: Floats) -> bool:
    """Whether a sum of differences is within its standard error; ``journeys``: how often each of them was seen."""
    total = float(journeys @ behind)
    variance = float(journeys @ (behind - total / max(float(journeys.sum()), 1e-300)) ** 2)
    return total**2 <= variance or total <= 0


def choose_order(paths: Paths, highest: int = 4) -> int:
    """The order under which held-out journeys are likeliest; 1 where there are no paths."""
    return best_order(order_scores(paths, highest))


def best_order(scores: pd.DataFrame) -> int:
    """The order :func:`order_scores` found best; 1 where there were no paths to score."""
    return int(scores.loc[scores["is_best"], "order"].iloc[0]) if len(scores) else 1


def _dealt_out(paths: Paths, folds: int) -> Floats:
    """Weight of every event in every fold, shape (folds, steps + 2 P): steps, then conversions, then losses.

    Journeys are dealt like cards: of weights laid end to end, fold f has what lies in [f, f + 1) modulo ``folds``.
    """

    def shares(weights: Floats) -> Floats:
        ends = np.r_[0.0, np.cumsum(weights)]
        return np.stack(
            [np.diff(np.floor(ends / folds) + np.clip(ends % folds - fold, 0.0, 1.0)) for fold in range(folds)]
        )

    conversions, losses = shares(paths.conversions), shares(paths.losses)
    return np.concatenate([np.repeat(conversions + losses, paths.lengths, axis=1), conversions, losses], axis=1)


def _events(paths: Paths, order: int) -> _Events:
    """Contexts and outcomes of an order; outcome numbers 0 .. C - 1 are channels, then conversion and loss."""
    size = len(paths.channels)
    starts, count = paths.starts[:-1], len(paths)
    before = np.zeros(len(paths.steps) + 2 * count, dtype=np.int64)
    if order:
        codes = window_codes(paths, order)
        steps = np.arange(len(codes))
        inside = np.ones(len(codes), dtype=bool)
        inside[starts] = False
        before[steps[inside]] = codes[steps[inside] - 1]
        ends = codes[paths.starts[1:] - 1]
        before[len(codes) :] = np.concatenate([ends, ends])
    following = np.concatenate(
        [paths.steps, np.full(count, size, dtype=np.int32), np.full(count, size + 1, dtype=np.int32)]
    )
    contexts, context = compressed(before, (size + 1) ** order)
    pairs, outcome = compressed(context.astype(np.int64) * (size + 2) + following, len(contexts) * (size + 2))
    return _Events(context.astype(np.int64), outcome.astype(np.int64), pairs // (size + 2))


def _smoothed(events: _Events, weights: Floats, prior: Floats) -> Floats:
    """Chance of every event under counts ``weights``, smoothed by its chance ``prior`` under a shorter context."""
    of_context = np.bincount(events.context, weights)
    of_outcome = np.bincount(events.outcome, weights)
    return (of_outcome[events.outcome] + CONCENTRATION * prior) / (of_context[events.context] + CONCENTRATION)


def _bic(events: _Events, weights: Floats, journeys: float) -> tuple[float, int]:
    """Bayesian information criterion of the plain chain, and its free parameters."""
    of_context = np.bincount(events.context, weights)
    of_outcome = np.bincount(events.outcome, weights)
    seen = of_outcome > 0
    likelihood = float((of_outcome[seen] * np.log(of_outcome[seen] / of_context[events.of_outcome[seen]])).sum())
    parameters = int(seen.sum() - (of_context > 0).sum())
    return -2.0 * likelihood + parameters * float(np.log(max(journeys, 1.0))), parameters
