"""What churn models read: by definition from single events, and at an earlier cut what was said on that day."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import mean
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dbt.landed import begin, land
from dbt.stand_ins import identify
from millibar.warehouse.connect import Warehouse

Dbt = Callable[..., None]
Row = dict[str, Any]

CUT = date(2025, 3, 30)  # the day on which the clocks of Paris change
HORIZON = 90
FIRST = CUT - timedelta(days=700)
SILENT = "b1"  # bought long ago, then was written to and never answered
BUYERS = [f"b{number}" for number in range(24)]
PARIS = ZoneInfo("Europe/Paris")
# half-life and weight of seeds/channel_profiles.csv
PROFILES = {"email": (3.0, 1.0), "sms": (3.0, 3.0), "call_center": (7.0, 5.0)}
EVENTS = [
    ("email", "send", "out"), ("email", "send", "out"), ("email", "open", "in"), ("email", "click", "in"),
    ("sms", "send", "out"), ("email", "unsubscribe", "in"), ("email", "spam_complaint", "in"),
    ("direct", "visit", "in"), ("search_organic", "visit", "in"), ("call_center", "call", "out"),
    ("call_center", "complaint", "in"), ("email", "delivery", "out"),
]  # fmt: skip


class Brand:
    """Random events of two years and a half, delivered as they happen; half of the edges lie around the cut."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.orders: list[Row] = [self._order(n, self._moment()) for n in range(130)]
        self.orders[0]["at"] = datetime(FIRST.year, FIRST.month, FIRST.day, 12, tzinfo=UTC)
        edges = [CUT, CUT - timedelta(days=90), CUT - timedelta(days=365)]
        for number, edge in enumerate(edges * 4):
            midnight = datetime(edge.year, edge.month, edge.day, tzinfo=PARIS) + timedelta(days=number % 2)
            self.orders.append(self._order(1000 + number, midnight.astimezone(UTC)))
            self.orders.append(self._order(2000 + number, midnight.astimezone(UTC) - timedelta(seconds=1)))
        self.returns: list[Row] = [
            {"return_id": f"r{n}", "order_id": order["order_id"], "amount": 5, "at": order["at"] + timedelta(days=n * 3),
             "who": order["who"]}
            for n, order in enumerate(self.orders[::5])
        ]  # fmt: skip
        self.touches: list[Row] = [self._touch(n, self._moment()) for n in range(2_600)]

    def _moment(self) -> datetime:
        start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
        return start + timedelta(seconds=self.chance.randrange(900 * 86_400))

    def _order(self, number: int, at: datetime) -> Row:
        return {"order_id": f"o{number}", "amount": self.chance.randrange(5, 200), "at": at,
                "sales_channel": self.chance.choice(["web", "store"]), "who": SILENT if number == 0 else self.chance.choice([who for who in BUYERS if who != SILENT])}  # fmt: skip

    def _touch(self, number: int, at: datetime) -> Row:
        channel, kind, direction = self.chance.choice(EVENTS)
        # somebody is heard of late in his history only
        who = self.chance.choice([*BUYERS[1:], "never_bought"])
        if who == SILENT:
            channel, kind, direction = "email", "send", "out"
        return {"touchpoint_id": f"t{number}", "at": at, "channel": channel, "event_type": kind,
                "direction": direction, "who": who}  # fmt: skip

    def deliver(self, warehouse: Warehouse, after: date | None, until: date) -> None:
        """What happened after one business date and up to another, one file a feed."""
        for feed, moment, rows in (
            ("orders", "ordered_at", self.orders), ("returns", "returned_at", self.returns),
            ("touchpoints", "occurred_at", self.touches),
        ):  # fmt: skip
            told = [row for row in rows if (after is None or day_of(row) > after) and day_of(row) <= until]
            land(warehouse, feed, until, [
                {name: value for name, value in row.items() if name not in ("at", "who")}
                | {moment: row["at"].isoformat()} | ({"crm_id": row["who"]} if feed != "returns" else {})
                for row in told
            ])  # fmt: skip


def day_of(row: Row) -> date:
    at: datetime = row["at"]
    return at.astimezone(PARIS).date()


