"""What a contact does: pressure, stock of effect, opens, clicks, replies, unsubscribes, complaints, machine acts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.simulation.campaigns import CONTENT_GAIN, CONTENTS
from millibar.simulation.clock import DAY
from millibar.simulation.contacts import Contacts
from millibar.simulation.draws import Array
from millibar.simulation.ledger import EVENT_NUMBER, IN, NEGATIVE, NEUTRAL, NO_RESOLUTION, OUT, POSITIVE, events
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.world import Dynamics, State, World
from millibar.sources.contracts import CHANNELS

_EMAIL, _SMS = CHANNEL_NUMBER["email"], CHANNEL_NUMBER["sms"]
_VOICES = (CHANNEL_NUMBER["call_center"], CHANNEL_NUMBER["field_sales"])
_APP = CHANNEL_NUMBER["push_app"]

# How a contact, and an answer to it, are called in each channel.
_CONTACT_KIND = {"social": "impression", "programmatic": "impression", "onsite": "impression"} | {
    "call_center": "call",
    "field_sales": "meeting",
}
_ANSWER_KIND = {"direct_mail": "reply", "call_center": "reply", "field_sales": "reply", "messenger": "reply"}
_CONTACT = np.array([EVENT_NUMBER[_CONTACT_KIND.get(name, "send")] for name in CHANNELS])
_ANSWER = np.array([EVENT_NUMBER[_ANSWER_KIND.get(name, "click")] for name in CHANNELS])

# Mean hours until a person answers.
_DELAY_HOURS = {"email": 2.5, "sms": 0.4, "push_app": 0.6, "push_web": 0.5, "messenger": 0.8, "direct_mail": 4.0}
_DELAY = np.array([_DELAY_HOURS.get(name, 0.02) for name in CHANNELS])
_HOURS_AROUND_CLOCK = 24.0


@dataclass(frozen=True)
class _Chances:
    """Chances of one day's contacts, one array element each."""

    answer: Array
    opened: Array
    annoyed: Array
    bounced: Array


def hour_fit(world: World, index: Array, second: Array, is_weekend: bool) -> Array:
    """How well the hour and the day suit the person; about 1 on average."""
    people, persons = world.parameters.people, world.persons
    gap = np.abs(second / 3600 - persons.best_hour[index])
    gap = np.minimum(gap, _HOURS_AROUND_CLOCK - gap)
    peak = np.exp(-(gap**2) / (2 * people.hour_width**2))
    mean_peak = people.hour_width * np.sqrt(2 * np.pi) / _HOURS_AROUND_CLOCK
    fit = (1 + people.hour_gain * peak) / (1 + people.hour_gain * mean_peak)
    likes = persons.likes_weekends[index]
    return np.asarray(fit * (np.where(likes, 1.30, 0.80) if is_weekend else np.where(likes, 0.88, 1.08)))


def respond(world: World, state: State, dynamics: Dynamics, day: int, contacts: Contacts, record: bool) -> None:
    """Play the answers to contacts and change the state; events are collected in it when recorded."""
    if not len(contacts):
        return
    ratio = dynamics.ratio(state)[contacts.person]  # the pressure that was there before today's contacts
    chances = _chances(world, state, dynamics, day, contacts, ratio)
    person, channel = contacts.person, contacts.channel
    keys = world.persons.key[person] * np.uint64(len(CHANNELS)) + channel.astype(np.uint64)
    place = _mixed(keys, contacts.message)
    bounced = world.draws.uniform("bounce", place) < chances.bounced
    answered = ~bounced & (world.draws.uniform("answer", place) < chances.answer)
    annoyance = world.draws.uniform("annoyance", place)
    annoyed = ~bounced & (annoyance < chances.annoyed)
    table = world.parameters.channels
    weights = np.array([table[name].intrusiveness for name in CHANNELS], np.float32)
    np.add.at(state.pressure, (channel, person), weights[channel])
    _fill(state, channel[~bounced], person[~bounced], np.array([table[n].seen for n in CHANNELS]))
    _fill(state, channel[answered], person[answered], np.array([table[n].answered for n in CHANNELS]))
    np.add.at(state.activity, person[answered], 1.0)
    delay = world.draws.exponential("answer_delay", place) * _DELAY[channel] * 3600 + 25
    answer_second = contacts.second + delay
    late = answer_second > DAY - 30
    rest = world.draws.uniform("answer_late", place) * (DAY - 30 - contacts.second)
    answer_second = np.where(late, contacts.second + rest, answer_second)
    np.maximum.at(state.acted_at, person[answered], answer_second[answered].astype(np.int64))
    kinds = _annoyances(world, day, channel, world.draws.uniform("annoyance_kind", place))
    leaves = annoyed & (kinds != EVENT_NUMBER["complaint"])
    state.open_to[channel[leaves], person[leaves]] = False
    for number in np.unique(channel[leaves]):
        state.left_channel.append((person[leaves & (channel == number)], int(number)))
    if record:
        _record(world, state, day, contacts, place, answered, bounced, answer_second)
        _record_opens(world, state, day, contacts, place, bounced, answered, chances.opened, answer_second)
        _record_annoyance(world, state, day, contacts, annoyed, kinds, annoyance)


