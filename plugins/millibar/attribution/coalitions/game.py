"""The game of a fitted chain: v(S) = reward of one journey when every state that holds a channel outside S is a loss.

Players are the channels through which some reward flows; any other channel is a dummy (it changes no coalition), worth
0. States without flow are left out: in every coalition, entering one leads to no reward, which is what a loss does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from millibar.attribution.chains.chain import Chain
from millibar.attribution.paths import Floats, Integers

Flags = npt.NDArray[np.bool_]
REWARDS = 2  # conversions and value, in this order wherever an array has an axis of rewards


@dataclass(frozen=True)
class CoalitionChain:
    """S live states, n players, M moves between live states.

    ``states``: place of each in the chain it was cut from, (S,). ``players``: channel places, (n,). ``sources``,
    ``targets``: live states by move, (M,); ``move_places``: the moves' places in the whole chain; ``probabilities``:
    (M,). ``first``: chance to begin in a state, (S,). ``rewards``: reward per visit that ends there, (S, 2).
    ``holds``: (S, n).
    """

    states: Integers
    players: Integers
    sources: Integers
    targets: Integers
    move_places: Integers
    probabilities: Floats
    first: Floats
    rewards: Floats
    holds: Flags

    @property
    def size(self) -> int:
        """Live states, S."""
        return len(self.states)

    @cached_property
    def moves(self) -> csr_matrix:
        """Q, sparse, shape (S, S)."""
        return csr_matrix((self.probabilities, (self.sources, self.targets)), shape=(self.size, self.size))

    @cached_property
    def dense(self) -> Floats:
        """Q as an array; for chains of few states."""
        return np.asarray(self.moves.toarray())


@dataclass(frozen=True)
class Slopes:
    """Derivatives of k players' values: by the chance of each move (k, M), of each begin (k, S), by rewards (k, S)."""

    moves: Floats
    first: Floats
    rewards: Floats


SlopesOf = Callable[[slice, int], Slopes]  # of the players of a slice, for one reward


@dataclass(frozen=True)
class GameSolution:
    """Shapley values of the players, shape (n, 2), per journey.

    ``sampling_error``: standard errors of values found by sampling, (n, 2); None where they are exact. ``slopes``: of
    the players of a slice, for one reward; None where none were asked for.
    """

    values: Floats
    sampling_error: Floats | None
    slopes: SlopesOf | None


def coalition_chain(chain: Chain) -> CoalitionChain:
    """The live part of a chain as a game."""
    ending = np.c_[chain.converted, chain.value]
    seen = chain.counts > 0
    sources, targets = chain.sources[seen], chain.targets[seen]
    live = _reached(chain.first > 0, sources, targets) & _reached((ending != 0).any(axis=1), targets, sources)
    states = np.flatnonzero(live)
    number = np.full(chain.size, -1)
    number[states] = np.arange(len(states))
    between = np.flatnonzero(seen & live[chain.sources] & live[chain.targets])
    visits = chain.visits
    journeys = chain.first.sum()
    holds = chain.holds[states]
    players = np.flatnonzero(holds.any(axis=0))
    return CoalitionChain(
        states=states,
        players=players,
        sources=number[chain.sources[between]],
        targets=number[chain.targets[between]],
        move_places=between,
        probabilities=chain.counts[between] / visits[chain.sources[between]],
        first=chain.first[states] / (journeys if journeys > 0 else 1.0),
        rewards=ending[states] / visits[states][:, None],
        holds=holds[:, players],
    )


def _reached(start: Flags, sources: Integers, targets: Integers) -> Flags:
    """States on a way of moves from those flagged."""
    reached = start.copy()
    while True:
        added = targets[reached[sources] & ~reached[targets]]
        if not len(added):
            return reached
        reached[added] = True
