"""Markov attribution, exact, of any order: credits by removal effects, transition table, effects of sequences.

    RE_c = share of conversions (of revenue) lost when every state that contains c leads to a loss
    credit of c = RE_c / sum of RE x total
Source: Anderl, Becker, von Wangenheim & Schumann 2016, "Mapping the customer journey"; solved here without simulation.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.sparse import identity
from scipy.sparse.linalg import splu

from millibar.attribution.chains.chain import Chain, Walks, count_chain, counted_walks
from millibar.attribution.chains.solution import Solution, truncated_rates
from millibar.attribution.chains.uncertainty import share_errors
from millibar.attribution.paths import Floats, Paths
from millibar.attribution.result import Credits
from millibar.attribution.step_shares import journey_value_squared

MARKOV = "markov"
EXACT, CHANNELATTRIBUTION = "exact", "channelattribution"
CONVENTIONS = (EXACT, CHANNELATTRIBUTION)
START, CONVERSION, LOSS = "(start)", "(conversion)", "(null)"


def markov_credits(paths: Paths, order: int = 1, convention: str = EXACT, *, errors: bool = True) -> Credits:
    """Credits of every channel, with standard errors by the delta method where ``errors``.

    ``order``: channels a state remembers, 1 or more. ``convention``: ``exact``, or ``channelattribution``: what the
    package of that name (2.2.5) estimates by simulation; it ends walks after m + 2 draws, m being the states of the
    longest path after consecutive identical states are made one. The errors are those of the exact chain.
    Without conversions every credit is 0. Raises ``ValueError`` on an unknown convention or an order below 1.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"convention {convention!r}: choose one of {', '.join(CONVENTIONS)}")
    totals = np.array([paths.conversions.sum(), paths.value.sum()])
    size = len(paths.channels)
    if not len(paths) or totals[0] <= 0:
        nothing = np.zeros(size)
        return Credits(MARKOV, paths.channels, nothing, nothing, nothing, nothing, nothing, nothing, order)
    paths = _in_units(paths, float(totals[1]))
    walks, taken, chain = counted_walks(paths, order)
    solution = Solution(chain)
    effects = solution.removal_effects if convention == EXACT else _truncated_effects(chain, walks)
    shares = effect_shares(effects)
    spread = share_errors(paths, walks, taken, solution) * np.abs(totals)[:, None] if errors else None
    return Credits(
        model=MARKOV,
        channels=paths.channels,
        conversions=shares[0] * totals[0],
        revenue=shares[1] * totals[1],
        conversions_error=None if spread is None else spread[0],
        revenue_error=None if spread is None else spread[1],
        removal_effects=effects[0],
        revenue_removal_effects=effects[1],
        order=order,
    )


def effect_shares(effects: Floats) -> Floats:
    """Effects, shape (2, C), scaled to sum to 1; revenue without any effect is shared as conversions are."""
    total = effects.sum(axis=-1, keepdims=True)
    shares = effects / np.where(total > 0, total, 1.0)
    return np.where(total > 0, shares, shares[:1])


def transition_table(paths: Paths) -> pd.DataFrame:
    """from_channel, to_channel, transitions, probability (of a from_channel they sum to 1).

    ``(start)``, ``(conversion)`` and ``(null)`` are states; moves never seen are left out.
    """
    chain = count_chain(paths)
    table = np.vstack([np.c_[chain.moves.toarray(), chain.converted, chain.lost], np.r_[chain.first, 0.0, 0.0]])
    names = [*paths.channels, START], [*paths.channels, CONVERSION, LOSS]
    rows, columns = np.nonzero(table)
    transitions = table[rows, columns]
    return pd.DataFrame(
        {
            "from_channel": np.asarray(names[0], dtype=object)[rows],
            "to_channel": np.asarray(names[1], dtype=object)[columns],
            "transitions": transitions,
            "probability": transitions / table.sum(axis=1)[rows],
        }
    )


def sequence_effects(paths: Paths, most: int = 200) -> pd.DataFrame:
    """What would be lost if one channel never followed another: the ``most`` frequent pairs of the second-order chain.

    Columns from_channel, to_channel, transitions (weighted visits of the pair), removal_effect (share of conversions
    lost when the pair leads to a loss: x_s u_s / (N_ss R)), most frequent first.
    """
    columns = ["from_channel", "to_channel", "transitions", "removal_effect"]
    if not len(paths):
        return pd.DataFrame(columns=columns)
    solution = Solution(count_chain(paths, order=2))
    chain = solution.chain
    visits = chain.visits
    pairs = np.flatnonzero((chain.windows[:, 0] >= 0) & (visits > 0))
    pairs = pairs[np.lexsort((pairs, -visits[pairs]))][:most]
    factors = splu((identity(chain.size) - solution.moves).tocsc())
    units = np.zeros((chain.size, len(pairs)))
    units[pairs, np.arange(len(pairs))] = 1.0
    returns = factors.solve(units)[pairs, np.arange(len(pairs))] if len(pairs) else np.zeros(0)
    rate = solution.rates[0]
    names = np.asarray(chain.channels, dtype=object)
    return pd.DataFrame(
        {
            "from_channel": names[chain.windows[pairs, 0]],
            "to_channel": names[chain.windows[pairs, 1]],
            "transitions": visits[pairs],
            "removal_effect": solution.visits[pairs] * solution.worth[0, pairs] / (returns * rate) if rate > 0 else 0.0,
        }
    )[columns]


def _in_units(paths: Paths, total: float) -> Paths:
    """The paths with values as parts of their total, so that no amount is too small or too large to be squared."""
    if total <= 0:
        return paths
    squared = (np.sqrt(journey_value_squared(paths)) / total) ** 2
    return paths.with_weights(paths.conversions, paths.losses, paths.value / total, squared)


def _truncated_effects(chain: Chain, walks: Walks) -> Floats:
    """Removal effects of walks that end early, shape (2, C)."""
    changes = np.ones(len(walks.states), dtype=np.int64)
    changes[1:] = walks.states[1:] != walks.states[:-1]
    changes[walks.starts[:-1]] = 1
    longest = int(np.add.reduceat(changes, walks.starts[:-1]).max())
    whole, without = truncated_rates(Solution(chain.without_self_moves()), longest + 2)
    return np.where(whole[:, None] > 0, 1.0 - without / np.where(whole > 0, whole, 1.0)[:, None], 0.0)
