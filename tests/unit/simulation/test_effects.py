"""Causal effects: the same luck with a channel off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from millibar.simulation.effects import Effects, measure
from millibar.simulation.engine import play
from millibar.simulation.parameters import CHANNEL_NUMBER, CHANNEL_TABLE, MarketParameters
from millibar.simulation.world import World, build_world


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(MarketParameters(customers=1_500, days=120, seed=5))


@pytest.fixture(scope="module")
def effects(world: World) -> Effects:
    return measure(world, 1_500)


def test_clones_with_everything_on_do_what_their_originals_do(world: World, effects: Effects) -> None:
    orders, revenue = np.zeros(len(world.persons)), np.zeros(len(world.persons))
    for day in play(world):
        np.add.at(orders, day.orders.person, 1)
        np.add.at(revenue, day.orders.person, day.orders.amount)
    assert effects.orders[-1].tolist() == orders[effects.sample].tolist()
    assert effects.revenue[-1] == pytest.approx(revenue[effects.sample])


def test_a_channel_that_works_is_missed(effects: Effects) -> None:
    table = {row["channel"]: row for row in effects.table().to_pylist()}
    for channel in ("email", "referral"):
        assert table[channel]["incremental_orders"] > 3 * table[channel]["incremental_orders_se"] > 0


@pytest.mark.parametrize("channel", ["direct", "store"])
def test_a_channel_without_effect_changes_nothing(channel: str, effects: Effects) -> None:
    number = CHANNEL_NUMBER[channel]
    assert (effects.orders[number] == effects.orders[-1]).all()
    assert (effects.revenue[number] == effects.revenue[-1]).all()


def test_switching_off_moves_only_those_the_channel_reaches(world: World, effects: Effects) -> None:
    app = CHANNEL_NUMBER["push_app"]
    unreached = ~world.persons.reachable[app][effects.sample]
    assert (effects.orders[app][unreached] == effects.orders[-1][unreached]).all()
    assert (effects.orders[app] != effects.orders[-1]).any()


def test_days_add_up_to_the_whole(effects: Effects) -> None:
    assert effects.orders_by_day.sum(axis=1) == pytest.approx(effects.orders.sum(axis=1))
    monthly = effects.monthly(["2025-01"] * 60 + ["2025-02"] * 60).to_pylist()
    total = sum(row["incremental_orders"] for row in monthly if row["channel"] == "email")
    table = {row["channel"]: row for row in effects.table().to_pylist()}
    assert total == pytest.approx(table["email"]["incremental_orders"])


def test_a_stronger_channel_has_a_larger_effect() -> None:
    def lost(effect: float) -> float:
        channels = CHANNEL_TABLE | {"email": replace(CHANNEL_TABLE["email"], effect=effect)}
        world = build_world(MarketParameters(customers=600, days=60, channels=channels))
        return float(measure(world, 600).table()["incremental_orders"][CHANNEL_NUMBER["email"]].as_py())

    assert lost(3.0) > lost(0.4)


def test_a_sample_is_scaled_to_the_market() -> None:
    world = build_world(MarketParameters(customers=300, days=20))
    effects = measure(world, 100)
    assert len(effects.sample) == 100
    assert effects.scale == pytest.approx(3.6)  # 300 customers and 60 visitors
