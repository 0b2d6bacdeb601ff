"""Rule-based models on aggregated paths: each step has a share of its path's reward that only its place decides.

Every rule hands out a conversion exactly once, participation apart: there each distinct channel of the path gets all of
it, and the credits sum to more than the total. Standard errors are closed form (step_shares.py). Rules that need clocks
(time decay, same touch) are applied where the clocks are, in SQL.
"""

from __future__ import annotations

import numpy as np

from millibar.attribution.paths import Floats, Paths
from millibar.attribution.result import Credits
from millibar.attribution.step_shares import channel_shares, credits_of_shares

DIRECT = "direct"
END_SHARES = {"position": (0.4, 0.4), "j_shaped": (0.2, 0.6), "inverse_j": (0.6, 0.2)}  # of the first and last step
RULES = ("first", "last", "last_non_direct", "linear", *END_SHARES, "participation")


def rule_credits(
    paths: Paths,
    rule: str,
    *,
    first_share: float | None = None,
    last_share: float | None = None,
    direct: str = DIRECT,
    errors: bool = True,
) -> Credits:
    """Credits of one rule.

    ``rule``: one of ``RULES``. ``first_share``, ``last_share``: of the end steps, in 0..1 and not above 1 together, for
    position, j_shaped and inverse_j (defaults ``END_SHARES``); the steps between share the rest evenly, a path of two
    steps splits as first : last, a path of one gives it all. ``direct``: the channel last_non_direct passes over,
    unless the path has no other. Raises ``ValueError`` on an unknown rule, or shares a rule does not take.
    """
    ends = _end_shares(rule, first_share, last_share)
    if rule == "participation":
        shares = channel_shares(paths, np.ones(len(paths.steps)))
        shares.data[:] = 1.0
        return credits_of_shares(rule, paths, shares, errors=errors, sums_to_total=False)
    earning = (paths.conversions > 0) | (paths.value != 0)
    if not earning.all():
        paths = paths.select(earning)  # rules see nothing in what was lost
    return credits_of_shares(rule, paths, channel_shares(paths, _step_shares(paths, rule, ends, direct)), errors=errors)


def _step_shares(paths: Paths, rule: str, ends: tuple[float, float], direct: str) -> Floats:
    """Share of its path's reward each step has, shape (steps,)."""
    if rule == "linear":
        lengths = paths.lengths
        return np.repeat(1.0 / np.maximum(lengths, 1), lengths)
    if rule in END_SHARES:
        return _shares_by_ends(paths, *ends)
    shares = np.zeros(len(paths.steps))
    if rule == "first":
        chosen = paths.starts[:-1]
    elif rule == "last":
        chosen = paths.starts[1:] - 1
    else:
        chosen = _last_step_but(paths, direct)
    shares[chosen] = 1.0
    return shares


def _shares_by_ends(paths: Paths, first_share: float, last_share: float) -> Floats:
    lengths = paths.lengths
    between = (1.0 - first_share - last_share) / np.maximum(lengths - 2, 1)
    shares = np.repeat(between, lengths)
    first, last = paths.starts[:-1], paths.starts[1:] - 1
    shares[first], shares[last] = first_share, last_share
    ends = first_share + last_share
    two = lengths == 2
    shares[first[two]] = first_share / ends if ends else 0.5
    shares[last[two]] = last_share / ends if ends else 0.5
    shares[first[lengths == 1]] = 1.0
    return shares


def _last_step_but(paths: Paths, direct: str) -> np.ndarray:
    """Place of the last step of each path that is not ``direct``, of the last at all where there is no other."""
    last = paths.starts[1:] - 1
    if direct not in paths.channels or not len(last):
        return last
    places = np.where(paths.steps == paths.channels.index(direct), -1, np.arange(len(paths.steps)))
    found = np.maximum.reduceat(places, paths.starts[:-1])
    return np.where(found >= 0, found, last)


def _end_shares(rule: str, first_share: float | None, last_share: float | None) -> tuple[float, float]:
    if rule not in RULES:
        raise ValueError(f"rule {rule!r} is not known; choose one of {', '.join(RULES)}")
    if rule not in END_SHARES:
        if first_share is not None or last_share is not None:
            raise ValueError(f"rule {rule!r} takes no first_share or last_share; {', '.join(END_SHARES)} do")
        return 0.0, 0.0
    first, last = END_SHARES[rule]
    first = first if first_share is None else first_share
    last = last if last_share is None else last_share
    if not (0 <= first <= 1 and 0 <= last <= 1 and first + last <= 1 + 1e-12):
        raise ValueError(
            f"rule {rule!r} with first_share {first} and last_share {last}: both in 0..1, together at most 1"
        )
    return first, last
