"""What customers say unasked: calls, complaints, comments, shares, follows."""

from __future__ import annotations

import numpy as np

from millibar.simulation.draws import Array
from millibar.simulation.ledger import EVENT_NUMBER, IN, NEGATIVE, NEUTRAL, NO_RESOLUTION, NOTHING, POSITIVE, events
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.world import Dynamics, State, World

_CALLS, _SOCIAL = CHANNEL_NUMBER["call_center"], CHANNEL_NUMBER["social"]
_SERVICE_CALLS = 0.22  # questions by telephone a person and year
_SERVICE_AFTER_ORDER = 6.0  # as many times more in the ten days after an order
COMMENT_TEXTS = 1000  # comment numbers lie below this; the writer picks the text


def speak(world: World, state: State, dynamics: Dynamics, day: int) -> None:
    """Record the day's calls and social acts (they change no state)."""
    persons, behaviour = world.persons, world.parameters.behaviour
    alive = dynamics.alive(state, day) & persons.is_known
    strain = np.clip(dynamics.ratio(state), 1.0, 4.0)
    wave = world.incidents.factor("complaint_wave", day, _CALLS, persons.segment)
    complaint = behaviour.complaint_rate / 365 * strain * wave
    recent = np.where(day - state.last_order <= 10, _SERVICE_AFTER_ORDER, 1.0)
    service = _SERVICE_CALLS / 365 * recent
    pick = world.draws.uniform("call_in", persons.key, day)
    calls = alive & (persons.has_mobile | persons.has_home_phone)
    complains = np.flatnonzero(calls & (pick < complaint))
    asks = np.flatnonzero(calls & (pick >= complaint) & (pick < complaint + service))
    _record_calls(world, state, day, complains, "complaint")
    _record_calls(world, state, day, asks, "call")
    follower = alive & persons.has_handle
    chance = behaviour.comment_rate / 365 * np.sqrt(persons.engagement)
    speaks = np.flatnonzero(follower & (world.draws.uniform("social", persons.key, day) < chance))
    _record_social(world, state, day, speaks)


def _record_calls(world: World, state: State, day: int, index: Array, kind: str) -> None:
    keys = world.persons.key[index]
    second = (9 + 10 * world.draws.uniform("call_second", keys, day)) * 3600
    mood = world.draws.uniform("care_mood", keys, day)
    if kind == "complaint":
        resolution = np.where(mood < 0.25, NEUTRAL, NEGATIVE)
        comment = world.draws.integers("care_text", keys, COMMENT_TEXTS, day)
    else:
        resolution = np.where(mood < 0.70, POSITIVE, np.where(mood < 0.92, NEUTRAL, NEGATIVE))
        comment = np.full(len(index), NOTHING)
    at = world.clock.utc(day, second)
    state.collected.append(events(index, at, _CALLS, EVENT_NUMBER[kind], IN, resolution=resolution, comment=comment))


def _record_social(world: World, state: State, day: int, index: Array) -> None:
    """Comments with a tone and a text, shares, and follows or unfollows."""
    keys = world.persons.key[index]
    act = world.draws.uniform("social_act", keys, day)
    kinds = np.select(
        [act < 0.62, act < 0.86, act < 0.95],
        [EVENT_NUMBER["comment"], EVENT_NUMBER["share"], EVENT_NUMBER["follow"]],
        EVENT_NUMBER["unfollow"],
    )
    sour = np.minimum(_negative_share(world, state, day, index), 0.9)
    tone = world.draws.uniform("tone", keys, day)
    resolution = np.where(tone < sour, NEGATIVE, np.where(tone < sour + (1 - sour) * 0.35, NEUTRAL, POSITIVE))
    is_comment = kinds == EVENT_NUMBER["comment"]
    second = (8 + 15.5 * world.draws.uniform("social_second", keys, day)) * 3600
    state.collected.append(
        events(
            index,
            world.clock.utc(day, second),
            _SOCIAL,
            kinds,
            IN,
            resolution=np.where(is_comment, resolution, NO_RESOLUTION),
            comment=np.where(is_comment, world.draws.integers("text", keys, COMMENT_TEXTS, day), NOTHING),
        )
    )


def _negative_share(world: World, state: State, day: int, index: Array) -> Array:
    """Share of negative comments of each person: more where pressure is beyond tolerance, or a fault strikes."""
    ratio = state.pressure[:, index].sum(axis=0) / world.persons.tolerance[index]
    fault = world.incidents.factor("negative_comments", day, _SOCIAL, world.persons.segment[index])
    return np.asarray(world.parameters.behaviour.negative_comments * fault * np.clip(ratio, 1.0, 2.5))
