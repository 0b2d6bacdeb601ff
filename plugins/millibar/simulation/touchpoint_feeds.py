"""Touchpoints as five tools write them: mail, mobile messages, web analytics, relationship center, social."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from millibar.simulation.contact_book import ContactBook
from millibar.simulation.delivery import DAILY, MONDAY_TO_SATURDAY, TWICE_A_WEEK, Tool
from millibar.simulation.draws import Array
from millibar.simulation.formats import iso, plain_time, table_of
from millibar.simulation.identities import missing, only
from millibar.simulation.ledger import EVENT_NUMBER, NEGATIVE, NOTHING, OUT, POSITIVE, RESOLUTIONS, Events
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.records import CARE, ECOMMERCE, SHOP
from millibar.simulation.vocabulary import BAD_COMMENTS, CARE_COMMENTS, GOOD_COMMENTS, NEUTRAL_COMMENTS
from millibar.simulation.world import World
from millibar.sources.contracts import CHANNELS, EVENT_TYPES


def _reopened(row: dict[str, Any]) -> dict[str, Any]:
    """The relationship center files a contact before its outcome is known."""
    return row | {"outcome": None, "note": None}


EMAIL = Tool("email_platform", "touchpoints", "email_events.csv.gz", "comma", DAILY, "event_id", "event_time", "event")
MOBILE = Tool("mobile_messaging", "touchpoints", "mobile_messages.jsonl.gz", "jsonl", DAILY, "id", "ts", "status")
WEB = Tool(
    "web_analytics", "touchpoints", "web_hits.parquet", "parquet", DAILY, "hit_id", "hit_at", "hit_type", typed=True
)
RELATIONSHIP = Tool(
    "relationship_center",
    "touchpoints",
    "relationship_contacts.tsv",
    "tabs",
    MONDAY_TO_SATURDAY,
    "contact_no",
    "contact_time",
    "contact_type",
    first_version=_reopened,
)
SOCIAL = Tool(
    "social_listening",
    "touchpoints",
    "social_activity.jsonl",
    "jsonl",
    TWICE_A_WEEK,
    "activity_id",
    "created_at",
    "verb",
)

TOOL_CHANNELS: dict[Tool, tuple[str, ...]] = {
    EMAIL: ("email",),
    MOBILE: ("sms", "push_app", "push_web", "messenger"),
    WEB: ("programmatic", "onsite", "chat", "search_paid", "search_organic", "referral", "direct"),
    RELATIONSHIP: ("call_center", "field_sales", "direct_mail", "store"),
    SOCIAL: ("social",),
}

_MAIL_WORDS = {"send": "SENT", "open": "OPEN", "click": "CLICK", "bounce": "BOUNCE", "unsubscribe": "UNSUB"} | {
    "spam_complaint": "SPAM_REPORT",
    "complaint": "REPLY_COMPLAINT",
}
_MOBILE_WORDS = {"send": "sent", "bounce": "undelivered", "click": "tapped", "open": "opened", "reply": "replied"} | {
    "unsubscribe": "stop",
    "complaint": "complaint",
}
_ACCOUNT_IN_MAIL_TOOL = 0.6  # subscribers whose customer number the mail tool knows
_PROXY_SHOWN = 0.7  # machine opens that show a proxy in the user agent


def texts(number: Array, choices: tuple[str, ...]) -> Array:
    """Text of each comment number, ``None`` where there is none."""
    return np.array([None if n < 0 else choices[n % len(choices)] for n in number.tolist()], object)


class TouchpointFeeds:
    """Turns a day's events into each tool's table; row i of the table is event i of the tool's events."""

    def __init__(self, world: World, book: ContactBook) -> None:
        self._world = world
        self._book = book
        campaigns = world.calendar.campaigns
        self._campaign_ids = np.array([c.campaign_id for c in campaigns] + [None], object)
        self._themes = np.array([c.theme for c in campaigns] + [None], object)
        self._types = np.array([c.message_type for c in campaigns] + [None], object)
        self._builders: dict[str, Callable[[int, Events], dict[str, Any]]] = {
            EMAIL.name: self._email,
            MOBILE.name: self._mobile,
            WEB.name: self._web,
            RELATIONSHIP.name: self._relationship,
            SOCIAL.name: self._social,
        }

    def table(self, tool: Tool, day: int, happened: Events) -> tuple[pa.Table, Array]:
        """The tool's rows of the day and their keys."""
        columns = self._builders[tool.name](day, happened)
        return table_of(columns), columns[tool.key]

    def of_tool(self, tool: Tool, day: int, happened: Events) -> Events:
        """The events the tool sees, in order of time; a store's terminal sees only who has a card by now."""
        numbers = [CHANNEL_NUMBER[name] for name in TOOL_CHANNELS[tool]]
        rows = np.flatnonzero(np.isin(happened.channel, numbers))
        if tool is RELATIONSHIP:
            unseen = missing(self._book.number(SHOP, happened.person[rows], day))
            rows = rows[~(unseen & (happened.channel[rows] == CHANNEL_NUMBER["store"]))]
        order = np.lexsort((happened.kind[rows], happened.person[rows], happened.at[rows]))
        return happened.take(rows[order])

    def _numbers(self, day: int, happened: Events, prefix: str) -> Array:
        stamp = self._world.clock.date(day).strftime("%y%m%d")
        return np.array([f"{prefix}{stamp}{n:06d}" for n in range(len(happened))], object)

    def _messages(self, happened: Events) -> Array:
        return np.array([None if m < 0 else f"m{m:x}" for m in happened.message.tolist()], object)

    def _email(self, day: int, happened: Events) -> dict[str, Any]:
        person, draws = happened.person, self._world.draws
        keys = self._world.persons.key[person]
        known = draws.uniform("mail_tool_knows", keys) < _ACCOUNT_IN_MAIL_TOOL
        shown = draws.uniform("proxy_shown", keys + happened.at.astype(np.uint64)) < _PROXY_SHOWN
        agents = np.where(self._book.devices(person, day) == "mobile", "Mobile Safari", "Desktop")
        acts = happened.direction != OUT
        opened = happened.kind == EVENT_NUMBER["open"]
        agent = np.where(happened.is_machine & opened & shown, "MailPrivacyProxy", agents)
        return {
            "event_id": self._numbers(day, happened, "E"),
            "event_time": iso(happened.at),
            "event": self._words(happened, _MAIL_WORDS),
            "email": self._book.identities.email[person],
            "customer_no": only(known, self._book.number(ECOMMERCE, person, day)),
            "campaign": self._campaign_ids[happened.campaign],
            "message": self._messages(happened),
            "type": self._types[happened.campaign],
            "theme": self._themes[happened.campaign],
            "user_agent": only(acts, agent),
            "reply_tone": np.array([*RESOLUTIONS, None], object)[happened.resolution],
            "complaint_text": texts(happened.comment, BAD_COMMENTS),
        }

    def _words(self, happened: Events, words: dict[str, str]) -> Array:
        table = np.array([words.get(name) for name in EVENT_TYPES], object)
        return table[happened.kind]

    def _mobile(self, day: int, happened: Events) -> dict[str, Any]:
        person, channel = happened.person, happened.channel
        by_phone = np.isin(channel, [CHANNEL_NUMBER["sms"], CHANNEL_NUMBER["messenger"]])
        app, web = (channel == CHANNEL_NUMBER[name] for name in ("push_app", "push_web"))
        phone = np.array([None if p is None else "+33" + p[1:] for p in self._book.identities.mobile[person]], object)
        cookie = np.full(len(person), None, object)
        cookie[web] = self._book.cookies(person[web], day)
        costs = np.array([self._world.parameters.channels[name].unit_cost for name in CHANNELS])
        cost = np.where(by_phone & (happened.direction == OUT), costs[channel], np.nan)
        return {
            "id": self._numbers(day, happened, "MM"),
            "ts": happened.at * 1000,
            "channel": np.array(CHANNELS, object)[channel],
            "status": self._words(happened, _MOBILE_WORDS),
            "phone": only(by_phone, phone),
            "device": only(app, self._book.identities.device_id[person]),
            "cookie": cookie,
            "campaign": self._campaign_ids[happened.campaign],
            "message": self._messages(happened),
            "kind": self._types[happened.campaign],
            "theme": self._themes[happened.campaign],
            "cost": pa.array(cost, from_pandas=True),
            "currency": only(~np.isnan(cost), np.full(len(cost), "EUR", object)),
        }

    def _web(self, day: int, happened: Events) -> dict[str, Any]:
        person = happened.person
        chat = happened.kind == EVENT_NUMBER["chat"]
        resolution = np.array([*RESOLUTIONS, None], object)[happened.resolution]
        return {
            "hit_id": self._numbers(day, happened, "W"),
            "hit_at": pa.array(happened.at.astype("datetime64[s]"), pa.timestamp("ms", "UTC")),
            "hit_type": np.array(EVENT_TYPES, object)[happened.kind],
            "medium": np.array(CHANNELS, object)[happened.channel],
            "cookie": self._book.cookies(person, day),
            "account": self.logged_in(day, happened),
            "campaign": self._campaign_ids[happened.campaign],
            "theme": self._themes[happened.campaign],
            "device": self._book.devices(person, day),
            "chat_outcome": only(chat, resolution),
        }

    def logged_in(self, day: int, happened: Events) -> pa.Array:
        """Account number on the visits during which the person logged in."""
        person, behaviour = happened.person, self._world.parameters.behaviour
        keys = self._world.persons.key[person]
        logs_in = self._world.draws.uniform("login", keys, day) < behaviour.login_share
        logs_in &= happened.kind == EVENT_NUMBER["visit"]
        account = self._book.number(ECOMMERCE, person, day, self._book.copies(ECOMMERCE, person, day, 0))
        return pa.array(only(logs_in, account), pa.string())

    def _relationship(self, day: int, happened: Events) -> dict[str, Any]:
        person, channel = happened.person, happened.channel
        letter, card = (channel == CHANNEL_NUMBER[name] for name in ("direct_mail", "store"))
        sales = channel == CHANNEL_NUMBER["field_sales"]
        number = self._book.number(SHOP, person, day)
        phone = only(~letter & ~card, self._book.phone[person])
        care = self._book.number(CARE, person, day)
        return {
            "contact_no": self._numbers(day, happened, "R"),
            "contact_time": plain_time(self._world.clock.local(happened.at)),
            "medium": np.array(CHANNELS, object)[channel],
            "contact_type": np.array(EVENT_TYPES, object)[happened.kind],
            "way": np.where(happened.direction == OUT, "outbound", "inbound").astype(object),
            "customer": only(sales, care),
            "phone": phone,
            "address_key": only(letter, self._book.identities.postal_key[person]),
            "card": only(card, number),
            "campaign": self._campaign_ids[happened.campaign],
            "theme": self._themes[happened.campaign],
            "outcome": np.array([*RESOLUTIONS, None], object)[happened.resolution],
            "note": texts(happened.comment, CARE_COMMENTS),
        }

    def _social(self, day: int, happened: Events) -> dict[str, Any]:
        text = np.where(
            happened.resolution == NEGATIVE,
            texts(happened.comment, BAD_COMMENTS),
            np.where(
                happened.resolution == POSITIVE,
                texts(happened.comment, GOOD_COMMENTS),
                texts(happened.comment, NEUTRAL_COMMENTS),
            ),
        )
        return {
            "activity_id": self._numbers(day, happened, "S"),
            "created_at": iso(happened.at),
            "verb": np.array(EVENT_TYPES, object)[happened.kind],
            "way": np.where(happened.direction == OUT, "out", "in").astype(object),
            "handle": self._book.identities.social_handle[happened.person],
            "campaign": self._campaign_ids[happened.campaign],
            "theme": self._themes[happened.campaign],
            "sentiment": np.array([*RESOLUTIONS, None], object)[happened.resolution],
            "text": only(happened.comment != NOTHING, text),
        }
