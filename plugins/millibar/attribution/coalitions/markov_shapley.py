"""Markov-Shapley: the Shapley value of the game a fitted Markov chain plays when channels are taken out of it.

v(S) = P(conversion | channels outside S lead to a loss) (of revenue: reward of one journey). Values are non-negative,
sum to the observed conversion rate, treat equal channels equally and give a dummy nothing; so credits need no
normalisation:

    credit of c = phi_c * journeys,   which sums to the observed conversions

All coalitions are counted exactly where that is affordable: first order up to ``exact_players`` channels through which
something converts (elimination.py), higher orders within ``SOLVING_SECONDS`` (solves.py). Beyond, orders of
joining are sampled, each solved exactly (sampling.py), and the error of sampling is part of the standard
errors. Grouping rare channels instead would change the game by an amount nobody can state.

Standard errors: delta method on the counts along observed paths, as for removal effects (chains/uncertainty.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from millibar.attribution.chains.chain import Walks, count_chain, counted_walks
from millibar.attribution.chains.solution import Solution
from millibar.attribution.chains.uncertainty import Gradients, journey_variance
from millibar.attribution.coalitions.elimination import eliminate
from millibar.attribution.coalitions.game import (
    REWARDS,
    CoalitionChain,
    GameSolution,
    Slopes,
    SlopesOf,
    coalition_chain,
)
from millibar.attribution.coalitions.sampling import observed_game, rounds_affordable, sample_orders
from millibar.attribution.coalitions.solves import solve_coalitions, solving_seconds
from millibar.attribution.paths import Floats, Paths, States
from millibar.attribution.result import Credits
from millibar.attribution.step_shares import ROUNDING, journey_value_squared

MARKOV_SHAPLEY = "markov_shapley"
EXACT_PLAYERS = 20
SOLVING_SECONDS = 6.0
SEED = 20_250_101
GRADIENT_CELLS = 16_000_000


@dataclass(frozen=True)
class _Fitted:
    """A solved chain and its game, the walks it was counted on, and the move each window takes."""

    walks: Walks
    taken: States
    solution: Solution
    game: CoalitionChain


def markov_shapley_credits(
    paths: Paths, order: int = 1, *, errors: bool = True, exact_players: int = EXACT_PLAYERS, seed: int = SEED
) -> Credits:
    """Credits of every channel under Markov-Shapley, with standard errors where ``errors``.

    ``order``: channels a state remembers, 1 or more. ``exact_players``: first-order games of up to so many channels are
    exact (20: about 2 seconds with errors, each more doubles it). ``seed``: of sampled orders. ``removal_effects`` of
    the result are those of the same chain. Without conversions every credit is 0. Raises ``ValueError`` on an order
    below 1, or of more states than are affordable.
    """
    if not len(paths) or paths.conversions.sum() <= 0:
        nothing = np.zeros(len(paths.channels))
        return Credits(MARKOV_SHAPLEY, paths.channels, nothing, nothing, nothing, nothing, nothing, nothing, order)
    walks, taken, chain = counted_walks(paths, order)
    game = coalition_chain(chain)
    solved = _solved(paths, game, order, slopes=errors, exact_players=exact_players, seed=seed)
    solution = Solution(chain)
    credit = np.zeros((REWARDS, len(paths.channels)))
    credit[:, game.players] = solved.values.T * solution.journeys
    credit = _without_less_than_nothing(credit, np.stack([paths.conversions, paths.value]))
    fitted = _Fitted(walks, taken, solution, game)
    error = _errors(paths, fitted, solved, solved.slopes) if solved.slopes else None
    return Credits(
        model=MARKOV_SHAPLEY,
        channels=paths.channels,
        conversions=credit[0],
        revenue=credit[1],
        conversions_error=None if error is None else error[0],
        revenue_error=None if error is None else error[1],
        removal_effects=solution.removal_effects[0],
        revenue_removal_effects=solution.removal_effects[1],
        order=order,
        is_sampled=solved.sampling_error is not None,
    )


def _without_less_than_nothing(credit: Floats, rewards: Floats) -> Floats:
    """Credits (2, C), none of them below 0 where no reward (2, P) is: rounding, or sampling, can leave one there."""
    is_gain = np.asarray((rewards >= 0).all(axis=1))
    held = np.where(is_gain[:, None], np.maximum(credit, 0.0), credit)
    total, left = credit.sum(axis=1, keepdims=True), held.sum(axis=1, keepdims=True)
    return np.asarray(held * (total / np.where(left != 0, left, 1.0)))


def highest_order(paths: Paths, most: int) -> int:
    """The highest order up to ``most`` whose coalitions are affordable; 1 at least."""
    orders = (order for order in range(most, 1, -1) if rounds_affordable(coalition_chain(count_chain(paths, order))))
    return next(orders, 1)


def _solved(
    paths: Paths, game: CoalitionChain, order: int, *, slopes: bool, exact_players: int, seed: int
) -> GameSolution:
    """The most exact solution of a game that is affordable."""
    if order == 1 and len(game.players) <= exact_players:
        return eliminate(game, slopes=slopes)
    if order > 1 and solving_seconds(game) <= SOLVING_SECONDS:
        return solve_coalitions(game, slopes=slopes)
    return sample_orders(game, observed_game(game, paths), seed, slopes=slopes)


def _errors(paths: Paths, fitted: _Fitted, solved: GameSolution, slopes: SlopesOf) -> Floats:
    """Standard errors of the credits, the totals taken as observed; shape (2, C)."""
    solution, game = fitted.solution, fitted.game
    known = paths.with_weights(paths.conversions, paths.losses, paths.value, journey_value_squared(paths))
    rates = solved.values.sum(axis=0)
    told = np.flatnonzero(np.abs(rates) > ROUNDING * np.abs(solved.values).sum(axis=0)).tolist()
    whole = {reward: _whole(fitted, reward) for reward in told}
    error = np.zeros((REWARDS, len(paths.channels)))
    width = max(1, GRADIENT_CELLS // (len(solution.chain.sources) + 3 * solution.chain.size))
    for first in range(0, len(game.players), width):
        players = slice(first, min(first + width, len(game.players)))
        gradients = [
            _of_shares(
                _gradients(fitted, slopes(players, reward), reward),
                whole[reward],
                solved.values[players, reward],
                rates[reward],
            )
            for reward in told
        ]
        variance = journey_variance(known, fitted.walks, fitted.taken, gradients, [reward == 1 for reward in told])
        for reward, of_reward in zip(told, variance, strict=True):
            if solved.sampling_error is not None:
                of_reward += (solved.sampling_error[players, reward] / rates[reward]) ** 2
            spread = np.sqrt(np.maximum(of_reward, 0.0))
            error[reward, game.players[players]] = spread * abs(rates[reward]) * solution.journeys
    return error


def _of_shares(part: Gradients, whole: Gradients, values: Floats, rate: float) -> Gradients:
    """Derivatives of values / rate from those of the values and, one column, of the rate."""
    share = values / rate
    pairs = zip(part.parts(), whole.parts(), strict=True)
    return Gradients(*((of_value - of_rate * share) / rate for of_value, of_rate in pairs))


def _whole(fitted: _Fitted, reward: int) -> Gradients:
    """Derivatives of the reward of a journey by the counts, one column."""
    solution, game = fitted.solution, fitted.game
    visits, worth = solution.visits[game.states], solution.worth[reward][game.states]
    slopes = Slopes((visits[game.sources] * worth[game.targets])[None], worth[None], visits[None])
    return _gradients(fitted, slopes, reward)


def _gradients(fitted: _Fitted, slopes: Slopes, reward: int) -> Gradients:
    """Derivatives by the counts from those by the chances, a column a player.

    What the number of journeys itself does is left out: it moves all values alike, and no share.
    """
    solution, game = fitted.solution, fitted.game
    chain, per_visit = solution.chain, solution.per_visit[game.states]
    leaving = csr_matrix(
        (game.probabilities, (game.sources, np.arange(len(game.sources)))), shape=(game.size, len(game.sources))
    )
    drawn = leaving @ slopes.moves.T + (slopes.rewards * game.rewards[:, reward]).T
    # a count of any kind leaving a state takes from the chances of all others that leave it
    first, lost, rewards = (np.zeros((chain.size, len(slopes.first))) for _ in range(3))
    first[game.states] = slopes.first.T / solution.journeys
    lost[game.states] = -drawn * per_visit[:, None]
    rewards[game.states] = (slopes.rewards * per_visit).T
    moves = lost[chain.sources]
    moves[game.move_places] += (slopes.moves * per_visit[game.sources]).T
    return Gradients(first, moves, lost, rewards)