def _mixed(keys: Array, message: Array) -> Array:
    """One key for a person, a channel and a message."""
    with np.errstate(over="ignore"):
        return keys * np.uint64(0x9E3779B97F4A7C15) + message.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)


def _fill(state: State, channel: Array, person: Array, share: Array) -> None:
    """Fill that share of what is still empty in the channel's stock."""
    full = state.stock[channel, person]
    state.stock[channel, person] = full + (1 - full) * share[channel].astype(np.float32)


def _chances(world: World, state: State, dynamics: Dynamics, day: int, contacts: Contacts, ratio: Array) -> _Chances:
    behaviour, persons = world.parameters.behaviour, world.persons
    person, channel = contacts.person, contacts.channel
    table = [world.parameters.channels[name] for name in CHANNELS]
    vigour = dynamics.vigour(state, day)[person]
    strain = np.maximum(ratio, 1.0)
    fit = hour_fit(world, person, contacts.second, world.clock.date(day).weekday() >= 5)
    gains = np.array([CONTENT_GAIN[CONTENTS.index(c.content)] for c in world.calendar.campaigns])
    taste = persons.affinity[channel, person] * _shift_factor(world, day, person, channel)
    press = strain**-behaviour.pressure_on_response
    drop = _by_channel(world, "click_drop", day, person, channel)
    spam_folder = _by_channel(world, "open_drop", day, person, channel)
    base = np.array([row.response_rate for row in table])[channel]
    answer = base * persons.engagement[person] * taste * fit * press * gains[contacts.campaign] * drop
    opened = behaviour.human_open * np.sqrt(persons.engagement[person] * taste * fit) * np.sqrt(press)
    rise = _by_channel(world, "unsubscribe_rise", day, person, channel)
    spam = np.where(channel == _EMAIL, 1 + 0.12 * (_by_channel(world, "spam_rise", day, person, channel) - 1), 1)
    annoyed = np.array([row.annoyance for row in table])[channel]
    annoyed = annoyed * strain**behaviour.pressure_on_annoyance * rise * spam
    return _Chances(
        answer=np.minimum(answer * vigour * spam_folder, 0.9),
        opened=np.minimum(opened * vigour * spam_folder, 0.9),
        annoyed=np.where(vigour > 0, np.minimum(annoyed, 0.5), 0.0),
        bounced=np.where((channel == _EMAIL) | (channel == _SMS), behaviour.bounce, 0.0),
    )


def _shift_factor(world: World, day: int, person: Array, channel: Array) -> Array:
    """Readers who moved elsewhere: little is left in mail, much more comes in the new channel."""
    moved = world.persons.shift_day[person] <= day
    arrives = moved & (world.persons.shift_to[person] == channel)
    return np.where(moved & (channel == _EMAIL), 0.08, np.where(arrives, 2.5, 1.0))


def _by_channel(world: World, kind: str, day: int, person: Array, channel: Array) -> Array:
    """Incident factor of each contact."""
    result = np.ones(len(person))
    for number in np.unique(channel):
        struck = channel == number
        result[struck] = world.incidents.factor(kind, day, int(number), world.persons.segment[person[struck]])
    return result


