"""Day by day equals from scratch: late, changed, removed and re-identified rows reach every mart they touch."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from dbt.landed import land
from millibar.warehouse.connect import Warehouse

RunDay = Callable[..., None]

START = date(2025, 1, 1)
HISTORY_DAYS = 70
PEOPLE = 40
WON_ELSEWHERE = 10
PULL_CHANNELS = ("direct", "search_paid", "search_organic", "referral")

# What is compared, and which columns depend on the path taken: none but the technical ones.
TABLES = (
    "intermediate.int_identity__identifiers",
    "intermediate.int_identity__links",
    "intermediate.int_identity__records",
    "intermediate.int_identity__seen",
    "intermediate.int_identity__signature_customers",
    "intermediate.int_customer__records",
    "intermediate.int_customer__golden",
    "intermediate.int_customer__completeness",
    "intermediate.int_customer__consent",
    "intermediate.int_journey__steps",
    "intermediate.int_pressure__current",
    "intermediate.int_pressure__campaign_kind",
    "intermediate.int_pressure__health",
    "intermediate.int_pressure__segment",
    "intermediate.int_engagement__customer_channel",
    "intermediate.int_engagement__unsubscribed",
    "intermediate.int_touchpoint__daily",
    "intermediate.int_moment__customer_hour",
    "intermediate.int_moment__customer_visit",
    "intermediate.int_attrition__customer_block",
    "intermediate.int_churn__customer",
    "intermediate.int_attribution__credits",
    "intermediate.int_attribution__credit_sums",
    "marts.fct_touchpoint",
    "marts.fct_order",
    "marts.fct_return",
    "marts.fct_conversion",
    "marts.fct_journey",
    "marts.fct_journey_path",
    "marts.fct_experiment_assignment",
    "marts.fct_attributed_touchpoint",
    "marts.fct_pressure_daily",
    "marts.fct_pressure_state",
    "marts.fct_channel_health_daily",
    "marts.fct_channel_affinity",
    "marts.fct_channel_attrition",
    "marts.fct_churn",
    "marts.fct_best_moment",
    "marts.dim_customer",
    "marts.dim_customer_identifier",
    "marts.dim_customer_channel",
    "pii.customer_golden",
)
TECHNICAL = ("changed_as_of", "_batch_id", "change_id")

Rows = list[dict[str, Any]]


# Every rule of journeys other than by default.
OTHER_RULES = {
    "journey_gap_days": 9,
    "lookback_days": 20,
    "value_net_of_returns": True,
    "path_transform": "exposure",
    "channels_removed": ["referral"],
    "trailing_channels_removed": ["direct"],
    "weighted_models": ["house_weights"],
    "touchpoint_goals": [
        {"goal": "clicked", "event_type": "click", "channel": "email", "value": 0.5},
        {"goal": "looked", "event_type": "visit", "channel": "search_organic", "value": 0.1, "ends_journey": False},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("rules", [{}, OTHER_RULES], ids=["default rules", "other rules"])
def test_day_by_day_equals_from_scratch(warehouse: Warehouse, run_day: RunDay, rules: dict[str, Any]) -> None:
    told = ["--vars", json.dumps(rules)] if rules else []
    market = Market(random.Random(11))
    day = START + timedelta(days=HISTORY_DAYS - 1)
    batches = market.history(warehouse)
    run_day(day, *told)
    history = state(warehouse)
    for mishaps in MISHAPS:
        day += timedelta(days=1)
        market.deliver(warehouse, day)
        for mishap in mishaps:
            mishap(market, warehouse, day, batches)
        run_day(day, *told)
    day_by_day = state(warehouse)
    run_day(day, *told)
    twice = state(warehouse)
    run_day(day, *told, "--full-refresh", checked=True)
    from_scratch = state(warehouse)
    assert [name for name in TABLES if not difference(history[name], from_scratch[name])] == []
    assert differences(day_by_day, twice) == {}
    assert differences(day_by_day, from_scratch) == {}


class Market:
    """A small brand: e-mails, clicks, visits, orders, some people with two identities until a login joins them."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.sends: Rows = []
        self.number = 0

    def history(self, warehouse: Warehouse) -> dict[date, int]:
        """Deliver the first days; returns the touchpoint batch of each."""
        land(warehouse, "experiments", START, [
            {"experiment_id": "x1", "assigned_at": f"{START}T05:00:00+00:00", "channel": "email",
             "arm": "holdout" if n % 4 == 0 else "treated", **{kind: h(name, n)}}
            for n in range(PEOPLE) for kind, name in (("email", "email"), ("cookie_id", "cookie")) if n % 3 or kind == "email"
        ])  # fmt: skip
        land(warehouse, "customers", START, [
            {"record_id": f"r{n}", "updated_at": f"{START}T08:00:00+00:00", "country": "FR", "email": h("email", n),
             "crm_id": h("crm", n), "stated_channel": "email" if n % 3 else None, "first_name": f"Name {n}",
             "acquisition_channel": ("search_paid", "store", None)[n % 3]}
            for n in range(PEOPLE)
        ])  # fmt: skip
        land(warehouse, "campaigns", START, [
            {"campaign_id": "c1", "name": "One", "targeting": "mass", "content": "generic"},
            {"campaign_id": "c2", "name": "Two", "targeting": "segment"},
            {"campaign_id": "seldom", "name": "Three", "targeting": "segment"},
        ])  # fmt: skip
        # campaigns of one day each: what is told of them later touches that day and no other
        land(warehouse, "touchpoints", START, [
            self.touch(self.moment(START + timedelta(days=n)), "email", "send", email=h("email", n), campaign_id=name,
                       message_id=name)
            for n, name in ((5, "seldom"), (6, "undeclared"))
        ])  # fmt: skip
        return {
            START + timedelta(days=n): self.deliver(warehouse, START + timedelta(days=n)) for n in range(HISTORY_DAYS)
        }

    def deliver(self, warehouse: Warehouse, day: date) -> int:
        """The files of one day; the returned batch is that of the touchpoints."""
        land(warehouse, "orders", day, [self.order(day) for _ in range(self.chance.randrange(4))])
        land(warehouse, "consents", day, [self.consent(day)])
        land(warehouse, "spend", day, [{"spent_on": day, "channel": "search_paid", "cost": 25, "campaign_id": "c1"}])
        return land(warehouse, "touchpoints", day, self.touchpoints(day))

    def touchpoints(self, day: date) -> Rows:
        rows: Rows = []
        if day.day % 3 == 0:
            noon = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)
            rows.append(self.touch(noon, "email", "unsubscribe", email=h("email", day.day % 7)))
        for _ in range(25):
            person, at = self.chance.randrange(PEOPLE), self.moment(day)
            kind = self.chance.random()
            if kind < 0.5:
                send = self.touch(at, "email", "send", email=h("email", person), message_id=f"m{self.number}")
                rows.append(send)
                self.sends.append(send)
                if kind < 0.1:  # a machine opens at once
                    rows.append(self.answer(send, "open", timedelta(seconds=3)))
                elif kind < 0.12:  # a gateway follows all links, later
                    rows += [self.answer(send, "click", timedelta(minutes=9)) for _ in range(3)]
                elif kind < 0.25:
                    rows.append(self.answer(send, "click", timedelta(minutes=self.chance.randrange(1, 90))))
            elif kind < 0.65:
                rows.append(self.touch(at, "programmatic", "impression", cookie_id=h("cookie", person)))
            else:
                rows.append(self.touch(at, self.chance.choice(PULL_CHANNELS), "visit", cookie_id=h("cookie", person)))
        return rows

    def touch(self, at: datetime, channel: str, event_type: str, **more: Any) -> dict[str, Any]:
        self.number += 1
        return {"touchpoint_id": f"t{self.number}", "occurred_at": at.isoformat(), "channel": channel,
                "event_type": event_type, "campaign_id": f"c{self.number % 3}", "device": "mobile"} | more  # fmt: skip

    def answer(self, send: dict[str, Any], event_type: str, after: timedelta) -> dict[str, Any]:
        at = datetime.fromisoformat(send["occurred_at"]) + after
        return self.touch(at, "email", event_type, email=send["email"], message_id=send["message_id"])

    def order(self, day: date, person: int | None = None) -> dict[str, Any]:
        self.number += 1
        someone = self.chance.randrange(PEOPLE) if person is None else person
        return {"order_id": f"o{self.number}", "ordered_at": self.moment(day).isoformat(),
                "amount": self.chance.randrange(10, 90), "sales_channel": self.chance.choice(["web", "store"]),
                "crm_id": h("crm", someone)}  # fmt: skip

    def consent(self, day: date) -> dict[str, Any]:
        return {"changed_at": self.moment(day).isoformat(), "channel": self.chance.choice(["email", "sms"]),
                "granted": self.chance.random() < 0.7, "email": h("email", self.chance.randrange(PEOPLE))}  # fmt: skip

    def moment(self, day: date) -> datetime:
        midnight = datetime.combine(day, datetime.min.time(), UTC)
        return midnight + timedelta(seconds=self.chance.randrange(6 * 3600, 21 * 3600))


