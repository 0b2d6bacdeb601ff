"""Orders of the day: who buys, where, when and for how much."""

from __future__ import annotations

import numpy as np

from millibar.simulation.clock import DAY
from millibar.simulation.draws import Array
from millibar.simulation.ledger import EVENT_NUMBER, IN, Orders, events
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.visits import NO_VISIT, arrival_channels, record_visits
from millibar.simulation.world import Dynamics, State, World

_STORE = CHANNEL_NUMBER["store"]
_SHOP_OPENS, _SHOP_CLOSES = 10.0, 19.5  # local hours


def buy(world: World, state: State, dynamics: Dynamics, day: int, record: bool) -> Orders:
    """Draw the day's orders; each comes from an intent or from an impulse, and marketing raises both."""
    behaviour, persons = world.parameters.behaviour, world.persons
    lift, vigour = dynamics.lift(state), dynamics.vigour(state, day)
    strain = np.maximum(dynamics.ratio(state), 1.0) ** -behaviour.pressure_on_orders
    fault = world.incidents.factor("sales_drop", day, -1, persons.segment)
    closing = behaviour.order_in_intent * np.exp((1 - behaviour.intent_lift) * lift)
    impulse = persons.order_rate * world.season(day) * (1 - behaviour.intent_share) * np.exp(lift)
    chance = np.where(state.in_intent, closing, impulse) * strain * fault * (vigour > 0)
    index = np.flatnonzero(world.draws.uniform("order", persons.key, day) < np.minimum(chance, 0.8))
    keys = persons.key[index]
    state.in_intent[index] = False
    state.last_order[index] = day
    state.activity[index] += 1.0
    in_store = world.draws.uniform("in_store", keys, day) < persons.store_share[index]
    second = _order_second(world, state, index, in_store, day)
    amount = persons.basket[index] * np.exp(behaviour.basket_spread * world.draws.normal("amount", keys, day))
    amount = np.round(np.clip(amount, 4.0, 20_000.0), 2)
    share = behaviour.margin_share + 0.08 * world.draws.normal("margin", keys, day)
    if record:
        _record_arrivals(world, state, index, in_store, second, day)
        _record_scans(world, state, index, in_store, second, day)
    return Orders(
        person=index,
        at=world.clock.utc(day, second),
        amount=amount,
        margin=np.round(amount * np.clip(share, 0.05, 0.8), 2),
        items=1 + (world.draws.exponential("items", keys, day) * 1.1).astype(np.int64),
        is_store=in_store,
    )


def _order_second(world: World, state: State, index: Array, in_store: Array, day: int) -> Array:
    """Stores sell in opening hours; the e-shop sells soon after today's click or visit, if there was one."""
    keys = world.persons.key[index]
    pick = world.draws.uniform("order_second", keys, day)
    in_shop = (_SHOP_OPENS + pick * (_SHOP_CLOSES - _SHOP_OPENS)) * 3600
    online = np.minimum((7.5 + 16 * pick) * 3600, DAY - 400)
    acted = state.acted_at[index]
    after = acted + 240 + world.draws.exponential("order_delay", keys, day) * 1500
    after = np.where(after > DAY - 5, (acted + DAY - 5) / 2, after)
    return np.where(in_store, in_shop, np.where(acted >= 0, after, online))


def _record_arrivals(world: World, state: State, index: Array, in_store: Array, second: Array, day: int) -> None:
    """Who orders online came to the site first: a symptom of the order, not a cause (nothing is filled)."""
    comes = ~in_store & (state.acted_at[index] < 0)
    came, when = index[comes], second[comes]
    channel = arrival_channels(world, came, day)
    shown = channel != NO_VISIT
    early = np.maximum(when - 600, 60)
    record_visits(world, state, day, came[shown], channel[shown], early[shown])


def _record_scans(world: World, state: State, index: Array, in_store: Array, second: Array, day: int) -> None:
    """Some card holders scan their card at the terminal of the store before they buy."""
    chance = world.parameters.behaviour.store_visit
    scans = in_store & (world.draws.uniform("scan_card", world.persons.key[index], day) < chance)
    at = world.clock.utc(day, np.maximum(second[scans] - 900, 3600))
    state.collected.append(events(index[scans], at, _STORE, EVENT_NUMBER["visit"], IN))
