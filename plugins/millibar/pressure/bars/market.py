"""A simulated market as the pressure methods see it: daily counts by person and channel, with the truth beside them.

The market is played without writing feeds, and persons stand for customers: identity resolution is not part of these
bars. Machine acts are recognised by their speed, as in the warehouse, never by the simulator's own flag.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from millibar.simulation.draws import Array
from millibar.simulation.engine import Day, play
from millibar.simulation.ledger import EVENT_NUMBER, NEGATIVE, OUT, Events, Orders
from millibar.simulation.parameters import SEGMENTS, MarketParameters
from millibar.simulation.world import World, build_world
from millibar.sources.contracts import CHANNELS

MACHINE_CLICK_SECONDS, MACHINE_OPEN_SECONDS = 15, 180  # dbt vars machine_click_seconds, machine_open_seconds
COUNTS = (
    "contacts", "human_clicks", "replies", "human_responses", "opens", "human_opens", "unsubscribes",
    "spam_complaints", "complaints", "comments", "negative_comments",
)  # fmt: skip
SALES = ("orders", "revenue", "returns", "returned_amount")
CONTACT_KINDS = ("send", "impression", "call", "meeting", "chat")  # outward
RESPONSE_KINDS = ("click", "reply", "visit", "call", "chat", "comment", "share", "follow", "meeting")  # inward
STATE_DAYS = 7  # the truth of states is kept once a week
STATE_NAMES = ("under", "balanced", "over")
MEMORY_DAYS = 28.0
RETURN_WAIT = (4, 8.0)  # days until a return, as in the feeds: at least, and mean of the rest


@dataclass(frozen=True)
class PlayedMarket:
    """What a market brought. Days are market days (0 is the first), persons are places in ``world.persons``.

    ``daily``: day, person, channel and ``COUNTS``, a row where anything happened. ``campaign_days``: day, channel,
    campaign, contacts, human_clicks, unsubscribes, spam_complaints, complaints. ``orders``: day, person, amount,
    is_store. ``returns``: day, order_day, person, amount. ``states``: day, person, ratio (28-day mean of true pressure
    over true tolerance), state (place in ``STATE_NAMES``), is_alive; known persons once a week. ``death_day``, shape
    (persons,): the day each left for good, ``NEVER`` where he has not.
    """

    parameters: MarketParameters
    world: World
    daily: pd.DataFrame
    campaign_days: pd.DataFrame
    orders: pd.DataFrame
    returns: pd.DataFrame
    states: pd.DataFrame
    death_day: Array

    @property
    def days(self) -> int:
        return self.parameters.days

    @cached_property
    def acquisition(self) -> Array:
        """How each person was won: the segment of the health table."""
        return np.array(SEGMENTS, object)[self.world.persons.segment]

    @cached_property
    def incidents(self) -> pd.DataFrame:
        """The faults: kind, channel, segment (None: all), first_day, last_day, factor, is_outlier."""
        return pd.DataFrame(
            {
                "kind": [i.kind for i in self.world.incidents.all],
                "channel": [CHANNELS[i.channel] if i.channel >= 0 else None for i in self.world.incidents.all],
                "segment": [SEGMENTS[i.segment] if i.segment >= 0 else None for i in self.world.incidents.all],
                "first_day": [i.first_day for i in self.world.incidents.all],
                "last_day": [i.last_day for i in self.world.incidents.all],
                "factor": [i.factor for i in self.world.incidents.all],
                "is_outlier": [i.is_outlier for i in self.world.incidents.all],
            }
        )

    def health(self) -> pd.DataFrame:
        """Rows as marts.fct_channel_health_daily: day, channel, segment, ``COUNTS``, ``SALES``.

        Segments are ``all`` and ``acquisition_channel:<segment>``; channel ``all`` stands beside the others. Anonymous
        visitors count in segment ``all`` only. Orders stand on ``all`` and on the channel of the sale.
        """
        known = self.world.persons.is_known
        segment = np.where(known, "acquisition_channel:" + self.acquisition.astype(str), "")
        acts = self.daily.assign(**dict.fromkeys(SALES, 0.0), segment=segment[self.daily["person"]])
        sales = self._sales().assign(segment=lambda rows: segment[rows["person"]])
        rows = pd.concat([acts, sales], ignore_index=True).drop(columns="person").fillna(dict.fromkeys(COUNTS, 0))
        parts = []
        for one_channel in (False, True):
            for one_segment in (False, True):
                part = rows.assign(channel="all") if one_channel else rows
                part = part.assign(segment="all") if one_segment else part[part["segment"] != ""]
                parts.append(part.groupby(["day", "channel", "segment"], as_index=False)[[*COUNTS, *SALES]].sum())
        health = pd.concat(parts, ignore_index=True)
        start = np.datetime64(self.parameters.start)
        health["day"] = pd.to_datetime(start + health["day"].to_numpy().astype("timedelta64[D]"))
        return health.sort_values(["day", "channel", "segment"], ignore_index=True)

    def _sales(self) -> pd.DataFrame:
        """A row an order and a row a return, on the channel of the sale."""
        shop = np.where(self.orders["is_store"], "store", "direct")
        orders = pd.DataFrame(
            {
                "day": self.orders["day"],
                "person": self.orders["person"],
                "channel": shop,
                "orders": 1.0,
                "revenue": self.orders["amount"],
            }
        )
        returns = pd.DataFrame(
            {
                "day": self.returns["day"],
                "person": self.returns["person"],
                "channel": np.where(self.returns["is_store"], "store", "direct"),
                "returns": 1.0,
                "returned_amount": self.returns["amount"],
            }
        )
        return pd.concat([orders, returns[returns["day"] < self.days]]).fillna(dict.fromkeys(SALES, 0.0))


def play_market(parameters: MarketParameters) -> PlayedMarket:
    """Play a market and keep what the pressure methods need of it, with the true states."""
    world = build_world(parameters)
    acts, campaigns, states = _Acts(world), _Campaigns(world), _States(world)
    orders, returns = [], []
    death_day = np.array([])
    for day in play(world):
        death_day = day.state.death_day
        acts.take(day)
        campaigns.take(day)
        states.take(day)
        orders.append(_orders(day))
        returns.append(_returns(world, day.number, day.orders))
    return PlayedMarket(
        parameters,
        world,
        acts.frame(),
        campaigns.frame(),
        pd.concat(orders, ignore_index=True),
        pd.concat(returns, ignore_index=True),
        states.frame(),
        death_day,
    )


def machine_acts(happened: Events) -> Array:
    """Whether each open and click came within seconds of its send: a mail client's or a gateway's, not a person's."""
    is_send = (happened.direction == OUT) & (happened.message >= 0)
    order = np.lexsort((happened.at[is_send], happened.message[is_send], happened.person[is_send]))
    keys = _message_keys(happened)
    sent_keys, sent_at = keys[is_send][order], happened.at[is_send][order]
    by_key = np.argsort(sent_keys, kind="stable")
    sent_keys, sent_at = sent_keys[by_key], sent_at[by_key]
    place = np.minimum(np.searchsorted(sent_keys, keys), max(len(sent_keys) - 1, 0))
    if not len(sent_keys):
        return np.zeros(len(keys), dtype=bool)
    found = sent_keys[place] == keys
    after = happened.at - sent_at[place]
    fast_click = (happened.kind == EVENT_NUMBER["click"]) & (after <= MACHINE_CLICK_SECONDS)
    fast_open = (happened.kind == EVENT_NUMBER["open"]) & (after <= MACHINE_OPEN_SECONDS)
    return np.asarray(found & (happened.message >= 0) & (fast_click | fast_open))


