"""The world one run plays in: its fixed things (persons, calendar, faults) and its changing state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from millibar.simulation.campaigns import PLANNED_AHEAD, Calendar, plan, season_of_day
from millibar.simulation.clock import Clock
from millibar.simulation.draws import Array, Draws
from millibar.simulation.experiments import Experiment, Experiments, draw_experiments
from millibar.simulation.incidents import Incidents, draw_incidents
from millibar.simulation.ledger import Events
from millibar.simulation.parameters import CHANNEL_NUMBER, MarketParameters
from millibar.simulation.persons import NEVER, Persons, populate
from millibar.simulation.plan_faults import bend_plan
from millibar.simulation.reader_shifts import move_readers
from millibar.sources.contracts import CHANNELS

NO_CHANNEL = -1
FADING = 0.03  # hazard left to the departure below which a person already fades (about two months)
LONG_AGO = -10_000  # a day before everything


@dataclass(frozen=True)
class World:
    """What does not change while a market runs."""

    parameters: MarketParameters
    draws: Draws
    clock: Clock
    calendar: Calendar
    incidents: Incidents
    experiments: Experiments
    persons: Persons
    off: Array  # per person, the channel switched off for it (NO_CHANNEL: none)

    def is_on(self, channel: int, index: Array | slice = slice(None)) -> Array:
        """Whether the channel works for these persons."""
        return np.asarray(self.off[index] != channel)

    def season(self, day: int) -> float:
        return season_of_day(self.clock.date(day))

    def subset(self, index: Array, off: Array) -> World:
        """The same world for some persons (repeats allowed), each with a channel switched off."""
        experiments = [
            Experiment(e.number, e.name, e.channel, e.first_day, e.last_day, e.arm[index]) for e in self.experiments.all
        ]
        return replace(
            self,
            persons=self.persons.take(index),
            experiments=Experiments(experiments, self.draws),
            off=off,
        )


def build_world(parameters: MarketParameters) -> World:
    """Everything that the seed decides before the first day."""
    draws = Draws(parameters.seed)
    clock = Clock(parameters.start, parameters.days, parameters.timezone)
    foreseen = draw_incidents(parameters, draws, ahead=PLANNED_AHEAD)
    incidents = foreseen.before(parameters.days)
    persons = move_readers(populate(parameters, draws), incidents, draws)
    return World(
        parameters=parameters,
        draws=draws,
        clock=clock,
        calendar=bend_plan(plan(parameters, draws, clock), foreseen, draws, clock),
        incidents=incidents,
        experiments=draw_experiments(parameters, draws, persons.key, persons.is_known, persons.entry_day),
        persons=persons,
        off=np.full(len(persons), NO_CHANNEL, dtype=np.int16),
    )


@dataclass
class State:
    """What changes from day to day, per person or channel x person."""

    pressure: Array  # points, decayed to the current day
    stock: Array  # 0..1, how full the channel's effect is
    open_to: Array  # channel x person: reachable and not unsubscribed
    activity: Array  # what the brand has lately seen of the person, decayed
    hazard: Array  # summed hazard of departure
    death_day: Array
    in_intent: Array
    last_visit: Array  # day
    last_order: Array  # day
    acted_at: Array  # local second of today's last click or visit, -1 for none
    triggered: Array  # day of the last trigger mail
    left_channel: list[tuple[Array, int]] = field(default_factory=list)  # today's unsubscribes: persons, channel
    collected: list[Events] = field(default_factory=list)  # today's events, when they are recorded

    @classmethod
    def fresh(cls, persons: Persons) -> State:
        """The state before the first day: as if the market had been quiet."""
        size, channels = len(persons), len(CHANNELS)
        return cls(
            pressure=np.zeros((channels, size), dtype=np.float32),
            stock=np.zeros((channels, size), dtype=np.float32),
            open_to=persons.reachable.copy(),
            activity=0.6 * persons.engagement,
            hazard=np.zeros(size),
            death_day=np.full(size, NEVER),
            in_intent=np.zeros(size, dtype=bool),
            last_visit=np.full(size, LONG_AGO),
            last_order=np.full(size, LONG_AGO),
            acted_at=np.full(size, -1),
            triggered=np.full(size, LONG_AGO),
        )


class Dynamics:
    """The state's own motion, and the figures every stage of a day reads."""

    def __init__(self, world: World) -> None:
        self.world = world
        table = [world.parameters.channels[name] for name in CHANNELS]
        self._pressure_decay = np.array([0.5 ** (1 / row.pressure_half_life) for row in table], np.float32)
        self._stock_decay = np.array([0.5 ** (1 / row.effect_half_life) for row in table], np.float32)
        self._effect = np.array([row.effect for row in table], np.float32)
        self._activity_decay = 0.5 ** (1 / world.parameters.behaviour.activity_half_life)

    def new_day(self, state: State, day: int) -> None:
        """Decay, departures, and people who change their preferred channel."""
        state.pressure *= self._pressure_decay[:, None]
        state.stock *= self._stock_decay[:, None]
        state.activity *= self._activity_decay
        state.acted_at.fill(-1)
        state.collected = []
        state.left_channel = []
        persons = self.world.persons
        strain = np.clip(self.ratio(state), 1.0, 5.0) ** self.world.parameters.behaviour.pressure_on_death
        there = persons.entry_day <= day
        state.hazard += np.where(there, persons.death_hazard * strain, 0.0)
        dies = (state.hazard >= persons.death_threshold) & (state.death_day == NEVER)
        state.death_day[dies] = day
        state.in_intent &= ~dies
        self._resubscribe(state, day)

    def _resubscribe(self, state: State, day: int) -> None:
        """A few of those who left the mailing list come back."""
        world, email = self.world, CHANNEL_NUMBER["email"]
        gone = np.flatnonzero(world.persons.reachable[email] & ~state.open_to[email] & (state.death_day == NEVER))
        chance = world.parameters.behaviour.back_to_the_list / 365.0
        back = gone[world.draws.uniform("resubscribe", world.persons.key[gone], day) < chance]
        state.open_to[email, back] = True
        state.left_channel.append((back, -1 - email))  # negative: came back

    def ratio(self, state: State) -> Array:
        """R: total pressure over the person's tolerance."""
        return np.asarray(state.pressure.sum(axis=0) / self.world.persons.tolerance)

    def lift(self, state: State) -> Array:
        """What marketing adds to the log of the person's purchase rate now."""
        return (self._effect @ state.stock) * self.world.persons.sensitivity

    def alive(self, state: State, day: int) -> Array:
        """Persons who have come and have not left for good."""
        return (self.world.persons.entry_day <= day) & (state.death_day > day)

    def vigour(self, state: State, day: int) -> Array:
        """1 for a person in the market, less in the last weeks before the departure, 0 outside."""
        left = self.world.persons.death_threshold - state.hazard
        fading = np.where(left < FADING, 0.25 + 0.75 * np.maximum(left, 0.0) / FADING, 1.0)
        return np.where(self.alive(state, day), fading, 0.0)
