"""Each channel's causal effect: the same persons, the same luck, with that channel switched off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from millibar.simulation.draws import Array
from millibar.simulation.engine import play
from millibar.simulation.world import NO_CHANNEL, World
from millibar.sources.contracts import CHANNELS


@dataclass(frozen=True)
class Effects:
    """Orders and revenue (EUR) of a sample with everything on, and with each channel off.

    Arrays are channel x person, the last row with everything on, and channel x day for the totals by day.
    """

    orders: Array
    revenue: Array
    orders_by_day: Array
    revenue_by_day: Array
    sample: Array  # places of the persons measured
    scale: float  # persons in the market for each one measured

    def table(self) -> pa.Table:
        """One row a channel: what would be missing without it, scaled to the market, with standard errors."""
        size = self.orders.shape[1]
        lost_orders = self.orders[-1] - self.orders[:-1]
        lost_revenue = self.revenue[-1] - self.revenue[:-1]
        incremental = lost_orders.sum(axis=1) * self.scale
        error = self.scale * np.sqrt(size)
        positive = np.maximum(lost_revenue.sum(axis=1), 0)
        return pa.table(
            {
                "channel": list(CHANNELS),
                "orders_with": np.full(len(CHANNELS), self.orders[-1].sum() * self.scale),
                "orders_without": self.orders[:-1].sum(axis=1) * self.scale,
                "incremental_orders": incremental,
                "incremental_orders_se": lost_orders.std(axis=1) * error,
                "revenue_with": np.full(len(CHANNELS), self.revenue[-1].sum() * self.scale),
                "incremental_revenue": lost_revenue.sum(axis=1) * self.scale,
                "incremental_revenue_se": lost_revenue.std(axis=1) * error,
                "share": positive / max(float(positive.sum()), 1e-9),
                "persons_measured": np.full(len(CHANNELS), size),
            }
        )

    def monthly(self, months: list[str]) -> pa.Table:
        """One row a channel and month (``months``: the month of each day, 2025-01)."""
        names = sorted(set(months))
        place = np.array([names.index(month) for month in months])
        rows: dict[str, list[object]] = {
            name: [] for name in ("month", "channel", "orders_with", "incremental_orders", "incremental_revenue")
        }
        for number, month in enumerate(names):
            days = place == number
            orders = self.orders_by_day[:, days].sum(axis=1) * self.scale
            revenue = self.revenue_by_day[:, days].sum(axis=1) * self.scale
            for channel, name in enumerate(CHANNELS):
                rows["month"].append(month)
                rows["channel"].append(name)
                rows["orders_with"].append(float(orders[-1]))
                rows["incremental_orders"].append(float(orders[-1] - orders[channel]))
                rows["incremental_revenue"].append(float(revenue[-1] - revenue[channel]))
        return pa.table(rows)


def measure(world: World, sample_size: int) -> Effects:
    """Play clones of a sample of persons, one world a channel, all at once.

    Every draw is keyed by person and purpose, so a clone differs from its original only by what the missing channel
    changes. The sample is the persons with the smallest random number of their own: the same for every run of a seed.
    """
    size = len(world.persons)
    luck = world.draws.uniform("effect_sample", world.persons.key)
    sample = np.sort(np.argsort(luck, kind="stable")[: min(sample_size, size)])
    worlds = len(CHANNELS) + 1
    index = np.tile(sample, worlds)
    off = np.repeat(np.array([*range(len(CHANNELS)), NO_CHANNEL], dtype=np.int16), len(sample))
    days = world.parameters.days
    orders, revenue = np.zeros(len(index)), np.zeros(len(index))
    orders_by_day, revenue_by_day = np.zeros((worlds, days)), np.zeros((worlds, days))
    for day in play(world.subset(index, off), record=False):
        person, amount = day.orders.person, day.orders.amount
        np.add.at(orders, person, 1.0)
        np.add.at(revenue, person, amount)
        orders_by_day[:, day.number] = np.bincount(person // len(sample), minlength=worlds)
        revenue_by_day[:, day.number] = np.bincount(person // len(sample), amount, minlength=worlds)
    return Effects(
        orders.reshape(worlds, -1),
        revenue.reshape(worlds, -1),
        orders_by_day,
        revenue_by_day,
        sample,
        size / len(sample),
    )