def build(warehouse: Warehouse, dbt: Dbt, on: date) -> None:
    begin(warehouse, on)
    dbt("run", "--selector", "staging")
    identify(warehouse)
    dbt(
        "run",
        "--select",
        "+int_churn__customer",
        "+int_churn__earlier",
        "--exclude",
        "tag:identity_inputs",
        "tag:staging",
    )


def told(warehouse: Warehouse, table: str, cut: date) -> dict[str, Row]:
    rows = warehouse.rows(f"select * from intermediate.{table} where cut = %(cut)s", {"cut": cut})
    found = {row["customer_id"].removeprefix("c:crm_id:"): dict(row) for row in rows}
    assert len(found) == len(rows)
    return found


def defined(brand: Brand, who: str, cut: date) -> Row:
    """The row of a customer from single events, as the words of _churn.yml say."""
    orders = [row for row in brand.orders if row["who"] == who and day_of(row) <= cut]
    by_day: dict[date, float] = {}
    for row in orders:
        by_day[day_of(row)] = by_day.get(day_of(row), 0) + row["amount"]
    days = sorted(by_day)
    touches = [row | {"day": day_of(row)} for row in brand.touches if row["who"] == who and day_of(row) <= cut]
    contacts = [row for row in touches if row["direction"] == "out" and row["event_type"] in ("send", "call")]
    answers = [row for row in touches if row["event_type"] in ("click", "visit")]
    visits = [row for row in touches if row["event_type"] == "visit"]
    complaints = [row for row in touches if row["event_type"] in ("spam_complaint", "complaint")]
    unsubscribes = [row for row in touches if row["event_type"] == "unsubscribe"]
    returned = sum(row["amount"] for row in brand.returns if row["who"] == who and day_of(row) <= cut)
    revenue = sum(by_day.values())

    def recent(rows: list[Row], window: int) -> list[Row]:
        return [row for row in rows if (cut - row["day"]).days < window]

    return {
        "cut": cut, "orders": len(orders), "purchase_days": len(days), "repeat_purchases": len(days) - 1,
        "recency_days": (days[-1] - days[0]).days, "age_days": (cut - days[0]).days,
        "days_since_order": (cut - days[-1]).days,
        "mean_gap_days": (days[-1] - days[0]).days / (len(days) - 1) if len(days) > 1 else None,
        "first_order_on": days[0], "last_order_on": days[-1],
        "orders_90d": sum((cut - day).days < 90 for day in days),
        "orders_365d": sum((cut - day).days < 365 for day in days), "revenue": revenue,
        "revenue_365d": sum(value for day, value in by_day.items() if (cut - day).days < 365),
        "mean_day_value": revenue / len(days),
        "repeat_mean_value": mean(by_day[day] for day in days[1:]) if len(days) > 1 else None,
        "last_day_value": by_day[days[-1]], "returned_share": returned / revenue,
        "store_share": sum(row["sales_channel"] == "store" for row in orders) / len(orders),
        "contacts_30d": len(recent(contacts, 30)), "contacts_90d": len(recent(contacts, 90)),
        "responses_30d": len(recent(answers, 30)), "responses_90d": len(recent(answers, 90)),
        "visits_90d": len(recent(visits, 90)),
        "opens_90d": len(recent([row for row in touches if row["event_type"] == "open"], 90)),
        "channels_90d": len({row["channel"] for row in recent(answers, 90)}),
        "unsubscribes_365d": len(recent(unsubscribes, 365)), "complaints_365d": len(recent(complaints, 365)),
        "days_since_response": min(((cut - row["day"]).days for row in recent(answers, 365)), default=None),
        "days_since_visit": min(((cut - row["day"]).days for row in recent(visits, 365)), default=None),
        "human_responses": len(answers), "contacts": len(contacts), "unsubscribes": len(unsubscribes),
        "complaints": len(complaints),
        "pressure_index": sum(
            PROFILES[row["channel"]][1] * 2 ** (-(cut - row["day"]).days / PROFILES[row["channel"]][0])
            for row in contacts
        ),
    } | activity(brand, touches, days, cut)  # fmt: skip


