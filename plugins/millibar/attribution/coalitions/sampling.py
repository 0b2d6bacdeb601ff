"""Shapley values of chains with too many channels for all coalitions: random orders of joining, each solved exactly.

Let channels join one after another, every coalition on the way being solved exactly (joining.py). The
gain when a channel joins, averaged over orders, estimates its Shapley value without bias (Castro, Gomez & Tejada
2009), and each order hands out the whole of v(all), so the estimates sum to it exactly. What makes few orders enough:

- orders come in rounds: a random one, rotated by quarters, each with its reverse (antithetic), so that every channel
  joins early and late equally often; the standard error is that of the rounds' means;
- the game of the observed paths, v(S) = reward of the paths whose channels lie in S, is played in the same orders; its
  Shapley values are known in closed form, and only the difference of the two games is left to chance (control variate).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.attribution.coalitions.game import REWARDS, CoalitionChain, GameSolution, Slopes
from millibar.attribution.coalitions.joining import Joining, join, joining_seconds
from millibar.attribution.paths import Floats, Integers, Paths
from millibar.attribution.step_shares import channel_shares

SAMPLING_SECONDS = 1.5  # about so long on orders of joining, if that allows for the fewest rounds
LONGEST_SECONDS = 60.0  # a game whose fewest rounds take longer is refused
ROTATIONS = 4
FEWEST_ROUNDS, MOST_ROUNDS = 6, 64
SLOPE_ORDERS = 32  # the slopes are those of the first orders
SLOPE_CELLS = 40_000_000  # numbers of these orders that are kept
SPARSE_ENOUGH = 16  # pairs of states for each move, from which on moves are looked up one by one
OBSERVED_PATHS = 50_000  # the control needs no more than the paths with most reward


@dataclass(frozen=True)
class ObservedGame:
    """The game of (some) observed paths over the players of a chain.

    ``members``: players of each path, one path after another; ``starts``: (K,) first of each path; ``rewards``: (K, 2),
    per journey; ``values``: its Shapley values, (n, 2).
    """

    members: Integers
    starts: Integers
    rewards: Floats
    values: Floats

    def gains(self, place: Integers) -> Floats:
        """Gain of each player, (n, 2), when they join at ``place``, (n,): a path pays the last of its players."""
        if not len(self.starts):
            return np.zeros_like(self.values)
        last = np.argsort(place)[np.maximum.reduceat(place[self.members], self.starts)]
        return np.stack([np.bincount(last, reward, minlength=len(place)) for reward in self.rewards.T], axis=1)


def observed_game(game: CoalitionChain, paths: Paths) -> ObservedGame:
    """The game of the paths with most conversions; every channel of a path that converts is a player."""
    chosen = np.argsort(-paths.conversions, kind="stable")[:OBSERVED_PATHS]
    chosen = chosen[paths.conversions[chosen] > 0]
    flags = np.zeros(len(paths), dtype=bool)
    flags[chosen] = True
    paths_chosen = paths.select(flags)
    held = channel_shares(paths_chosen, np.ones(len(paths_chosen.steps)))
    number = np.full(len(paths.channels), -1)
    number[game.players] = np.arange(len(game.players))
    members, counts = number[held.indices], np.diff(held.indptr)
    rewards = np.c_[paths_chosen.conversions, paths_chosen.value] / paths.journeys
    values = [
        np.bincount(members, np.repeat(reward / counts, counts), minlength=len(game.players)) for reward in rewards.T
    ]
    return ObservedGame(members, held.indptr[:-1].astype(np.int64), rewards, np.stack(values, axis=1))


def rounds_affordable(game: CoalitionChain) -> int:
    """Rounds of orders that ``SAMPLING_SECONDS`` pay for; 0 where even the fewest would take too long."""
    round_seconds = 2 * ROTATIONS * joining_seconds(game) + 1e-9
    if FEWEST_ROUNDS * round_seconds > LONGEST_SECONDS:
        return 0
    return int(np.clip(SAMPLING_SECONDS / round_seconds, FEWEST_ROUNDS, MOST_ROUNDS))


def sample_orders(
    game: CoalitionChain, observed: ObservedGame, seed: int, rounds: int | None = None, *, slopes: bool = True
) -> GameSolution:
    """Values by ``rounds`` rounds of 8 orders (default: what is affordable), with their standard errors.

    The slopes are those of the first orders. Raises ``ValueError`` where not even the fewest rounds are affordable.
    """
    affordable = rounds_affordable(game)
    if not affordable:
        raise ValueError(
            f"markov_shapley on a chain of {game.size} states, {len(game.sources)} moves and {len(game.players)} "
            "channels would take too long or too much memory; choose a lower order, or group channels"
        )
    random = np.random.default_rng(seed)
    size = len(game.players)
    rounds = affordable if rounds is None else max(2, rounds)
    kept = min(SLOPE_ORDERS, max(2 * ROTATIONS, SLOPE_CELLS // ((1 + REWARDS) * (size + 1) * game.size)))
    joinings: list[Joining] = []
    means = np.zeros((rounds, size, REWARDS))
    for number in range(rounds):
        for order in _round(random.permutation(size)):
            gains, joining = join(game, order, keep=slopes and len(joinings) < kept)
            means[number] += (gains - observed.gains(np.argsort(order))) / (2 * ROTATIONS)
            joinings += [joining] if joining else []
    values = observed.values + means.mean(axis=0)
    error = means.std(axis=0, ddof=1) / np.sqrt(rounds)

    def slopes_of(players: slice, reward: int) -> Slopes:
        return _slopes(game, joinings, np.arange(size)[players], reward)

    return GameSolution(values, error, slopes_of if slopes else None)


def _round(order: Integers) -> list[Integers]:
    """An order rotated by parts of its length, and the reverse of each."""
    rotated = [np.roll(order, turn * len(order) // ROTATIONS) for turn in range(ROTATIONS)]
    return rotated + [one[::-1] for one in rotated]


def _slopes(game: CoalitionChain, joinings: list[Joining], players: Integers, reward: int) -> Slopes:
    found = Slopes(*(np.zeros((len(players), width)) for width in (len(game.sources), game.size, game.size)))
    for row, player in enumerate(players):
        with_it = [joining.place[player] + 1 for joining in joinings]
        pairs = list(zip(joinings, with_it, strict=True))
        visits = np.stack([one.visits[at] for one, at in pairs] + [-one.visits[at - 1] for one, at in pairs])
        worth = np.stack([one.worth[reward, at - back] for back in (0, 1) for one, at in pairs])
        if len(game.sources) * SPARSE_ENOUGH < game.size**2:
            found.moves[row] = np.einsum("om,om->m", visits[:, game.sources], worth[:, game.targets]) / len(joinings)
        else:
            found.moves[row] = (visits.T @ worth)[game.sources, game.targets] / len(joinings)
        found.first[row] = (worth[: len(pairs)] - worth[len(pairs) :]).mean(axis=0)
        found.rewards[row] = (visits[: len(pairs)] + visits[len(pairs) :]).mean(axis=0)
    return found
