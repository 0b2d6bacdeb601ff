"""The same money, spent where it brings most: a plan of equal marginal returns within bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from millibar.attribution.causes.response import Response
from millibar.attribution.paths import Floats

BISECTIONS = 50
PLANNING_DRAWS = 500
INERTIA = 1e-3  # money is moved only for a difference in marginal return above about this share of it
BOUND_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Plan:
    """Spend by channel, in money a day, shape (C,); ``is_limited``: at a bound, where the return may differ."""

    channels: tuple[str, ...]
    current: Floats
    recommended: Floats
    is_limited: npt.NDArray[np.bool_]


def plan_budget(responses: Mapping[str, Response], worth: Mapping[str, float], step_share: float = 0.3) -> Plan:
    """Shares the present total so that expected revenue is greatest, no channel changing by more than ``step_share``.

    ``worth``: value of one conversion of each channel. The optimum of concave curves under a fixed total has one price
    of money: every channel inside its bounds has it as marginal return, one at its upper bound has more, one at its
    lower bound less (Karush, Kuhn & Tucker). A small cost of moving decides between spends that are equally good, in
    favour of the present. Raises ``ValueError`` on a share outside 0..1.
    """
    if not 0.0 <= step_share <= 1.0:
        raise ValueError(f"step_share is {step_share}; write a share between 0 and 1")
    channels = tuple(sorted(name for name, response in responses.items() if response.spend_day > 0))
    current = np.asarray([responses[name].spend_day for name in channels])
    if not channels:
        return Plan((), current, current, np.zeros(0, dtype=bool))
    returns = _mean_returns([responses[name] for name in channels], np.asarray([worth[name] for name in channels]))
    low, high = current * (1.0 - step_share), current * (1.0 + step_share)
    inertia = INERTIA * float(returns(current).max())
    cheap, dear = -2.0 * inertia, float(returns(low).max()) + 2.0 * inertia
    for _ in range(BISECTIONS):
        price = 0.5 * (cheap + dear)
        spend = _spend_at(price, returns, current, low, high, inertia)
        cheap, dear = (price, dear) if spend.sum() > current.sum() else (cheap, price)
    recommended = _to_total(spend, float(current.sum()), low, high)
    limited = np.abs(recommended - current) >= step_share * current * (1.0 - BOUND_TOLERANCE)
    return Plan(channels, current, recommended, limited)


def expected_revenue(response: Response, worth: float, spend_day: float, days: int) -> Floats:
    """Draws of the revenue of so many days at that spend, shape (draws,)."""
    return np.asarray(response.conversions(spend_day) * worth * days)


def _mean_returns(curves: Sequence[Response], worth: Floats) -> Callable[[Floats], Floats]:
    """Marginal return of each channel at a spend of each, the mean over the draws of its curve."""
    ceiling = np.stack([curve.ceiling[:PLANNING_DRAWS] for curve in curves])
    half = np.stack([curve.half_spend[:PLANNING_DRAWS] for curve in curves])
    straight = np.isinf(half)
    half = np.where(straight, 1.0, half)

    def returns(spend: Floats) -> Floats:
        bent = half / (half + spend[:, None]) ** 2
        return np.asarray((ceiling * np.where(straight, 1.0, bent)).mean(axis=1) * worth)

    return returns


def _spend_at(
    price: float, returns: Callable[[Floats], Floats], current: Floats, low: Floats, high: Floats, inertia: float
) -> Floats:
    """The spend of each channel at which its marginal return, less the cost of moving, is the price."""
    left, right = low.copy(), high.copy()
    for _ in range(BISECTIONS):
        middle = 0.5 * (left + right)
        worthwhile = returns(middle) - inertia * (middle - current) / current > price
        left, right = np.where(worthwhile, middle, left), np.where(worthwhile, right, middle)
    return 0.5 * (left + right)


def _to_total(spend: Floats, total: float, low: Floats, high: Floats) -> Floats:
    """The remainder of the search, spread over channels that have room for it."""
    missing = total - float(spend.sum())
    room = high - spend if missing > 0 else spend - low
    available = float(room.sum())
    return spend if available <= 0 else np.asarray(spend + missing * room / available)