def _message_keys(happened: Events) -> Array:
    with np.errstate(over="ignore"):
        return happened.message.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + happened.person.astype(np.uint64)


class _Acts:
    """Counts by day, person and channel."""

    def __init__(self, world: World) -> None:
        self._world, self._parts = world, list[pd.DataFrame]()

    def take(self, day: Day) -> None:
        happened = day.events
        if not len(happened):
            return
        kind, inward = happened.kind, happened.direction != OUT
        machine = machine_acts(happened)
        is_kind = {name: kind == number for name, number in EVENT_NUMBER.items()}
        contact = ~inward & np.isin(kind, [EVENT_NUMBER[name] for name in CONTACT_KINDS])
        response = inward & ~machine & np.isin(kind, [EVENT_NUMBER[name] for name in RESPONSE_KINDS])
        flags = {
            "contacts": contact,
            "human_clicks": is_kind["click"] & ~machine,
            "replies": is_kind["reply"],
            "human_responses": response,
            "opens": is_kind["open"],
            "human_opens": is_kind["open"] & ~machine,
            "unsubscribes": is_kind["unsubscribe"],
            "spam_complaints": is_kind["spam_complaint"],
            "complaints": is_kind["complaint"],
            "comments": is_kind["comment"],
            "negative_comments": is_kind["comment"] & (happened.resolution == NEGATIVE),
        }
        rows = np.logical_or.reduce(list(flags.values()))
        happens_on = self._world.clock.day_of(happened.at[rows])
        key = (happens_on * len(self._world.persons) + happened.person[rows]) * len(CHANNELS) + happened.channel[rows]
        keys, place = np.unique(key, return_inverse=True)
        counted = {name: np.bincount(place, flag[rows], len(keys)).astype(np.int32) for name, flag in flags.items()}
        self._parts.append(pd.DataFrame({"key": keys} | counted))

    def frame(self) -> pd.DataFrame:
        rows = pd.concat(self._parts, ignore_index=True).groupby("key", as_index=False).sum()
        key, size = rows.pop("key").to_numpy(), len(CHANNELS)
        persons = len(self._world.persons)
        rows.insert(0, "day", key // size // persons)
        rows.insert(1, "person", key // size % persons)
        rows.insert(2, "channel", np.array(CHANNELS, object)[key % size])
        return rows[rows["day"] < self._world.parameters.days].reset_index(drop=True)


class _Campaigns:
    """Counts by day, channel and campaign; an answer counts on the day of its contact."""

    def __init__(self, world: World) -> None:
        self._world, self._parts = world, list[pd.DataFrame]()

    def take(self, day: Day) -> None:
        happened = day.events.take(day.events.campaign >= 0)
        machine = machine_acts(happened)
        frame = pd.DataFrame(
            {
                "channel": happened.channel,
                "campaign": happened.campaign,
                "contacts": (happened.direction == OUT).astype(np.int32),
                "human_clicks": ((happened.kind == EVENT_NUMBER["click"]) & ~machine).astype(np.int32),
                "unsubscribes": (happened.kind == EVENT_NUMBER["unsubscribe"]).astype(np.int32),
                "spam_complaints": (happened.kind == EVENT_NUMBER["spam_complaint"]).astype(np.int32),
                "complaints": (happened.kind == EVENT_NUMBER["complaint"]).astype(np.int32),
            }
        )
        summed = frame.groupby(["channel", "campaign"], as_index=False).sum()
        self._parts.append(summed.assign(day=day.number))

    def frame(self) -> pd.DataFrame:
        rows = pd.concat(self._parts, ignore_index=True)
        names = np.array([campaign.campaign_id for campaign in self._world.calendar.campaigns], object)
        return rows.assign(channel=np.array(CHANNELS, object)[rows["channel"]], campaign=names[rows["campaign"]])


class _States:
    """The true state of each known person, once a week: as millibar.simulation.truth writes it."""

    def __init__(self, world: World) -> None:
        self._world, self._parts = world, list[pd.DataFrame]()
        self._mean = np.zeros(len(world.persons))

    def take(self, day: Day) -> None:
        world = self._world
        self._mean += (day.state.pressure.sum(axis=0) - self._mean) / MEMORY_DAYS
        if day.number % STATE_DAYS != STATE_DAYS - 1:
            return
        there = np.flatnonzero(world.persons.is_known & (world.persons.entry_day <= day.number))
        ratio = self._mean[there] / world.persons.tolerance[there]
        under = world.parameters.behaviour.under_ratio
        self._parts.append(
            pd.DataFrame(
                {
                    "day": day.number,
                    "person": there,
                    "ratio": ratio,
                    "state": np.where(ratio > 1, 2, np.where(ratio < under, 0, 1)),
                    "is_alive": day.state.death_day[there] > day.number,
                }
            )
        )

    def frame(self) -> pd.DataFrame:
        return pd.concat(self._parts, ignore_index=True)


def _orders(day: Day) -> pd.DataFrame:
    orders = day.orders
    return pd.DataFrame(
        {"day": day.number, "person": orders.person, "amount": orders.amount, "is_store": orders.is_store}
    )


def _returns(world: World, day: int, orders: Orders) -> pd.DataFrame:
    """Orders of the day that come back, when and for how much: drawn as the returns feed draws them."""
    keys = world.persons.key[orders.person]
    online, store = world.parameters.behaviour.return_share
    fault = world.incidents.factor("return_rise", day, -1, world.persons.segment[orders.person])
    chance = np.where(orders.is_store, store, online) * fault
    back = np.flatnonzero(world.draws.uniform("return", keys, day) < chance)
    least, mean = RETURN_WAIT
    wait = least + (world.draws.exponential("return_wait", keys[back], day) * mean).astype(np.int64)
    share = np.where(world.draws.uniform("return_all", keys[back], day) < 0.6, 1.0, 0.5)
    return pd.DataFrame(
        {
            "day": day + wait,
            "order_day": day,
            "person": orders.person[back],
            "amount": orders.amount[back] * share,
            "is_store": orders.is_store[back],
        }
    )
