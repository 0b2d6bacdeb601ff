"""Orders, returns and logins as the e-shop, the tills and the web site write them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa

from millibar.simulation.clock import DAY
from millibar.simulation.contact_book import ContactBook, cookie_texts
from millibar.simulation.delivery import DAILY, WEEKLY, Tool
from millibar.simulation.draws import Array
from millibar.simulation.formats import french_time, iso, money, plain_time, table_of
from millibar.simulation.identities import missing, only
from millibar.simulation.ledger import EVENT_NUMBER, Events, Orders
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.persons import NEVER
from millibar.simulation.records import ECOMMERCE, SHOP
from millibar.simulation.vocabulary import RETURN_REASONS
from millibar.simulation.world import World


def _wrong_amount(row: dict[str, Any]) -> dict[str, Any]:
    """The order as it read before the shop corrected its amount."""
    return row | {"total": f"{float(row['total']) + 10:.2f}"}


ESHOP = Tool(
    "eshop_orders", "orders", "eshop_orders.csv", "comma", DAILY, "order_no", "created_at", "", "total",
    first_version=_wrong_amount,
)  # fmt: skip
TILLS = Tool("store_tills", "orders", "caisses.csv", "french", DAILY, "NO_TICKET", "DATE_HEURE", "", "MONTANT_TTC")
RETURNS = Tool("returns", "returns", "returns.tsv", "tabs", WEEKLY, "return_no", "returned_at", "", "refund")
LOGINS = Tool(
    "web_logins", "identity_links", "web_logins.parquet", "parquet", DAILY, "", "seen_at", "left_type", typed=True
)

_CARD_IN_ACCOUNT = 0.30  # persons with both who enter their card number in their account
_HANDLE_IN_ACCOUNT = 0.30  # followers who log in with their social account
_CARD_IN_APP = 0.50  # card holders with the app who scan their card in it
_CLICK_LINKS = 0.85  # human clicks in a mail that reach the site with a cookie


class OrderFeeds:
    """Tables of orders, of the returns they will bring, and of observed pairs of identifiers."""

    def __init__(self, world: World, book: ContactBook) -> None:
        self._world = world
        self._book = book
        self._returns: dict[int, list[dict[str, Any]]] = defaultdict(list)
        self._static_links = self._links_of_accounts()

    def order_ids(self, day: int, orders: Orders) -> Array:
        """Numbers of the e-shop (W...) and of the tills (T...)."""
        stamp = self._world.clock.date(day).strftime("%y%m%d")
        letters = np.where(orders.is_store, "T", "W").tolist()
        return np.array([f"{letter}{stamp}{n:05d}" for n, letter in enumerate(letters)], object)

    def eshop(self, day: int, orders: Orders, ids: Array) -> pa.Table:
        rows = np.flatnonzero(~orders.is_store)
        person = orders.person[rows]
        copy = self._book.copies(ECOMMERCE, person, day, 1)
        account = self._book.number(ECOMMERCE, person, day, copy)
        guest = self._world.draws.uniform("guest", self._world.persons.key[person], day) < 0.12
        identities = self._book.identities
        email = np.where((copy == 1) & ~guest, identities.second_email[person], identities.email[person])
        return table_of(
            {
                "order_no": ids[rows],
                "created_at": iso(orders.at[rows]),
                "customer_no": only(~guest, account),
                "email": email,
                "cookie": self._book.cookies(person, day),
                "total": money(orders.amount[rows]),
                "margin": money(orders.margin[rows]),
                "currency": np.full(len(rows), "EUR", object),
                "lines": orders.items[rows],
            }
        )

    def tills(self, day: int, orders: Orders, ids: Array) -> pa.Table:
        """Tickets with a card number where the card exists and was shown; the others are anonymous."""
        rows = np.flatnonzero(orders.is_store)
        person = orders.person[rows]
        keys = self._world.persons.key[person]
        shown = self._world.draws.uniform("card_shown", keys, day) < self._world.parameters.behaviour.card_shown
        card = self._book.number(SHOP, person, day, self._book.copies(SHOP, person, day, 1))
        shop = 1 + self._world.draws.integers("shop", keys, 24)
        return table_of(
            {
                "NO_TICKET": ids[rows],
                "DATE_HEURE": french_time(self._world.clock.local(orders.at[rows])),
                "NO_CARTE": only(shown, card),
                "MAGASIN": np.array([f"Magasin n° {n:02d}" for n in shop.tolist()], object),
                "MONTANT_TTC": money(orders.amount[rows], ","),
                "MARGE": money(orders.margin[rows], ","),
                "DEVISE": np.full(len(rows), "EUR", object),
                "NB_ARTICLES": [str(n) for n in orders.items[rows].tolist()],
            }
        )

    def plan_returns(self, day: int, orders: Orders, ids: Array) -> None:
        """Decide which orders come back, when and for how much."""
        keys = self._world.persons.key[orders.person]
        online, store = self._world.parameters.behaviour.return_share
        fault = self._world.incidents.factor("return_rise", day, -1, self._world.persons.segment[orders.person])
        chance = np.where(orders.is_store, store, online) * fault
        draws = self._world.draws
        back = np.flatnonzero(draws.uniform("return", keys, day) < chance)
        wait = 4 + (draws.exponential("return_wait", keys[back], day) * 8).astype(np.int64)
        share = np.where(draws.uniform("return_all", keys[back], day) < 0.6, 1.0, 0.5)
        reason = draws.integers("return_reason", keys[back], len(RETURN_REASONS), day)
        second = (9 + 9 * draws.uniform("return_second", keys[back], day)) * 3600
        for place, row in enumerate(back.tolist()):
            returned = day + int(wait[place])
            self._returns[returned].append(
                {
                    "return_no": f"R{ids[row]}",
                    "order_no": ids[row],
                    "returned_at": int(self._world.clock.utc(returned, second[place])),
                    "refund": f"{orders.amount[row] * share[place]:.2f}",
                    "reason": RETURN_REASONS[reason[place]],
                }
            )

    def returns(self, day: int) -> pa.Table:
        """Orders that came back today."""
        rows = self._returns.pop(day, [])
        at = self._world.clock.local(np.array([row["returned_at"] for row in rows], np.int64))
        table: dict[str, Any] = {name: [row[name] for row in rows] for name in ("return_no", "order_no")}
        table["returned_at"] = plain_time(at)
        table |= {name: [row[name] for row in rows] for name in ("refund", "reason")}
        return table_of(table)

    def links(self, day: int, happened: Events, accounts: pa.Array, visits: Events) -> pa.Table:
        """Pairs of identifiers seen together today: logins, clicks from a mail, cards entered in an account."""
        rows = self._static_links.pop(day, [])
        account = np.array(accounts.to_pylist(), object)
        logged = np.flatnonzero(~missing(account)) if len(account) else np.zeros(0, int)
        cookies = self._book.cookies(visits.person[logged], day)
        rows += [
            ("cookie_id", cookie, "crm_id", number, at)
            for cookie, number, at in zip(cookies, account[logged], visits.at[logged].tolist(), strict=True)
        ]
        clicks = (happened.channel == CHANNEL_NUMBER["email"]) & (happened.kind == EVENT_NUMBER["click"])
        clicks &= ~happened.is_machine
        keys = self._world.persons.key[happened.person] + happened.message.astype(np.uint64)
        clicks &= self._world.draws.uniform("click_link", keys, day) < _CLICK_LINKS
        person, at = happened.person[clicks], happened.at[clicks] + 2
        rows += [
            ("cookie_id", cookie, "email", address, second)
            for cookie, address, second in zip(
                self._book.cookies(person, day), self._book.identities.email[person], at.tolist(), strict=True
            )
        ]
        names = ("left_type", "left_value", "right_type", "right_value")
        table: dict[str, Any] = {name: [row[place] for row in rows] for place, name in enumerate(names)}
        seen = np.array([row[4] for row in rows], np.int64).astype("datetime64[s]")
        return table_of(table | {"seen_at": pa.array(seen, pa.timestamp("ms", "UTC"))})

    def _links_of_accounts(self) -> dict[int, list[tuple[str, str, str, str, int]]]:
        """Pairs that a person makes once: app and account, card and account, card and app, social and account."""
        book, world = self._book, self._world
        first, key = book.records.first_day, world.persons.key
        everybody = np.arange(len(world.persons))
        far = NEVER - 1
        account = np.where(first[ECOMMERCE, 0] < far, first[ECOMMERCE, 0], NEVER)
        card = np.where(first[SHOP, 0] < far, first[SHOP, 0], NEVER)
        accounts, cards = (book.number(crm, everybody, far - 1) for crm in (ECOMMERCE, SHOP))
        identities = book.identities
        pairs = (
            ("device_id", identities.device_id, "crm_id", accounts, account, 0.9),
            ("crm_id", accounts, "loyalty_id", cards, np.maximum(account, card), _CARD_IN_ACCOUNT),
            ("device_id", identities.device_id, "loyalty_id", cards, card, _CARD_IN_APP),
            ("social_handle", identities.social_handle, "crm_id", accounts, account, _HANDLE_IN_ACCOUNT),
        )
        found: dict[int, list[tuple[str, str, str, str, int]]] = defaultdict(list)
        for place, (left_type, left, right_type, right, day, share) in enumerate(pairs):
            chosen = (world.draws.uniform("static_link", key, place) < share) & (day < world.parameters.days)
            chosen &= ~missing(left) & ~missing(right)
            second = (8 + 14 * world.draws.uniform("static_link_second", key, place)) * 3600
            at = world.clock.utc(day, np.minimum(second, DAY - 1))
            for i in np.flatnonzero(chosen).tolist():
                found[max(int(day[i]), 0)].append((left_type, left[i], right_type, right[i], int(at[i])))
        return found


def cookie_owners(book: ContactBook) -> tuple[Array, Array, Array, Array]:
    """Every cookie given out: text, person, first and last day it was seen with that person."""
    bits = np.concatenate([part for part, _, _ in book.seen_cookies])
    person = np.concatenate([part for _, part, _ in book.seen_cookies])
    if not len(bits):
        return bits.astype(object), person, person, person
    day = np.concatenate([np.full(len(part), number) for part, _, number in book.seen_cookies])
    order = np.lexsort((day, person, bits))
    bits, person, day = bits[order], person[order], day[order]
    new = np.ones(len(bits), dtype=bool)
    new[1:] = (bits[1:] != bits[:-1]) | (person[1:] != person[:-1])
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(bits)) - 1
    return cookie_texts(bits[starts]), person[starts], day[starts], day[ends]
