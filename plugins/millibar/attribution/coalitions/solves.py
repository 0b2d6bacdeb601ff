"""Shapley values of a chain of any order over all 2^n coalitions, one linear solve each.

In coalition S only the states all of whose channels are in S are alive. With Q_S their moves, p_S, r_S:

    u_S = (I - Q_S)^-1 r_S,   x_S = p_S' (I - Q_S)^-1,   v(S) = p_S' u_S
    dv(S)/dq_ij = x_i u_j,    dv(S)/dp_j = u_j,          dv(S)/dr_i = x_i

Most coalitions keep few states (of order 2 a quarter on average), so that direct solves cost less than the
elimination of first-order chains would here.
"""

from __future__ import annotations

import numpy as np

from millibar.attribution.coalitions.game import REWARDS, CoalitionChain, GameSolution, Slopes
from millibar.attribution.coalitions.shapley import coalition_sizes, coalition_weights
from millibar.attribution.paths import Floats, Integers

BATCH = 256
SOLVE_SECONDS, CUBE_SECONDS = 6e-5, 2e-10  # of one solve, and of each cubed state: for estimating, not for timing
MOST_PLAYERS = 16


def solving_seconds(game: CoalitionChain) -> float:
    """About how long :func:`solve_coalitions` takes; infinite beyond ``MOST_PLAYERS`` players."""
    if len(game.players) > MOST_PLAYERS:
        return float("inf")
    alive = np.bincount(_masks(game), minlength=1 << len(game.players)).astype(np.float64)
    for player in range(len(game.players)):
        split = alive.reshape(-1, 2, 1 << player)
        split[:, 1] += split[:, 0]
    return float((SOLVE_SECONDS + CUBE_SECONDS * alive**3).sum())


def solve_coalitions(game: CoalitionChain, *, slopes: bool = True) -> GameSolution:
    """Exact values, and slopes if asked for, of a game of any order."""
    size, moves = len(game.players), len(game.sources)
    sizes, masks, chances = coalition_sizes(size), _masks(game), game.moves.toarray()
    padded = np.r_[coalition_weights(size), 0.0]
    values = np.zeros((size, REWARDS))
    found = [Slopes(*(np.zeros((size, width)) for width in (moves, game.size, game.size))) for _ in range(REWARDS)]
    for at in range(0, 1 << size, BATCH):
        coalitions = np.arange(at, min(at + BATCH, 1 << size))
        inside = (coalitions[None, :] >> np.arange(size)[:, None]) & 1 == 1
        weights = np.where(inside, padded[sizes[coalitions] - 1], -padded[sizes[coalitions]])
        visits, worth = _solved(game, masks, chances, coalitions)
        values += weights @ (worth @ game.first).T
        for reward in range(REWARDS if slopes else 0):
            parts = found[reward]
            parts.moves[:] += weights @ (visits[:, game.sources] * worth[reward][:, game.targets])
            parts.first[:] += weights @ worth[reward]
            parts.rewards[:] += weights @ visits

    def slopes_of(players: slice, reward: int) -> Slopes:
        whole = found[reward]
        return Slopes(whole.moves[players], whole.first[players], whole.rewards[players])

    return GameSolution(values, None, slopes_of if slopes else None)


def _masks(game: CoalitionChain) -> Integers:
    """Players of each state as bits."""
    return np.asarray(game.holds @ (1 << np.arange(len(game.players))), dtype=np.int64)


def _solved(game: CoalitionChain, masks: Integers, chances: Floats, coalitions: Integers) -> tuple[Floats, Floats]:
    """(x (coalitions, S), u (2, coalitions, S)); states that are not alive have 0."""
    visits = np.zeros((len(coalitions), game.size))
    worth = np.zeros((REWARDS, len(coalitions), game.size))
    for place, coalition in enumerate(coalitions):
        alive = np.flatnonzero((masks & ~coalition) == 0)
        if len(alive):
            left = np.eye(len(alive)) - chances[np.ix_(alive, alive)]
            visits[place, alive] = np.linalg.solve(left.T, game.first[alive])
            worth[:, place, alive] = np.linalg.solve(left, game.rewards[alive]).T
    return visits, worth
