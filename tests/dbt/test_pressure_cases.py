"""Awkward customers, channels and deliveries through the warehouse and the pressure stage.

One small brand lives them all at once: a history, the same day again, a day with late files, and that day from scratch.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from databases import named
from dbt.invoked import DATABASE, UNCHECKED, invoke
from dbt.landed import begin, land
from dbt.stand_ins import identify
from dbt.test_incremental import contents, difference, h
from millibar.pipeline import context
from millibar.pipeline.stages import pressure
from millibar.settings import Settings, recorded_uri
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer

pytestmark = pytest.mark.slow

START = date(2025, 1, 6)
LAST = START + timedelta(days=76)  # of the history: a Sunday
NEXT = LAST + timedelta(days=1)
PEOPLE = 60
SEGMENTS = ("store", "search")
NEVER, FLOODED, NEW, GONE, BACK, TWICE, LATE = range(100, 107)
STARTS_ON = LAST - timedelta(days=5)  # the first push

PRESSURE = ("path:models/intermediate/pressure", "path:models/marts/pressure")
NOT_NEEDED = ("path:models/intermediate/attribution", "path:models/marts/attribution")
TABLES = (
    "marts.fct_pressure_daily",
    "intermediate.int_pressure__current",
    "marts.fct_channel_health_daily",
    "scores.pressure_tolerance",
    "marts.fct_pressure_state",
    "marts.fct_pressure_signal",
    "marts.fct_pressure_signal_driver",
    "marts.fct_pressure_channel",
)

Row = dict[str, Any]
State = dict[str, pd.DataFrame]


@dataclass
class Brand:
    """What the tools deliver."""

    chance: random.Random = field(default_factory=lambda: random.Random(4))
    number: int = 0

    def touch(self, person: int, at: datetime, event_type: str, channel: str = "email", **more: Any) -> Row:
        self.number += 1
        return {"touchpoint_id": f"t{self.number}", "occurred_at": at.isoformat(), "channel": channel,
                "event_type": event_type, "campaign_id": "c1", "message_id": f"m{self.number}",
                "email": h("email", person)} | more  # fmt: skip

    def at(self, day: date, hour: float) -> datetime:
        return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=hour)

    def ordinary_day(self, day: date) -> list[Row]:
        """Mails and SMS to some of the people; some click, a few complain or leave."""
        rows = []
        for person in range(PEOPLE):
            if self.chance.random() < 0.3 + 0.3 * (person % 7 == 0):
                send = self.touch(person, self.at(day, 9), "send")
                rows.append(send)
                if self.chance.random() < 0.15:
                    rows.append(self.touch(person, self.at(day, 11), "click", message_id=send["message_id"]))
                if self.chance.random() < 0.004:
                    rows.append(self.touch(person, self.at(day, 12), "complaint", message_id=send["message_id"]))
            if self.chance.random() < 0.04:
                rows.append(self.touch(person, self.at(day, 15), "send", "sms"))
        for person in (TWICE, LATE, GONE, BACK, FLOODED):
            is_written_to = person != GONE or day <= LAST - timedelta(days=3)
            rows += [self.touch(person, self.at(day, 10), "send")] * (is_written_to and day.toordinal() % 4 == 0)
        if day >= STARTS_ON:
            rows += [self.touch(person, self.at(day, 14), "send", "push_app") for person in range(40)]
        return rows

    def customers(self) -> list[Row]:
        return [
            {"record_id": f"r{person}", "updated_at": f"{START}T08:00:00+00:00", "country": "FR",
             "email": h("email", person), "crm_id": h("crm", person), "first_name": f"Name {person}",
             "acquisition_channel": SEGMENTS[person % 2]}
            for person in (*range(PEOPLE), NEVER, FLOODED, GONE, BACK, TWICE, LATE)
        ]  # fmt: skip

    def consent(self, person: int, at: datetime, granted: bool) -> Row:
        return {"changed_at": at.isoformat(), "channel": "email", "granted": granted, "email": h("email", person)}


def deliver_history(warehouse: Warehouse, brand: Brand) -> None:
    """Every day to ``LAST``, with the cases that belong to it."""
    land(warehouse, "customers", START, brand.customers())
    for number in range((LAST - START).days + 1):
        day = START + timedelta(days=number)
        land(warehouse, "touchpoints", day, brand.ordinary_day(day))
        land(warehouse, "orders", day, [
            {"order_id": f"o{day}{person}", "ordered_at": brand.at(day, 18).isoformat(), "amount": 40,
             "sales_channel": "web", "crm_id": h("crm", person)}
            for person in brand.chance.sample(range(PEOPLE), 3)
        ])  # fmt: skip
    flood = [brand.touch(FLOODED, brand.at(LAST, 8 + n / 10), "send", "sms") for n in range(50)]
    land(warehouse, "touchpoints", LAST, flood)
    land(warehouse, "customers", LAST, [
        {"record_id": "rn", "updated_at": f"{LAST}T08:00:00+00:00", "email": h("email", NEW), "crm_id": h("crm", NEW),
         "acquisition_channel": SEGMENTS[0]}
    ])  # fmt: skip
    land(warehouse, "touchpoints", LAST, [brand.touch(NEW, brand.at(LAST, 9), "send")])
    left = LAST - timedelta(days=3)
    leaves = brand.touch(GONE, brand.at(left, 13), "unsubscribe")
    land(warehouse, "touchpoints", left, [leaves])
    land(warehouse, "touchpoints", left + timedelta(days=1), [leaves])  # the tool sends it again
    away, back = LAST - timedelta(days=20), LAST - timedelta(days=2)
    land(warehouse, "touchpoints", away, [brand.touch(BACK, brand.at(away, 13), "unsubscribe")])
    land(warehouse, "consents", LAST, [
        brand.consent(GONE, brand.at(left, 13), granted=False),
        brand.consent(BACK, brand.at(away, 13), granted=False),
        brand.consent(BACK, brand.at(back, 13), granted=True),
    ])  # fmt: skip
    once = brand.touch(TWICE, brand.at(LAST, 9), "send")
    land(warehouse, "touchpoints", LAST, [once])
    land(warehouse, "touchpoints", LAST, [once])


def deliver_next(warehouse: Warehouse, brand: Brand) -> None:
    """An ordinary day, and the sends of a day ten days ago to one customer, late."""
    land(warehouse, "touchpoints", NEXT, brand.ordinary_day(NEXT))
    late = [brand.touch(LATE, brand.at(NEXT - timedelta(days=10), 9 + n), "send") for n in range(6)]
    land(warehouse, "touchpoints", NEXT, late)


@dataclass(frozen=True)
class Lived:
    """The warehouse after all days, and what its tables held after each run."""

    warehouse: Warehouse
    first: State
    again: State
    day_by_day: State
    from_scratch: State

    def customer(self, person: int) -> str:
        return str(
            self.warehouse.value(
                "select customer_id from marts.dim_customer_identifier where value_hash = %(hash)s",
                {"hash": h("email", person)},
            )
        )

    def states(self, person: int, state: State | None = None) -> pd.DataFrame:
        """The customer's states by channel, after the first run."""
        table = (state or self.first)["marts.fct_pressure_state"]
        return table[table["customer_id"] == self.customer(person)].set_index("channel")

    def told(self, person: int, channel: str = "all", state: State | None = None) -> Row:
        """One of these."""
        (row,) = self.states(person, state).loc[[channel]].to_dict("records")
        return {str(name): value for name, value in row.items()}


