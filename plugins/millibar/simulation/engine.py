"""The day loop: contacts, answers, visits, orders. The same engine plays the market and its counterfactuals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from millibar.simulation.care import speak
from millibar.simulation.contacts import plan_contacts
from millibar.simulation.ledger import Events, Orders, join
from millibar.simulation.purchases import buy
from millibar.simulation.responses import respond
from millibar.simulation.visits import update_intents, visit
from millibar.simulation.world import Dynamics, State, World


@dataclass(frozen=True)
class Day:
    """What one day brought. ``state`` is the live state at the day's end: copy what you keep."""

    number: int
    events: Events  # empty when not recorded
    orders: Orders
    state: State
    dynamics: Dynamics


def play(world: World, record: bool = True) -> Iterator[Day]:
    """Play the market day by day; with ``record=False`` only orders and the state are kept (three times faster)."""
    state, dynamics = State.fresh(world.persons), Dynamics(world)
    for number in range(world.parameters.days):
        dynamics.new_day(state, number)
        respond(world, state, dynamics, number, plan_contacts(world, state, number), record)
        update_intents(world, state, dynamics, number)
        banners = visit(world, state, dynamics, number, record)
        respond(world, state, dynamics, number, banners, record)
        orders = buy(world, state, dynamics, number, record)
        if record:
            speak(world, state, dynamics, number)
        yield Day(number, join(state.collected), orders, state, dynamics)