def activity(brand: Brand, touches: list[Row], bought_on: list[date], cut: date) -> Row:
    """The columns of macro churn_activity: acts, and what contacts let expect at everybody's rate of answers."""
    window = [row for row in brand.touches if 0 <= (cut - day_of(row)).days < 365]
    contacts = [row["channel"] for row in window if row["direction"] == "out" and row["event_type"] in ("send", "call")]
    answers = [row["channel"] for row in window if row["event_type"] in ("click", "visit")]
    rates = {channel: min(1, answers.count(channel) / contacts.count(channel)) for channel in set(contacts)}
    own = [row for row in touches if (cut - row["day"]).days < 365]
    acted = [row for row in own if row["event_type"] in ("click", "visit")]
    days = {row["day"] for row in acted} | {day for day in bought_on if (cut - day).days < 365}
    sent = [row for row in own if row["direction"] == "out" and row["event_type"] in ("send", "call")]
    last = max(days, default=date.min)
    observed = min(365, (cut - min([row["day"] for row in touches] + bought_on)).days)
    came_with = bool(days) and (cut - min(days)).days == observed < 365
    return {
        "acts": sum(not any(0 < (day - other).days <= 2 for other in days) for day in days) - came_with,
        "act_days": len(days),
        "pushed_act_days": len({row["day"] for row in acted if row["channel"] in rates}),
        "observed_days": observed, "days_since_act": (cut - last).days if days else observed,
        "act_exposure": float(sum(rates[row["channel"]] for row in sent if row["day"] <= last)),
        "silent_exposure": float(sum(rates[row["channel"]] for row in sent if row["day"] > last)),
    }  # fmt: skip


def compare(found: Row, wanted: Row) -> list[str]:
    return [
        f"{name}: {found[name]} is not {value}" for name, value in wanted.items()
        if found[name] != (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value)
    ]  # fmt: skip


@pytest.mark.slow
def test_an_earlier_cut_says_what_was_said_on_that_day(warehouse: Warehouse, dbt: Dbt) -> None:
    brand = Brand(random.Random(8))
    dbt("seed")
    after: date | None = None
    said: dict[date, dict[str, Row]] = {}
    for on in (CUT, CUT + timedelta(days=HORIZON), CUT + timedelta(days=2 * HORIZON)):
        brand.deliver(warehouse, after, on)
        build(warehouse, dbt, on)
        after = on
        said[on] = told(warehouse, "int_churn__customer", on)
        bought = {row["who"] for row in brand.orders if day_of(row) <= on}
        assert set(said[on]) == bought
        wrong = {who: compare(row, defined(brand, who, on)) for who, row in said[on].items()}
        assert {who: text for who, text in wrong.items() if text} == {}
        for earlier in (day for day in said if day < on):
            then = told(warehouse, "int_churn__earlier", earlier)
            labels = {who: (row.pop("later_orders"), row.pop("later_value")) for who, row in then.items()}
            wrong = {who: compare(row, said[earlier][who]) for who, row in then.items()}
            assert {who: text for who, text in wrong.items() if text} == {}
            assert set(then) == set(said[earlier])
            assert labels == {who: later(brand, who, earlier) for who in then}
    assert said[CUT][SILENT]["days_since_response"] is None
    assert (said[CUT][SILENT]["acts"], said[CUT][SILENT]["observed_days"]) == (0, 365)
    assert all(row["act_exposure"] > 0 for who, row in said[CUT].items() if row["days_since_act"] < 30 and who != "b0")
    assert sum(row["repeat_mean_value"] is None for row in said[CUT].values()) > 0


def later(brand: Brand, who: str, cut: date) -> tuple[int, float]:
    rows = [row for row in brand.orders if row["who"] == who and 0 < (day_of(row) - cut).days <= HORIZON]
    return len({day_of(row) for row in rows}), float(sum(row["amount"] for row in rows))


@pytest.mark.slow
def test_no_cut_lies_before_the_first_order_of_anybody(warehouse: Warehouse, dbt: Dbt) -> None:
    land(warehouse, "orders", CUT, [
        {"order_id": "o1", "ordered_at": f"{CUT - timedelta(days=100)}T10:00:00+00:00", "amount": 10, "crm_id": "b0"}
    ])  # fmt: skip
    dbt("seed")
    build(warehouse, dbt, CUT)
    rows = warehouse.rows("select cut, age_days, later_orders from intermediate.int_churn__earlier")
    assert [tuple(row.values()) for row in rows] == [(CUT - timedelta(days=90), 10, 0)]