def a_login(market: Market, warehouse: Warehouse, day: date, batches: dict[date, int]) -> None:
    """Cookies of half of the people turn out to be theirs: their history moves to them."""
    land(warehouse, "identity_links", day, [
        {"left_type": "cookie_id", "left_value": h("cookie", n), "right_type": "email", "right_value": h("email", n),
         "observed_at": f"{day}T10:00:00+00:00"} for n in range(0, PEOPLE, 2)
    ])  # fmt: skip


def late_rows(market: Market, warehouse: Warehouse, day: date, batches: dict[date, int]) -> None:
    """Touches, an order and a send of weeks ago arrive now; the click on the late send came in time."""
    long_ago = day - timedelta(days=40)
    send = market.touch(market.moment(long_ago), "email", "send", email=h("email", 3), message_id="late")
    land(warehouse, "touchpoints", day, [market.answer(send, "click", timedelta(seconds=4))])
    land(warehouse, "touchpoints", day, [*market.touchpoints(long_ago), send])
    land(warehouse, "orders", day, [market.order(long_ago, 4), market.order(long_ago, 4)])
    # somebody buys and sends back on days of his own; the day after another channel turns out to have won him
    sold = [market.order(long_ago + timedelta(days=n), WON_ELSEWHERE) for n in range(5)]
    land(warehouse, "orders", day, sold)
    land(warehouse, "returns", day, [
        {"return_id": f"s{n}", "order_id": order["order_id"], "amount": 3,
         "returned_at": market.moment(long_ago + timedelta(days=6 + n)).isoformat()}
        for n, order in enumerate(sold)
    ])  # fmt: skip
    # the first order of somebody who seemed new: journeys since are a returning customer's
    land(warehouse, "orders", day, [market.order(START, person) for person in range(6)])


