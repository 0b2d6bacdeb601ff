"""Shapley values of a first-order chain over all 2^n coalitions, by eliminating one channel at a time.

Taking channel c out of the chain leaves two chains. In the one where c is *in* the coalition its state is censored,
what went through it going straight on,

    q_ij += q_ic q_cj / (1 - q_cc)      and likewise for begins p, rewards r and what is earned, p_c r_c / (1 - q_cc);

in the one where c is *out*, its row and column are dropped. After n channels each of the 2^n chains is one number,
v(S). A chain with k channels left has about k^2 numbers, so that all levels together cost about 12 * 2^n
multiplications instead of 2^n solves. The same levels read backwards (reverse-mode differentiation, adjoint of a leaf
= the Shapley weight of its coalition) give the slopes of every player's value by every chance in the chain.

Arrays have coalitions last, so that each operation runs along them. The first levels are kept whole; below them
coalitions go in blocks small enough for a processor's cache.
"""

from __future__ import annotations

import numpy as np

from millibar.attribution.coalitions.game import REWARDS, CoalitionChain, GameSolution, Slopes
from millibar.attribution.coalitions.shapley import coalition_sizes, coalition_weights
from millibar.attribution.paths import Floats, Integers

BLOCK_LEVELS = 10
BLOCK_ROOTS = 4


def eliminate(game: CoalitionChain, *, slopes: bool = True) -> GameSolution:
    """Exact values, and slopes if asked for, of a game of order 1 (state i is player i).

    Time and memory: about 2^n * n * 0.2 microseconds with slopes; 2^(n - 10) * n^2 numbers.
    """
    size = len(game.players)
    low = max(size - BLOCK_LEVELS, 0)
    root = _augmented(game)[:, :, None]
    top = _levels(root, low)
    top_sizes = coalition_sizes(low)
    values = np.zeros((size, REWARDS))
    adjoints = [np.zeros((size, size - low + 1, size - low + 1, 1 << low)) for _ in range(REWARDS)] if slopes else []
    for at in range(0, 1 << low, BLOCK_ROOTS):
        roots = np.arange(at, min(at + BLOCK_ROOTS, 1 << low))
        levels = _levels(np.ascontiguousarray(top[-1][:, :, roots]), size - low)
        weights = _leaf_weights(roots, top_sizes[roots], low, size)
        values += weights @ levels[-1][0].T
        for reward, adjoint in enumerate(adjoints):
            adjoint[:, :, :, roots] = _backward(levels, weights[:, None, None, :], reward)
    whole = [_backward(top, adjoint, reward)[:, :, :, 0] for reward, adjoint in enumerate(adjoints)]

    def slopes_of(players: slice, reward: int) -> Slopes:
        found = whole[reward][players]
        return Slopes(found[:, game.sources, game.targets], found[:, -1, :-1], found[:, :-1, -1])

    return GameSolution(values, None, slopes_of if slopes else None)


def coalition_values(game: CoalitionChain) -> Floats:
    """v of every coalition, shape (2, 2^n), bit i of the place being player i; for one journey."""
    values: Floats = _levels(_augmented(game)[:, :, None], len(game.players))[-1][0]
    return values


def _augmented(game: CoalitionChain) -> Floats:
    """Shape (n + 1, n + 2): rows are states, then the begin; columns are states, then the rewards."""
    size = game.size
    chain = np.zeros((size + 1, size + REWARDS))
    chain[:-1, :size] = game.moves.toarray()
    chain[-1, :size] = game.first
    chain[:-1, size:] = game.rewards
    return chain


def _levels(chains: Floats, depth: int) -> list[Floats]:
    """Chains after 0 .. ``depth`` eliminations; coalition b of one becomes b (out) and b + width (in) of the next."""
    levels = [chains]
    for _ in range(depth):
        chains = levels[-1]
        width = chains.shape[2]
        rest = chains[1:, 1:]
        below = np.empty((*rest.shape[:2], 2 * width))
        below[:, :, :width] = rest
        through = chains[0, 1:] / (1.0 - chains[0, 0])
        np.multiply(chains[1:, :1], through[None], out=below[:, :, width:])
        below[:, :, width:] += rest
        levels.append(below)
    return levels


def _leaf_weights(roots: Integers, root_sizes: Integers, low: int, size: int) -> Floats:
    """Weight of each leaf's v in each player's Shapley value, shape (size, leaves)."""
    below = np.arange(1 << (size - low))
    members = (root_sizes[None, :] + coalition_sizes(size - low)[:, None]).ravel()
    places = (roots[None, :] + (below[:, None] << low)).ravel()
    inside = (places[None, :] >> np.arange(size)[:, None]) & 1 == 1
    weights = np.r_[coalition_weights(size), 0.0]  # the last: nobody is missing from the whole
    return np.asarray(np.where(inside, weights[members - 1], -weights[members]))


def _backward(levels: list[Floats], adjoint: Floats, reward: int) -> Floats:
    """Adjoint of the first level from that of the last.

    ``adjoint``: shape (N, k + 1, k + 1, width), columns being k states and the one reward. Returns the same for the
    first level, width of the first.
    """
    for chains in reversed(levels[:-1]):
        width, left = chains.shape[2], chains.shape[0] - 1
        kept_columns = [*range(1, left), left + reward]
        out, inside = adjoint[..., :width], adjoint[..., width:]
        pivot = 1.0 / (1.0 - chains[0, 0])
        through = chains[0, kept_columns] * pivot
        into = chains[1:, 0]
        above = np.empty((len(adjoint), left + 1, left + 1, width))
        np.add(out, inside, out=above[:, 1:, 1:])
        of_column, of_row = above[:, 1:, 0], above[:, 0, 1:]
        np.multiply(inside[:, :, 0], through[0], out=of_column)
        np.multiply(inside[:, 0], into[0], out=of_row)
        for place in range(1, left):
            of_column += inside[:, :, place] * through[place]
            of_row += inside[:, place] * into[place]
        of_row *= pivot
        above[:, 0, 0] = (of_column * into).sum(axis=1) * pivot
        adjoint = above
    return np.asarray(adjoint)
