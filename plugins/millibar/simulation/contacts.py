"""Whom the brand contacts today: blasts, triggers and display, with targeting, consent and holdouts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.simulation.campaigns import Blast
from millibar.simulation.draws import Array
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.world import State, World

_EMAIL = CHANNEL_NUMBER["email"]
_DISPLAY = CHANNEL_NUMBER["programmatic"]
RETARGETED_DAYS = 14  # a visitor is followed by display for so many days
TRIGGER_PAUSE = 10  # days between two trigger mails to one person
MESSAGE_OF_DAY = 1 << 40  # numbers of messages that belong to no blast start here


@dataclass(frozen=True)
class Contacts:
    """Contacts of one day, one array element each; ``message`` names the blast or the trigger."""

    person: Array
    channel: Array
    campaign: Array
    message: Array
    second: Array  # local second of the day

    def __len__(self) -> int:
        return len(self.person)


def plan_contacts(world: World, state: State, day: int) -> Contacts:
    """All contacts the brand makes on a day, before anybody answers."""
    parts = [_blast(world, state, day, blast) for blast in world.calendar.blasts_of(day)]
    parts += _triggers(world, state, day)
    parts.append(_display(world, state, day))
    return Contacts(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("person", "channel", "campaign", "message", "second")
        )
    )


def deliver(world: World, day: int, index: Array, channel: int, campaign: int, message: int, second: Array) -> Contacts:
    """Contacts to persons at places ``index``, less those an experiment holds back."""
    held = world.experiments.holds_back(channel, day, index, world.persons.key[index], message)
    index, second = index[~held], second[~held]
    size = len(index)
    return Contacts(
        person=index,
        channel=np.full(size, channel, dtype=np.int16),
        campaign=np.full(size, campaign, dtype=np.int64),
        message=np.full(size, message, dtype=np.int64),
        second=second,
    )


def _blast(world: World, state: State, day: int, blast: Blast) -> Contacts:
    """A blast goes to a share of the reachable, the more so to those who lately clicked (confounding)."""
    behaviour = world.parameters.behaviour
    candidates = np.flatnonzero(
        state.open_to[blast.channel] & (world.persons.entry_day <= day) & world.is_on(blast.channel)
    )
    keys = world.persons.key[candidates]
    activity = state.activity[candidates]
    mass = world.calendar.campaigns[blast.campaign].targeting == "mass"
    targeting = behaviour.targeting * (0.6 if mass else 1.0)
    weight = (1 - targeting) + targeting * 2.2 * activity / (activity + 1.0)
    extra = world.incidents.factor("double_sending", day, blast.channel, world.persons.segment[candidates])
    chosen = world.draws.uniform("blast", keys, blast.audience) < np.minimum(blast.reach * weight * extra, 0.95)
    index, keys = candidates[chosen], keys[chosen]
    second = blast.hour * 3600 + world.draws.uniform("blast_second", keys, blast.number) * 1500
    if blast.channel in (CHANNEL_NUMBER["call_center"], CHANNEL_NUMBER["field_sales"]):
        first, last = world.parameters.channels[_name(world, blast)].hours
        spread = world.draws.uniform("call_hour", keys, blast.number)
        second = (first + spread * (last - first - 0.5)) * 3600
    return deliver(world, day, index, blast.channel, blast.campaign, blast.number, second)


def _name(world: World, blast: Blast) -> str:
    return list(CHANNEL_NUMBER)[blast.channel]


def _triggers(world: World, state: State, day: int) -> list[Contacts]:
    """Mails sent by an event: a welcome, a visit without a purchase, a purchase, a long silence."""
    open_to = state.open_to[_EMAIL] & world.is_on(_EMAIL) & (state.triggered < day - TRIGGER_PAUSE)
    since_order = day - state.last_order
    causes = {
        "welcome": world.persons.entry_day == day - 1,
        "abandoned_visit": (state.last_visit == day - 1) & (since_order > 3),
        "after_purchase": since_order == 3,
        "win_back": since_order == 180,
    }
    parts = []
    for place, (name, cause) in enumerate(causes.items()):
        index = np.flatnonzero(open_to & cause & (state.triggered < day))
        state.triggered[index] = day
        message = MESSAGE_OF_DAY + day * 64 + place
        second = (8 + 12 * world.draws.uniform("trigger_second", world.persons.key[index], message)) * 3600
        parts.append(deliver(world, day, index, _EMAIL, world.calendar.triggers[name], message, second))
    return parts


def _display(world: World, state: State, day: int) -> Contacts:
    """Display follows recent visitors, and shows itself to a few others."""
    behaviour = world.parameters.behaviour
    followed = day - state.last_visit <= RETARGETED_DAYS
    chance = np.where(followed, behaviour.retargeting, behaviour.display)
    here = (world.persons.entry_day <= day) & (state.death_day > day) & world.is_on(_DISPLAY)
    index = np.flatnonzero(here & (world.draws.uniform("display", world.persons.key, day) < chance))
    second = (7 + 16 * world.draws.uniform("display_second", world.persons.key[index], day)) * 3600
    campaign = world.calendar.always_on_campaign("programmatic", day)
    return deliver(world, day, index, _DISPLAY, campaign, MESSAGE_OF_DAY + day * 64 + 32, second)
