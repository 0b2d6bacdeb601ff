"""A chain solved exactly: visits and worth of every state, with nothing removed and without each channel.

    N = (I - Q)^-1,  u = N r  (worth of a visit),  x = p' N  (expected visits),  R = p' u
    without c:  states that contain c lead to a loss
Order 1 has closed forms in N. Of higher orders, whose chains are large and nearly empty, all channels are solved at
once by x <- (Q' x) o kept until nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, diags, identity
from scipy.sparse.linalg import splu

from millibar.attribution.chains.chain import Chain
from millibar.attribution.paths import Floats

REWARDS = 2  # conversions and revenue
DENSE_STATES = 1_500
TOLERANCE = 1e-15
MOST_ITERATIONS = 3_000
CACHED_CELLS = 24_000_000


@dataclass(frozen=True)
class Without:
    """What remains of the chain without some channels, a column each. ``rates``: reward of a journey, (2, columns).

    ``visits``: (S, columns), ``worth``: (2, S, columns); states that hold the removed channel have 0.
    """

    visits: Floats
    worth: Floats
    rates: Floats


class Solution:
    """Expected visits ``visits`` (S,), worth of a visit ``worth`` (2, S) and reward of a journey ``rates`` (2,)."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        visits = chain.visits
        self.per_visit: Floats = 1.0 / np.where(visits > 0, visits, 1.0)
        self.journeys = float(chain.first.sum())
        self.start: Floats = chain.first / (self.journeys or 1.0)
        self.rewards: Floats = np.stack([chain.converted, chain.value]) * self.per_visit
        self.moves = csr_matrix(diags(self.per_visit) @ chain.moves)
        self.visits: Floats
        self.worth: Floats
        if self.is_dense:
            self.visits = self.start @ self.fundamental
            self.worth = self.rewards @ self.fundamental.T
        else:
            factors = splu((identity(chain.size) - self.moves).tocsc())
            self.visits = factors.solve(self.start, trans="T")
            self.worth = np.ascontiguousarray(factors.solve(np.ascontiguousarray(self.rewards.T)).T)
        self.rates: Floats = self.worth @ self.start

    @property
    def is_dense(self) -> bool:
        """Whether N is worth having: of a chain of first order, whose states all meet."""
        return self.chain.order == 1 and self.chain.size <= DENSE_STATES

    @cached_property
    def fundamental(self) -> Floats:
        """N, shape (S, S), of a dense chain."""
        return np.asarray(np.linalg.inv(np.eye(self.chain.size) - self.moves.toarray()))

    @cached_property
    def removal_effects(self) -> Floats:
        """Share of each reward that is lost without each channel, shape (2, C); 0 where there is no reward."""
        if self.is_dense:
            returns = np.diagonal(self.fundamental)
            lost = self.visits * self.worth / returns
        else:
            lost = np.concatenate([self.rates[:, None] - self.without(block).rates for block in self.blocks()], axis=1)
        some = self.rates > 0
        return np.where(some[:, None], np.maximum(lost, 0.0) / np.where(some, self.rates, 1.0)[:, None], 0.0)

    def blocks(self, cells_a_channel: int = 0) -> list[slice]:
        """Channels in runs whose arrays fit in memory; ``cells_a_channel``: numbers one channel needs."""
        size = len(self.chain.channels)
        width = max(1, CACHED_CELLS // max(cells_a_channel, self.chain.size * 4, 1))
        return [slice(first, min(first + width, size)) for first in range(0, size, width)]

    def without(self, block: slice) -> Without:
        """The chain without each channel of ``block``."""
        known = self._known
        if (block.start, block.stop) not in known:
            known.clear()
            known[block.start, block.stop] = self._closed(block) if self.is_dense else self._iterated(block)
        return known[block.start, block.stop]

    @cached_property
    def _known(self) -> dict[tuple[int, int], Without]:
        return {}

    def _closed(self, block: slice) -> Without:
        removed = np.arange(block.start, block.stop)
        columns = np.arange(len(removed))
        to_removed = self.fundamental[:, removed] / np.diagonal(self.fundamental)[removed]
        from_removed = (self.fundamental[removed] / np.diagonal(self.fundamental)[removed, None]).T
        visits = self.visits[:, None] - from_removed * self.visits[removed]
        worth = self.worth[:, :, None] - to_removed * self.worth[:, None, removed]
        visits[removed, columns] = 0.0
        worth[:, removed, columns] = 0.0
        lost = self.visits[removed] * self.worth[:, removed] / np.diagonal(self.fundamental)[removed]
        return Without(visits, worth, self.rates[:, None] - lost)

    def _iterated(self, block: slice) -> Without:
        kept = (~self.chain.holds[:, block]).astype(np.float64)
        width = kept.shape[1]
        visits = _spread(self.moves.T.tocsr(), self.start[:, None] * kept, kept)
        both = np.concatenate([kept, kept], axis=1)
        worth = _spread(self.moves, np.repeat(self.rewards.T, width, axis=1) * both, both)
        if visits is None or worth is None:
            return self._factored(block, kept > 0)
        stacked = np.ascontiguousarray(np.stack([worth[:, :width], worth[:, width:]]))
        return Without(visits, stacked, self.rewards @ visits)

    def _factored(self, block: slice, kept: np.ndarray) -> Without:
        """One factorisation a channel, for chains whose journeys are so long that iteration would not end."""
        visits, worth = np.zeros(kept.shape), np.zeros((REWARDS, *kept.shape))
        for column in range(kept.shape[1]):
            stays = np.flatnonzero(kept[:, column])
            if not len(stays):
                continue
            factors = splu((identity(len(stays)) - self.moves[stays][:, stays]).tocsc())
            visits[stays, column] = factors.solve(self.start[stays], trans="T")
            worth[:, stays, column] = factors.solve(np.ascontiguousarray(self.rewards[:, stays].T)).T
        return Without(visits, worth, self.rewards @ visits)


def _spread(moves: csr_matrix, first: Floats, kept: Floats) -> Floats | None:
    """Sum of first, (moves @ first) o kept, ...; None where it takes more than ``MOST_ITERATIONS``."""
    total, current = first.copy(), first
    mass = before = float(np.abs(current).sum())
    for _ in range(MOST_ITERATIONS):
        current = (moves @ current) * kept
        total += current
        before, mass = mass, float(np.abs(current).sum())
        if mass == 0.0:
            return total
        shrinks = mass / before
        # what is still to come is about mass / (1 - ratio)
        if shrinks < 1.0 and mass <= TOLERANCE * (1.0 - shrinks) * float(np.abs(total).sum()):
            return total
    return None


def truncated_rates(solution: Solution, draws: int) -> tuple[Floats, Floats]:
    """Reward of a journey that ends after ``draws`` moves from the start: whole (2,), without each channel (2, C)."""
    kept = np.c_[(~solution.chain.holds).astype(np.float64), np.ones(solution.chain.size)]
    backwards = solution.moves.T.tocsr()
    current = solution.start[:, None] * kept
    total = current.copy()
    for _ in range(draws - 2):  # the first draw enters, the last one leaves
        current = (backwards @ current) * kept
        total += current
    rates = solution.rewards @ total
    return rates[:, -1], rates[:, :-1]