def a_late_send_alone(market: Market, warehouse: Warehouse, day: date, batches: dict[date, int]) -> None:
    """A send turns clicks that were loaded on an earlier day into a machine's."""
    earlier = next(send for send in reversed(market.sends) if send["email"] == h("email", 5))
    land(warehouse, "touchpoints", day, [market.answer(earlier, "delivery", timedelta(seconds=1))])


def a_corrected_file(market: Market, warehouse: Warehouse, day: date, batches: dict[date, int]) -> None:
    """A file of a month ago comes again: rows gone, rows of other people, rows at other times."""
    wrong = day - timedelta(days=30)
    rows = warehouse.rows("select * from raw.touchpoints where _batch_id = %(b)s order by 1", {"b": batches[wrong]})
    corrected = [
        {name: value for name, value in row.items() if not name.startswith("_")} for row in rows[: len(rows) // 2]
    ]
    for number, row in enumerate(corrected):
        if number % 3 == 0 and row["email"]:
            row["email"] = h("email", number)
        if number % 3 == 1:
            row["occurred_at"] = row["occurred_at"] - timedelta(days=2)
    land(warehouse, "touchpoints", day, corrected, replaces=batches[wrong])


def changed_versions(market: Market, warehouse: Warehouse, day: date, batches: dict[date, int]) -> None:
    """An order gets another amount, another another customer; a record gets another address; a return comes."""
    orders = warehouse.rows("select * from raw.orders order by order_id limit 6")
    changed = [{name: value for name, value in row.items() if not name.startswith("_")} for row in orders]
    changed[0]["amount"] = 999
    changed[1]["crm_id"] = h("crm", 7)
    changed[2]["ordered_at"] = changed[2]["ordered_at"] + timedelta(days=9)
    land(warehouse, "orders", day, changed[:3])
    land(warehouse, "returns", day, [
        {"return_id": "x1", "order_id": changed[0]["order_id"], "returned_at": f"{day}T09:00:00+00:00", "amount": 5}
    ])  # fmt: skip
    land(warehouse, "customers", day, [
        {"record_id": "r9", "updated_at": f"{day}T08:00:00+00:00", "email": h("email", 900), "crm_id": h("crm", 9),
         "first_name": "Another name"},
        {"record_id": f"r{WON_ELSEWHERE}", "updated_at": f"{day}T08:00:00+00:00", "email": h("email", WON_ELSEWHERE),
         "crm_id": h("crm", WON_ELSEWHERE), "acquisition_channel": "search_paid"},
    ])  # fmt: skip
    land(warehouse, "campaigns", day, [
        {"campaign_id": "seldom", "name": "Three", "targeting": "mass"},
        {"campaign_id": "undeclared", "name": "Late", "targeting": "trigger", "content": "context"},
    ])  # fmt: skip


MISHAPS = ((a_login, late_rows), (a_late_send_alone, a_corrected_file, changed_versions))


def h(kind: str, number: int) -> str:
    return hashlib.md5(f"{kind}:{number}".encode()).hexdigest()


def contents(warehouse: Warehouse, table: str) -> pd.DataFrame:
    """All rows in an order of their own, floats to 9 digits, without technical columns."""
    rows = pd.DataFrame(warehouse.rows(f"select * from {table}"))
    rows = rows.drop(columns=[name for name in TECHNICAL if name in rows.columns])
    for name in rows.columns:
        if pd.api.types.is_float_dtype(rows[name]):
            rows[name] = rows[name].map(lambda value: f"{value:.9g}")
    rows = rows.astype(str)
    return rows.sort_values(list(rows.columns)).reset_index(drop=True)


def state(warehouse: Warehouse) -> dict[str, pd.DataFrame]:
    return {name: contents(warehouse, name) for name in TABLES}


def differences(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Table -> what differs, tables that are equal left out."""
    told = {name: difference(left[name], right[name]) for name in TABLES}
    return {name: text for name, text in told.items() if text}


def difference(left: pd.DataFrame, right: pd.DataFrame) -> str:
    """What only one side has, for a failing test's reader; empty where both are equal."""
    if left.empty or right.empty:
        return "" if len(left) == len(right) else f"{len(left)} rows against {len(right)}"
    merged = left.merge(right, how="outer", on=list(left.columns), indicator=True)
    return "" if left.equals(right) else merged[merged["_merge"] != "both"].head(8).to_string()
