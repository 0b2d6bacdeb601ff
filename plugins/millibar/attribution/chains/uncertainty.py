"""Standard errors of Markov shares by the delta method on the counts, without assuming the paths are Markov.

With x, u of the chain (or of the chain without c, where u is 0 in its states), W journeys, R reward of a journey:

    dR/dn_ij = (x_i / n_i)(u_j - u_i)      to conversion (x_i / n_i)(w - u_i), w the reward of the journey
    to loss   -(x_i / n_i) u_i             start in j    (u_j - R) / W
    RE_c = 1 - R_c / R,  share_c = RE_c / sum RE;  Var = sum over journeys of (sum of gradients along its path)^2
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from millibar.attribution.chains.chain import Walks
from millibar.attribution.chains.solution import Solution
from millibar.attribution.paths import Floats, Paths, States

CHUNK_CELLS = 500_000  # paths x columns worked on at a time: 4 MB, so that they stay near the processor


@dataclass(frozen=True)
class Gradients:
    """Derivatives of something by the counts of a chain, a column each.

    ``first``: by a start in each state, (S, columns); ``moves``: by each move, (M, columns); ``lost``: by a loss in
    each state; ``reward``: what a conversion there adds to ``lost`` for each unit of its reward, (S, columns).
    """

    first: Floats
    moves: Floats
    lost: Floats
    reward: Floats

    def parts(self) -> tuple[Floats, Floats, Floats, Floats]:
        return self.first, self.moves, self.lost, self.reward


def share_errors(paths: Paths, walks: Walks, taken: States, solution: Solution) -> Floats:
    """Standard error of every channel's share of conversions and of revenue, shape (2, C).

    ``taken``: the move of each window, from :func:`millibar.attribution.chains.chain.moves_of`.
    """
    chain = solution.chain
    errors = np.zeros((2, len(paths.channels)))
    blocks = solution.blocks(2 * (len(chain.sources) + 2 * chain.size))
    told = [reward for reward in range(2) if solution.rates[reward] > 0 and solution.removal_effects[reward].sum() > 0]
    if not told:
        return errors
    sums = _summed_effects(solution, told, blocks)
    for block in blocks:
        gradients = [_shares(solution, reward, block, sums[reward]) for reward in told]
        variances = journey_variance(paths, walks, taken, gradients, [reward == 1 for reward in told])
        errors[told, block] = np.sqrt(np.maximum(variances, 0.0))
    return errors


def journey_variance(
    paths: Paths, walks: Walks, taken: States, gradients: Sequence[Gradients], revenue: Sequence[bool]
) -> Floats:
    """Variance of what has these gradients when journeys arrive independently; shape (gradients, columns).

    ``revenue``: for each of the gradients, whether a conversion's reward is its value instead of 1.
    """
    ends = np.concatenate([part.reward for part in gradients], axis=1)
    table = np.ascontiguousarray(
        np.concatenate([np.concatenate([part.moves, part.lost]) for part in gradients], axis=1)
    )
    first = np.ascontiguousarray(np.concatenate([part.first for part in gradients], axis=1))
    width = gradients[0].first.shape[1]
    by_value = np.repeat(np.asarray(revenue), width)
    last = walks.last
    size = len(first)

    def of(part: slice) -> tuple[Floats, Floats]:
        starts = walks.starts[part.start : part.stop + 1]
        count = len(starts) - 1
        rows = taken[starts[0] : starts[-1]]
        steps = csr_matrix((np.ones(len(rows)), rows, starts - starts[0]), shape=(count, len(table)))
        along = steps @ table  # gradients summed along each path, as if it were lost
        along += first.take(walks.first[part], axis=0)
        journeys = paths.conversions[part] + paths.losses[part]
        squares = np.einsum("p,pc,pc->c", journeys, along, along)
        places = np.arange(count + 1)
        rewarded = [
            csr_matrix((amount[part], last[part], places), shape=(count, size)).T @ along[:, by_value == kind]
            for kind, amount in ((False, paths.conversions), (True, paths.value))
        ]
        mixed = np.zeros((size, len(by_value)))
        mixed[:, ~by_value], mixed[:, by_value] = rewarded
        return squares, mixed

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # sparse products work without the interpreter's lock
        done = list(pool.map(of, _chunks(len(paths), len(by_value))))
    squares = sum((part for part, _ in done), np.zeros(len(by_value)))
    mixed = sum((part for _, part in done), np.zeros((size, len(by_value))))
    own = np.where(
        by_value,
        np.bincount(last, paths.value_squared, minlength=size)[:, None],
        np.bincount(last, paths.conversions, minlength=size)[:, None],
    )
    variance = squares + (2.0 * mixed * ends + own * ends**2).sum(axis=0)
    return np.asarray(variance.reshape(len(gradients), width))


def _chunks(count: int, width: int) -> list[slice]:
    chunk = max(1, CHUNK_CELLS // width)
    return [slice(begin, min(begin + chunk, count)) for begin in range(0, count, chunk)]


def _summed_effects(
    solution: Solution, rewards: Sequence[int], blocks: Sequence[slice]
) -> dict[int, tuple[Floats, ...]]:
    """For each reward the derivatives of the sum of all removal effects, one column."""
    sums: dict[int, tuple[Floats, ...]] = {}
    for block in blocks:
        for reward in rewards:
            parts = _effects(solution, reward, block, _whole(solution, reward)).parts()
            added = tuple(part.sum(axis=1, keepdims=True) for part in parts)
            sums[reward] = tuple(map(np.add, sums[reward], added)) if reward in sums else added
    return sums


def _shares(solution: Solution, reward: int, block: slice, summed: tuple[Floats, ...]) -> Gradients:
    """Derivatives of the shares of a block of channels."""
    effects = solution.removal_effects[reward]
    share = effects[block] / effects.sum()
    of_effects = _effects(solution, reward, block, _whole(solution, reward)).parts()
    return Gradients(*((part - whole * share) / effects.sum() for part, whole in zip(of_effects, summed, strict=True)))


def _whole(solution: Solution, reward: int) -> Gradients:
    """Derivatives of the reward of a journey; one column."""
    return _rate_gradients(
        solution, solution.visits[:, None], solution.worth[reward][:, None], solution.rates[reward : reward + 1]
    )


def _effects(solution: Solution, reward: int, block: slice, whole: Gradients) -> Gradients:
    """Derivatives of the removal effects of a block of channels."""
    without = solution.without(block)
    rate = solution.rates[reward]
    left = without.rates[reward] / rate
    gradients = _rate_gradients(solution, without.visits, without.worth[reward], without.rates[reward])
    return Gradients(*((part * left - own) / rate for part, own in zip(whole.parts(), gradients.parts(), strict=True)))


def _rate_gradients(solution: Solution, visits: Floats, worth: Floats, rates: Floats) -> Gradients:
    chain = solution.chain
    flow = visits * solution.per_visit[:, None]
    return Gradients(
        first=(worth - rates) / solution.journeys,
        moves=flow[chain.sources] * (worth[chain.targets] - worth[chain.sources]),
        lost=-flow * worth,
        reward=flow,
    )