@pytest.fixture(scope="module")
def lived(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """All days of the brand, once for the tests of this module."""
    places = server.folder.parent
    base = Settings.from_environment(
        {"MILLIBAR_STATE": str(tmp_path_factory.mktemp("cases")), "MILLIBAR_HASH_KEY": "0f" * 32}
    )
    uri = named(recorded_uri(places, "warehouse"), DATABASE)
    settings = replace(base, warehouse_uri=uri)
    with Warehouse.open(recorded_uri(places, "superuser")) as admin:
        admin.execute(f"create database {DATABASE} owner millibar template millibar_template")
        with Warehouse.open(uri) as warehouse:
            yield live(warehouse, settings, tmp_path_factory.mktemp("dbt_cases"))
        admin.execute(f"drop database {DATABASE} with (force)")


def live(warehouse: Warehouse, settings: Settings, target: Path) -> Lived:
    brand = Brand()
    deliver_history(warehouse, brand)
    states: list[State] = []
    for as_of, arguments in ((LAST, ()), (LAST, ()), (NEXT, ()), (NEXT, ("--full-refresh",))):
        if len(states) == 2:
            deliver_next(warehouse, brand)
        run_day(warehouse, settings, target, as_of, arguments)
        states.append({name: contents(warehouse, name).drop(columns="run_id", errors="ignore") for name in TABLES})
    return Lived(warehouse, *states)


def run_day(warehouse: Warehouse, settings: Settings, target: Path, as_of: date, arguments: tuple[str, ...]) -> None:
    """The layers up to the pressure barometer, with stand-ins for identity."""

    def dbt(verb: str, *words: str) -> None:
        invoke(settings, target, verb, *words, *arguments)

    begin(warehouse, as_of)
    dbt("build", "--selector", "staging", *UNCHECKED)
    identify(warehouse)
    later = ["tag:identity_inputs", "tag:after_scores", *(f"{path}+" for path in NOT_NEEDED)]
    dbt("run", "--select", "tag:core", "--exclude", *later)
    pressure.run(warehouse, settings, context.current(warehouse))
    dbt("build", "--select", *(f"{path},tag:after_scores" for path in PRESSURE), "--exclude", "test_type:unit")


def number(row: Row, name: str) -> float:
    return float(row[name])


def is_missing(value: Any) -> bool:
    return pd.isna(value) or value in ("None", "NaT", "nan")


def test_a_customer_nobody_contacted_is_never_over(lived: Lived) -> None:
    states = lived.states(NEVER)
    assert list(states.index) == ["all"]
    row = lived.told(NEVER)
    assert row["state"] in ("under", "balanced")
    assert number(row, "index") == 0
    assert number(row, "probability_over") < 0.5
    assert row["basis"] != "customer"
    assert number(row, "tolerance") > 0
    assert is_missing(row["last_contact_on"])


def test_after_fifty_contacts_in_a_day_the_next_is_weeks_away(lived: Lived) -> None:
    """The mean of four weeks has hardly moved on the day itself, but what it will become is known."""
    for state, as_of in ((lived.first, LAST), (lived.day_by_day, NEXT)):
        row = lived.told(FLOODED, state=state)
        for name in ("index", "mean_index", "tolerance", "ratio", "probability", "probability_over"):
            assert 0 <= number(row, name) < 1e6, name
        assert number(row, "ratio") > 5
        waits = pd.Timestamp(row["next_contact_at"]) - pd.Timestamp(as_of, tz="UTC")
        assert timedelta(days=14) <= waits <= timedelta(days=366)


def test_fifty_contacts_in_a_day_are_too_many(lived: Lived) -> None:
    row = lived.told(FLOODED, state=lived.day_by_day)
    assert row["state"] == "over"
    assert row["cut_channel"] == "sms"


def test_a_new_customer_bears_what_his_segment_bears(lived: Lived) -> None:
    row = lived.told(NEW)
    assert row["basis"] in ("segment", "population", "default")
    assert row["state"] != "over"
    others = lived.first["scores.pressure_tolerance"]["tolerance"].astype(float)
    assert others.min() <= number(row, "tolerance") <= others.max()


def test_a_channel_that_starts_raises_no_alarm(lived: Lived) -> None:
    health = lived.first["marts.fct_channel_health_daily"]
    pushed = health[(health["channel"] == "push_app") & (health["segment"] == "all")]
    assert len(pushed) == 6
    assert pushed["human_clicks"].astype(int).sum() == 0
    for signals in (lived.first, lived.day_by_day):
        signs = signals["marts.fct_pressure_signal"]
        pushes = signs[signs["channel"] == "push_app"]
        assert not (pushes["alert"] == "True").any()
        assert not (pushes["incident"] == "True").any()


def test_an_unsubscribe_sent_twice_counts_once(lived: Lived) -> None:
    channels = lived.warehouse.rows(
        "select unsubscribes, has_consent from marts.dim_customer_channel "
        "where customer_id = %(customer)s and channel = 'email'",
        {"customer": lived.customer(GONE)},
    )
    assert channels == [{"unsubscribes": 1, "has_consent": False}]
    health = lived.first["marts.fct_channel_health_daily"]
    left = (LAST - timedelta(days=3)).isoformat()
    day = health[(health["day"] == left) & (health["channel"] == "email") & (health["segment"] == "all")]
    assert day["unsubscribes"].tolist() == ["1"]


def test_nothing_is_planned_where_consent_was_taken_back(lived: Lived) -> None:
    """He was written to by e-mail alone, so nothing is planned over all channels either."""
    for channel in ("email", "all"):
        row = lived.told(GONE, channel)
        assert is_missing(row["next_contact_at"])
        assert row["action_code"] == "no_consent_hold"
        assert row["state"] in ("under", "balanced", "over")


def test_who_subscribes_again_may_be_written_to_again(lived: Lived) -> None:
    row = lived.told(BACK, "email")
    assert pd.Timestamp(row["next_contact_at"]) >= pd.Timestamp(LAST, tz="UTC")
    assert row["state"] in ("under", "balanced", "over")


def test_a_send_logged_twice_presses_once(lived: Lived) -> None:
    daily = lived.first["marts.fct_pressure_daily"]
    rows = daily[(daily["customer_id"] == lived.customer(TWICE)) & (daily["day"] == LAST.isoformat())]
    assert rows["contacts_1d"].astype(int).tolist() == [1 + (LAST.toordinal() % 4 == 0)]


def test_late_events_change_the_index_of_their_customer(lived: Lived) -> None:
    before, after = (lived.told(LATE, state=state) for state in (lived.first, lived.day_by_day))
    assert number(after, "index") > number(before, "index")
    daily = lived.day_by_day["marts.fct_pressure_daily"]
    day = (NEXT - timedelta(days=10)).isoformat()
    rows = daily[(daily["customer_id"] == lived.customer(LATE)) & (daily["day"] == day)]
    assert rows["contacts_1d"].astype(int).sum() >= 6


@pytest.mark.parametrize("table", TABLES)
def test_the_same_day_run_twice_says_the_same(table: str, lived: Lived) -> None:
    assert difference(lived.first[table], lived.again[table]) == ""


@pytest.mark.parametrize("table", TABLES)
def test_late_files_day_by_day_equal_a_rebuild(table: str, lived: Lived) -> None:
    assert not lived.from_scratch[table].empty or lived.day_by_day[table].empty
    assert difference(lived.day_by_day[table], lived.from_scratch[table]) == ""


def test_states_that_stay_are_one_interval(lived: Lived) -> None:
    """Four runs of two business dates: who stayed where he was has one row of history, still open."""
    history = lived.warehouse.frame("select * from marts.fct_pressure_state_history")
    assert not history.duplicated(["customer_id", "channel", "valid_from"]).any()
    open_rows = history[history["valid_to"].isna()]
    assert not open_rows.duplicated(["customer_id", "channel"]).any()
    now = lived.warehouse.frame("select customer_id, channel, state, severity from marts.fct_pressure_state")
    both = now.merge(open_rows, on=["customer_id", "channel"], suffixes=("", "_then"))
    assert len(both) == len(now) > PEOPLE
    assert (both["state"] == both["state_then"]).all()
    assert (both["severity"] == both["severity_then"]).all()
