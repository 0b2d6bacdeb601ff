"""What a change of revenue is made of: customers x frequency x basket x channel, without a residual.

Revenue is a sum over sales channels of customers x frequency x share of orders x basket. The logarithmic mean Divisia
index (Ang 2005, Energy Policy 33:867-871, additive LMDI-I) gives each factor the part

    dR_x = sum over channels c of L(R_c1, R_c0) ln(x_c1 / x_c0),   L(a, b) = (a - b) / (ln a - ln b)

and the parts add up to R_1 - R_0 exactly. A channel that is new or gone enters with a tiny share of orders and the
basket of the other period (Ang and Liu 2007, Energy Policy 35:1426-1432: small values in place of zeros).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.pressure.signals.arrays import Floats

TINY = 1e-14
PARTS = ("customers", "frequency", "channel", "basket")


@dataclass(frozen=True)
class Trade:
    """A period: active customers, and by sales channel orders and revenue, shape (channels,)."""

    customers: float
    orders: Floats
    revenue: Floats


def decompose(now: Trade, before: Trade) -> dict[str, float]:
    """Part of each of ``PARTS`` in ``now.revenue.sum() - before.revenue.sum()``; the parts sum to it.

    ``customers``: how many are active; ``frequency``: orders of each; ``channel``: which channels the orders move to;
    ``basket``: revenue an order within each channel. Where one period has no sales at all everything is frequency (or
    customers, where there were none).
    """
    gap = float(now.revenue.sum() - before.revenue.sum())
    if min(now.revenue.sum(), before.revenue.sum(), now.orders.sum(), before.orders.sum()) <= 0:
        nobody = min(now.customers, before.customers) <= 0
        return dict.fromkeys(PARTS, 0.0) | {"customers" if nobody else "frequency": gap}
    revenue_now, revenue_before = _positive(now.revenue), _positive(before.revenue)
    weight = _log_mean(revenue_now, revenue_before)
    orders_now, orders_before = _orders(now, revenue_now), _orders(before, revenue_before)
    basket_now, basket_before = revenue_now / orders_now, revenue_before / orders_before
    # a channel without sales in one period has the other period's basket there: all of it is channel
    lone_now, lone_before = before.revenue <= 0, now.revenue <= 0
    orders_before = np.where(lone_now, revenue_before / basket_now, orders_before)
    orders_now = np.where(lone_before, revenue_now / basket_before, orders_now)
    all_now, all_before = orders_now.sum(), orders_before.sum()
    customers_now, customers_before = max(now.customers, TINY), max(before.customers, TINY)
    logs = {
        "customers": np.log(customers_now / customers_before),
        "frequency": np.log((all_now / customers_now) / (all_before / customers_before)),
        "channel": np.log((orders_now / all_now) / (orders_before / all_before)),
        "basket": np.log((revenue_now / orders_now) / (revenue_before / orders_before)),
    }
    parts = {name: float((weight * change).sum()) for name, change in logs.items()}
    # what zeros replaced by tiny values leave over, some 1e-10 of the total, goes where zeros come from
    parts["channel"] += gap - sum(parts.values())
    return parts


def _positive(revenue: Floats) -> Floats:
    return np.asarray(np.maximum(revenue, TINY * revenue.sum()))


def _orders(trade: Trade, revenue: Floats) -> Floats:
    """Orders by channel; one that has revenue and no order (a correction) gets the mean basket."""
    mean_basket = trade.revenue.sum() / trade.orders.sum()
    return np.asarray(np.where((trade.orders > 0) & (trade.revenue > 0), trade.orders, revenue / mean_basket))


def _log_mean(above: Floats, below: Floats) -> Floats:
    """Logarithmic mean; its limit where both are equal."""
    ratio = np.log(above / below)
    near = np.abs(ratio) < 1e-9
    return np.asarray(np.where(near, (above + below) / 2, (above - below) / np.where(near, 1.0, ratio)))
