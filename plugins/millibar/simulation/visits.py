"""Purchase intents and visits of the web site: how persons arrive, the banners they see, the chats they start."""

from __future__ import annotations

import numpy as np

from millibar.simulation.clock import DAY
from millibar.simulation.contacts import MESSAGE_OF_DAY, Contacts, deliver
from millibar.simulation.draws import Array
from millibar.simulation.ledger import EVENT_NUMBER, IN, NEUTRAL, NOTHING, POSITIVE, events
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.world import Dynamics, State, World
from millibar.sources.contracts import CHANNELS

_PAID, _ORGANIC = CHANNEL_NUMBER["search_paid"], CHANNEL_NUMBER["search_organic"]
_ONSITE, _CHAT = CHANNEL_NUMBER["onsite"], CHANNEL_NUMBER["chat"]
NO_VISIT = -1


def update_intents(world: World, state: State, dynamics: Dynamics, day: int) -> None:
    """Intents end by themselves, and begin at a rate that marketing raises."""
    behaviour, persons = world.parameters.behaviour, world.persons
    ends = world.draws.uniform("intent_end", persons.key, day) < 1 / behaviour.intent_days
    state.in_intent &= ~ends
    buys = behaviour.order_in_intent
    success = buys / (buys + (1 - buys) / behaviour.intent_days)  # share of intents that end in an order
    rate = persons.order_rate * world.season(day) * behaviour.intent_share / success
    chance = rate * np.exp(behaviour.intent_lift * dynamics.lift(state)) * dynamics.vigour(state, day)
    state.in_intent |= world.draws.uniform("intent", persons.key, day) < chance


def visit(world: World, state: State, dynamics: Dynamics, day: int, record: bool) -> Contacts:
    """Today's visits change stock and memory; returns the banners they were shown, as contacts."""
    behaviour, persons = world.parameters.behaviour, world.persons
    vigour = dynamics.vigour(state, day)
    chance = np.where(state.in_intent, behaviour.intent_visit, behaviour.idle_visit * persons.engagement)
    index = np.flatnonzero(world.draws.uniform("visit", persons.key, day) < chance * vigour)
    channel = arrival_channels(world, index, day)
    index, channel = index[channel != NO_VISIT], channel[channel != NO_VISIT]
    keys = persons.key[index]
    second = _visit_second(world, index, day)
    state.last_visit[index] = day
    state.activity[index] += 0.3
    np.maximum.at(state.acted_at, index, second.astype(np.int64))
    answered = np.array([world.parameters.channels[name].answered for name in CHANNELS], np.float32)
    full = state.stock[channel, index]
    state.stock[channel, index] = full + (1 - full) * answered[channel]
    if record:
        record_visits(world, state, day, index, channel, second)
    _chats(world, state, day, index, second, record)
    sees = (world.draws.uniform("banner", keys, day) < behaviour.onsite_banner) & world.is_on(_ONSITE, index)
    campaign = world.calendar.always_on_campaign("onsite", day)
    message = MESSAGE_OF_DAY + day * 64 + 33
    return deliver(world, day, index[sees], _ONSITE, campaign, message, second[sees] + 20)


def arrival_channels(world: World, index: Array, day: int) -> Array:
    """How each visit comes; ``NO_VISIT`` where its channel is switched off and nothing replaces it.

    A channel without effect is a symptom: who came that way comes anyhow, so switching it off takes nothing away.
    """
    behaviour, keys = world.parameters.behaviour, world.persons.key[index]
    names = [CHANNEL_NUMBER[name] for name, _ in behaviour.arrivals]
    weights = np.array([weight for _, weight in behaviour.arrivals])
    channel = np.array(names)[world.draws.choice("arrival", keys, weights, day)]
    causes = np.array([world.parameters.channels[name].effect > 0 for name in CHANNELS])
    off = (world.off[index] == channel) & causes[channel]
    replaced = world.draws.uniform("substitution", keys, day) < behaviour.paid_search_substitution
    return np.where(off, np.where((channel == _PAID) & replaced, _ORGANIC, NO_VISIT), channel)


def record_visits(world: World, state: State, day: int, index: Array, channel: Array, second: Array) -> None:
    """Keep visits as events; a paid one belongs to the running search campaign."""
    campaign = np.where(channel == _PAID, world.calendar.always_on_campaign("search_paid", day), NOTHING)
    at = world.clock.utc(day, second)
    state.collected.append(events(index, at, channel, EVENT_NUMBER["visit"], IN, campaign))


def _visit_second(world: World, index: Array, day: int) -> Array:
    """Time of a visit: around the person's best hour, or any time of the waking day."""
    keys = world.persons.key[index]
    near = world.persons.best_hour[index] + 1.8 * world.draws.normal("visit_hour", keys, day)
    anywhen = 7 + 16.5 * world.draws.uniform("visit_anywhen", keys, day)
    hour = np.where(world.draws.uniform("visit_kind", keys, day) < 0.6, near % 24, anywhen)
    return np.asarray(np.minimum(hour * 3600, DAY - 1800))


def _chats(world: World, state: State, day: int, index: Array, second: Array, record: bool) -> None:
    """Some visits turn into a chat, which helps to buy."""
    behaviour, keys = world.parameters.behaviour, world.persons.key[index]
    chance = behaviour.chat_share * np.where(state.in_intent[index], 1.8, 0.6)
    starts = (world.draws.uniform("chat", keys, day) < chance) & world.is_on(_CHAT, index)
    index, second, keys = index[starts], second[starts], keys[starts]
    full = state.stock[_CHAT, index]
    state.stock[_CHAT, index] = full + (1 - full) * np.float32(world.parameters.channels["chat"].answered)
    if record and len(index):
        mood = world.draws.uniform("chat_mood", keys, day)
        resolution = np.where(mood < 0.62, POSITIVE, np.where(mood < 0.85, NEUTRAL, 1))
        at = world.clock.utc(day, second + 200)
        state.collected.append(events(index, at, _CHAT, EVENT_NUMBER["chat"], IN, resolution=resolution))
