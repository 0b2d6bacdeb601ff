"""Coalitions on the way when channels join a chain one after another: each of them solved, all at once.

With the states sorted by when they become alive (when the last of their channels joins) and B = I - Q in that order,
one triangular factorisation B' = L U without pivoting solves every coalition on the way: y = L^-1 p and z = U'^-1 r
give v of the first t channels as the sum of y_s z_s over the states alive by then. Where a chain has many states and
few moves, the coalitions are iterated side by side instead, x <- (Q' x) o alive, a column each, until nothing moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lu_factor, solve_triangular
from scipy.sparse import csr_matrix

from millibar.attribution.coalitions.game import REWARDS, CoalitionChain
from millibar.attribution.paths import Floats, Integers

# For choosing between the two ways, and whether either is affordable; not for timing.
CUBE_SECONDS = 6e-11  # of each cubed state in a factorisation
CELL_SECONDS = 2e-9  # of each move and column in an iteration
USUAL_ITERATIONS = 80
MOST_ITERATIONS = 3_000
MOST_FACTORISED = 6_000  # states; the factors take 8 bytes a pair
MOST_CELLS = 12_000_000  # states x channels iterated side by side
TOLERANCE = 1e-14


@dataclass(frozen=True)
class Joining:
    """Coalitions on the way of one order: x (n + 1, S) and u (2, n + 1, S) of the first t players; (n,) places."""

    visits: Floats
    worth: Floats
    place: Integers


def joining_seconds(game: CoalitionChain) -> float:
    """About how long one order takes, in the better way; infinite where memory would not do."""
    return min(_factorising_seconds(game), _iterating_seconds(game))


def join(game: CoalitionChain, order: Integers, *, keep: bool) -> tuple[Floats, Joining | None]:
    """Gain of every player when they join in this order, shape (n, 2), and the coalitions on the way if ``keep``."""
    place = np.argsort(order)
    alive_from = np.where(game.holds, place, -1).max(axis=1)
    if _iterating_seconds(game) < _factorising_seconds(game):
        iterated = _iterated(game, order, place, alive_from, keep=keep)
        if iterated:
            return iterated
    return _factorised(game, order, place, alive_from, keep=keep)


def _factorising_seconds(game: CoalitionChain) -> float:
    return float("inf") if game.size > MOST_FACTORISED else CUBE_SECONDS * game.size**3


def _iterating_seconds(game: CoalitionChain) -> float:
    cells = game.size * len(game.players)
    work = (len(game.sources) + game.size) * len(game.players) * USUAL_ITERATIONS
    return float("inf") if cells > MOST_CELLS else CELL_SECONDS * work


def _factorised(
    game: CoalitionChain, order: Integers, place: Integers, alive_from: Integers, *, keep: bool
) -> tuple[Floats, Joining | None]:
    size = len(order)
    states = np.argsort(alive_from, kind="stable")
    left = game.dense[np.ix_(states, states)].T
    np.negative(left, out=left)
    left.flat[:: game.size + 1] += 1.0
    factors = _triangular(left)
    begun = solve_triangular(factors, game.first[states], lower=True, unit_diagonal=True, check_finite=False)
    earned = solve_triangular(factors, game.rewards[states], trans="T", check_finite=False)
    joined = alive_from[states]
    gains = np.zeros((size, REWARDS))
    for reward in range(REWARDS):
        gains[order, reward] = np.bincount(joined, begun * earned[:, reward], minlength=size)
    if not keep:
        return gains, None
    alive = np.searchsorted(joined, np.arange(size), side="right")  # states alive once each place is taken
    unit = np.eye(game.size)
    upper = solve_triangular(factors, unit, check_finite=False)
    lower = solve_triangular(factors, unit, lower=True, unit_diagonal=True, check_finite=False)
    visits = np.zeros((size + 1, game.size))
    worth = np.zeros((REWARDS, size + 1, game.size))
    visits[1:, states] = _running(upper.T * begun[:, None], alive)
    for reward in range(REWARDS):
        worth[reward, 1:, states] = _running(lower * earned[:, reward, None], alive).T
    return gains, Joining(visits, worth, place)


def _running(rows: Floats, counts: Integers) -> Floats:
    """Sums of the first ``counts`` rows, for each count."""
    sums = np.cumsum(rows, axis=0)
    return np.where((counts > 0)[:, None], sums[np.maximum(counts, 1) - 1], 0.0)


def _triangular(left: Floats) -> Floats:
    """L and U of a column diagonally dominant matrix in one array, rows in their order."""
    factors, pivots = lu_factor(left, check_finite=False)
    if (pivots == np.arange(len(left))).all():
        return np.asarray(factors)
    # by rounding, a state that only moves on to one other can tie with it; dominance makes pivoting needless
    factors = left.copy()
    for place in range(len(factors) - 1):
        factors[place + 1 :, place] /= factors[place, place]
        factors[place + 1 :, place + 1 :] -= factors[place + 1 :, place, None] * factors[place, place + 1 :]
    return factors


def _iterated(
    game: CoalitionChain, order: Integers, place: Integers, alive_from: Integers, *, keep: bool
) -> tuple[Floats, Joining | None] | None:
    """None where journeys are too long for iteration to end."""
    size, moves = len(order), game.moves
    alive = (alive_from[:, None] <= np.arange(size)).astype(np.float64)
    visits = _spread(moves.T.tocsr(), game.first[:, None] * alive, alive)
    if visits is None:
        return None
    gains = np.zeros((size, REWARDS))
    gains[order] = np.diff(visits.T @ game.rewards, axis=0, prepend=0.0)
    if not keep:
        return gains, None
    worth = np.zeros((REWARDS, size + 1, game.size))
    for reward in range(REWARDS):
        spread = _spread(moves, game.rewards[:, reward, None] * alive, alive)
        if spread is None:
            return None
        worth[reward, 1:] = spread.T
    return gains, Joining(np.r_[np.zeros((1, game.size)), visits.T], worth, place)


def _spread(moves: csr_matrix, first: Floats, alive: Floats) -> Floats | None:
    """Sum of first, (moves @ first) o alive, ...; None where it takes more than ``MOST_ITERATIONS``."""
    total, current = first.copy(), first
    mass = float(np.abs(current).sum())
    for _ in range(MOST_ITERATIONS):
        current = moves @ current
        current *= alive
        total += current
        before, mass = mass, float(np.abs(current).sum())
        # what is still to come is about mass * ratio / (1 - ratio)
        if mass == 0.0 or (mass < before and mass <= TOLERANCE * (1.0 - mass / before) * float(np.abs(total).sum())):
            return total
    return None