def _annoyances(world: World, day: int, channel: Array, pick: Array) -> Array:
    """Kind of act of an annoyed person: in mail mostly an unsubscribe, by telephone a complaint."""
    unsubscribe, spam, complaint = (EVENT_NUMBER[n] for n in ("unsubscribe", "spam_complaint", "complaint"))
    rise = world.incidents.factor("spam_rise", day, _EMAIL, np.zeros(1))
    spam_share = 0.12 * float(np.max(rise)) / (1 + 0.12 * (float(np.max(rise)) - 1))
    in_mail = np.where(pick < spam_share, spam, np.where(pick > 0.94, complaint, unsubscribe))
    by_voice = np.where(pick < 0.5, unsubscribe, complaint)
    elsewhere = np.where(pick > 0.92, complaint, unsubscribe)
    return np.where(channel == _EMAIL, in_mail, np.where(np.isin(channel, _VOICES), by_voice, elsewhere))


def _record(
    world: World,
    state: State,
    day: int,
    contacts: Contacts,
    place: Array,
    answered: Array,
    bounced: Array,
    answer_second: Array,
) -> None:
    """Contacts themselves, bounces and human answers."""
    at = world.clock.utc(day, contacts.second)
    voice = np.isin(contacts.channel, _VOICES)
    mood = world.draws.uniform("call_mood", place)
    outcome = np.where(answered, POSITIVE, np.where(mood < 0.1, NEGATIVE, NEUTRAL))
    state.collected.append(
        events(
            contacts.person,
            at,
            contacts.channel,
            _CONTACT[contacts.channel],
            OUT,
            contacts.campaign,
            contacts.message,
            np.where(voice, outcome, NO_RESOLUTION),
        )
    )
    for mask, kinds, when in (
        (bounced, np.full(len(at), EVENT_NUMBER["bounce"]), at + 4),
        (answered, _ANSWER[contacts.channel], world.clock.utc(day, answer_second)),
    ):
        state.collected.append(
            events(
                contacts.person[mask],
                when[mask],
                contacts.channel[mask],
                kinds[mask],
                IN,
                contacts.campaign[mask],
                contacts.message[mask],
            )
        )


def _record_opens(
    world: World,
    state: State,
    day: int,
    contacts: Contacts,
    place: Array,
    bounced: Array,
    answered: Array,
    chance: Array,
    answer_second: Array,
) -> None:
    """Mail opens by eye, opens by the client alone, clicks by gateways, and opens of the app."""
    persons, person = world.persons, contacts.person
    at = world.clock.utc(day, contacts.second)
    mail = (contacts.channel == _EMAIL) & ~bounced
    by_eye = mail & (answered | (world.draws.uniform("open", place) < chance))
    opened_at = at + np.minimum(world.draws.exponential("open_delay", place) * 3 * 3600 + 60, 40 * 3600)
    opened_at = np.where(answered, np.minimum(opened_at, world.clock.utc(day, answer_second) - 5), opened_at)
    soon = world.draws.uniform("machine_delay", place)
    proxied = mail & persons.has_proxy[person]
    scanned = mail & persons.has_scanner[person] & (world.draws.uniform("scan", place) < 0.6)
    app = (contacts.channel == _APP) & answered
    opened, click = EVENT_NUMBER["open"], EVENT_NUMBER["click"]
    for mask, kind, when, machine in (
        (by_eye, opened, np.maximum(opened_at, at + 8), False),
        (proxied, opened, at + 1 + soon * 170, True),
        (scanned, click, at + 1 + soon * 14, True),
        (app, opened, world.clock.utc(day, answer_second) + 3, False),
    ):
        state.collected.append(
            events(
                person[mask],
                when[mask],
                contacts.channel[mask],
                kind,
                IN,
                contacts.campaign[mask],
                contacts.message[mask],
                is_machine=machine,
            )
        )


def _record_annoyance(
    world: World, state: State, day: int, contacts: Contacts, annoyed: Array, kinds: Array, pick: Array
) -> None:
    """Unsubscribes, spam complaints and complaints caused by a contact."""
    at = world.clock.utc(day, contacts.second) + 90 + (pick * 1e7).astype(np.int64) % 3000
    complains = kinds == EVENT_NUMBER["complaint"]
    state.collected.append(
        events(
            contacts.person[annoyed],
            at[annoyed],
            contacts.channel[annoyed],
            kinds[annoyed],
            IN,
            contacts.campaign[annoyed],
            contacts.message[annoyed],
            np.where(complains, NEGATIVE, NO_RESOLUTION)[annoyed],
            np.where(complains, (pick * 1e9).astype(np.int64) % 1000, -1)[annoyed],
        )
    )
