"""Models that hand out each path's reward in fixed shares: totals and closed-form standard errors.

With s_pc the share of path p's reward that channel c gets, n_p its conversions (V_p their value, V2_p the sum of its
squares), n and V the totals, the share of a channel is w_c = sum_p n_p s_pc / n. One journey moves it by
(s_pc - w_c) / n (by v (s_pc - w_c) / V where it brought v), a loss by nothing, so

    Var w_c = sum_p n_p  (s_pc - w_c)^2 / n^2,      of revenue: sum_p V2_p (s_pc - w_c)^2 / V^2
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from millibar.attribution.paths import Floats, Paths
from millibar.attribution.result import Credits

ROUNDING = 1e-13  # a variance this small beside the sum it is the remainder of is 0


def channel_shares(paths: Paths, step_shares: Floats) -> csr_matrix:
    """Shares of steps summed by channel; sparse, shape (P, C), one entry a path and channel, sorted.

    ``step_shares``: shape (steps,).
    """
    # indices are copied: summing duplicates sorts them in place
    shape = (len(paths), len(paths.channels))
    shares = csr_matrix((step_shares, paths.steps.copy(), paths.starts.copy()), shape=shape)
    shares.sum_duplicates()
    return shares


def journey_value_squared(paths: Paths) -> Floats:
    """Sum of squares of the conversions' values, shape (P,); untold, every conversion has the mean value."""
    return np.maximum(paths.value_squared, paths.value**2 / np.where(paths.conversions > 0, paths.conversions, 1.0))


def credits_of_shares(
    model: str, paths: Paths, shares: csr_matrix, *, errors: bool = True, sums_to_total: bool = True
) -> Credits:
    """Credits of a model from the share each channel has of each path.

    ``shares``: sparse, shape (P, C), rows sum to 1 (participation: to the number of channels). Credits are 0, with
    errors of 0, where nothing converted or nothing was worth anything.
    """
    conversions, conversions_error = _credit(shares, paths.conversions, paths.conversions)
    revenue, revenue_error = _credit(shares, paths.value, journey_value_squared(paths))
    return Credits(
        model=model,
        channels=paths.channels,
        conversions=conversions,
        revenue=revenue,
        conversions_error=conversions_error if errors else None,
        revenue_error=revenue_error if errors else None,
        sums_to_total=sums_to_total,
    )


def _credit(shares: csr_matrix, reward: Floats, reward_squared: Floats) -> tuple[Floats, Floats]:
    """(credit, its standard error), shape (C,) each."""
    total = reward.sum()
    credit = np.asarray(shares.T @ reward)
    if total == 0:
        return credit, np.zeros_like(credit)
    squared = shares.copy()
    squared.data **= 2
    share = credit / total
    whole = np.asarray(squared.T @ reward_squared)
    crossed = np.asarray(shares.T @ reward_squared)
    variance = whole - 2 * share * crossed + share**2 * reward_squared.sum()
    return credit, np.sqrt(np.where(variance > ROUNDING * whole, variance, 0.0))
