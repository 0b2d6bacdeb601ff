"""The next moment composes what was chosen with consent, unsubscriptions, pressure, caps, quiet hours and the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from dbt.landed import begin
from millibar.warehouse.connect import Warehouse

Dbt = Callable[..., None]

FRIDAY = date(2025, 3, 28)  # winter time in Paris; the Sunday after has no hour 2
AUTUMN_FRIDAY = date(2025, 10, 24)  # the Sunday after has hour 2 twice
TUESDAY, SUNDAY = 1, 6

INPUTS = """
    create schema if not exists marts;
    create schema if not exists intermediate;
    create table marts.dim_customer (
        customer_id text, is_known boolean, stated_hour integer, stated_channel text
    );
    create table marts.dim_customer_channel (
        customer_id text, channel text, has_consent boolean, consent_changed_at timestamptz, contacts bigint
    );
    create table intermediate.int_engagement__unsubscribed (
        customer_id text, channel text, unsubscribed_at timestamptz
    );
"""


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


class Told:
    """The tables the model reads, filled by hand."""

    def __init__(self, warehouse: Warehouse, as_of: date) -> None:
        self.warehouse, self.as_of = warehouse, as_of
        begin(warehouse, as_of)
        warehouse.execute(INPUTS)

    def customer(self, who: str, hour: int | None = None, channel: str | None = None, is_known: bool = True) -> None:
        self._add("marts.dim_customer", customer_id=who, is_known=is_known, stated_hour=hour, stated_channel=channel)

    def reach(
        self, who: str, channel: str, consent: bool | None = True, contacts: int = 3, since: str | None = None
    ) -> None:
        self._add("marts.dim_customer_channel", customer_id=who, channel=channel, has_consent=consent,
                  consent_changed_at=since, contacts=contacts)  # fmt: skip

    def learned(self, who: str, channel: str, weekday: int, hour: int, basis: str = "learned") -> None:
        self._add("scores.moment_customer", as_of=self.as_of, run_id="run", customer_id=who, channel=channel,
                  weekday=weekday, hour=hour, expected_response=0.4, usual_response=0.2, exposures=9, basis=basis)  # fmt: skip

    def channel_moment(self, channel: str, weekday: int, hour: int, response: float) -> None:
        self._add("scores.moment_channel", as_of=self.as_of, run_id="run", channel=channel, weekday=weekday, hour=hour,
                  responses=100 * response, exposures=100, expected_response=response)  # fmt: skip

    def state(self, who: str, channel: str, state: str, next_contact_on: date) -> None:
        self._add("scores.pressure_state", as_of=self.as_of, run_id="run", customer_id=who, channel=channel,
                  pressure_index=3, mean_index=1, tolerance=2, tolerance_low=1, tolerance_high=3, state=state,
                  probability=0.7, probability_over=0.2, probability_under=0.1, severity="normal", basis="own",
                  next_contact_on=next_contact_on)  # fmt: skip

    def unsubscribed(self, who: str, channel: str, at: str) -> None:
        self._add("intermediate.int_engagement__unsubscribed", customer_id=who, channel=channel, unsubscribed_at=at)

    def _add(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        places = ", ".join(f"%({name})s" for name in values)
        self.warehouse.execute(f"insert into {table} ({names}) values ({places})", values)

    def moments(self, dbt: Dbt) -> dict[tuple[str, str], dict[str, Any]]:
        """Rows of fct_best_moment by customer and channel."""
        dbt("seed", "--select", "channel_profiles", "action_plans")
        dbt("run", "--select", "dim_channel", "dim_action_plan", "int_pressure__no_consent", "fct_pressure_state",
            "int_moment__allowed_hour", "int_moment__channel_choice", "int_moment__customer_choice", "int_moment__hold",
            "fct_best_moment")  # fmt: skip
        rows = self.warehouse.rows("select * from marts.fct_best_moment")
        found = {(row["customer_id"], row["channel"]): dict(row) for row in rows}
        assert len(found) == len(rows)
        return found


@pytest.mark.slow
def test_stated_wins_then_learned_then_the_channel_and_never_in_a_quiet_hour(warehouse: Warehouse, dbt: Dbt) -> None:
    """E-mail is quiet from 22 to 7, calls from 20 to 10 and at the weekend."""
    told = Told(warehouse, FRIDAY)
    for who, hour, channel in (("says_23", 23, "email"), ("says_2", 2, None), ("learned", None, None),
                               ("learned_quiet", None, "sms"), ("new", None, None)):  # fmt: skip
        told.customer(who, hour, channel)
        told.reach(who, "email")
    told.customer("cookie", is_known=False)
    told.reach("cookie", "email")
    told.reach("new", "search_paid", consent=None)
    told.reach("new", "sms", consent=None, contacts=0)
    told.reach("new", "call_center")
    told.reach("says_2", "call_center")
    told.learned("says_23", "email", TUESDAY, 8)
    told.learned("learned", "email", SUNDAY, 11, "segment")
    told.learned("learned_quiet", "email", SUNDAY, 23)
    told.channel_moment("email", 0, 3, 0.9)
    told.channel_moment("email", 3, 18, 0.3)
    told.channel_moment("email", 5, 21, 0.2)
    told.channel_moment("email", 2, 7, 0.1)
    told.channel_moment("call_center", SUNDAY, 11, 0.9)
    found = told.moments(dbt)
    chosen = {key: (row["weekday"], row["hour"], row["basis"], row["expected_response"]) for key, row in found.items()}
    assert chosen == {
        ("says_23", "email"): (TUESDAY, 21, "stated", None),
        ("says_2", "email"): (2, 7, "stated", 0.1),
        ("says_2", "call_center"): (TUESDAY, 10, "stated", None),
        ("learned", "email"): (SUNDAY, 11, "segment", 0.4),
        ("learned_quiet", "email"): (3, 18, "channel", 0.3),
        ("new", "email"): (3, 18, "channel", 0.3),
        ("new", "call_center"): (TUESDAY, 10, "default", None),
    }
    assert [key for key, row in found.items() if row["is_preferred_channel"]] == [("says_23", "email")]
    assert found["learned", "email"]["usual_response"] == 0.2
    assert found["new", "email"]["usual_response"] == pytest.approx(1.5 / 4)
    assert found["new", "email"]["next_moment_at"] == utc(2025, 4, 3, 16)
    assert found["learned", "email"]["next_moment_at"] == utc(2025, 3, 30, 9)


@pytest.mark.slow
def test_refusals_unsubscriptions_and_pressure_hold(warehouse: Warehouse, dbt: Dbt) -> None:
    told = Told(warehouse, FRIDAY)
    for who in ("free", "refused", "left", "back", "over", "over_all", "late_today", "early_today"):
        told.customer(who)
        told.learned(who, "email", TUESDAY, 10)
    for who in ("free", "over", "over_all", "late_today", "early_today"):
        told.reach(who, "email")
    told.reach("refused", "email", consent=False)
    told.reach("left", "email", consent=True, since="2025-02-01T10:00:00Z")
    told.reach("back", "email", consent=True, since="2025-03-01T10:00:00Z")
    for who in ("left", "back"):
        told.unsubscribed(who, "email", "2025-02-15T10:00:00Z")
    told.state("over", "email", "over", date(2025, 4, 2))
    told.state("over_all", "email", "balanced", FRIDAY)
    told.state("over_all", "all", "over", date(2025, 4, 10))
    warehouse.execute("update scores.moment_customer set weekday = 4, hour = 8 where customer_id like '%_today'")
    told.state("late_today", "email", "balanced", FRIDAY)
    told.state("early_today", "email", "balanced", FRIDAY)
    # all channels together are free from the hour from which each of them is: 10 o'clock
    told.state("late_today", "all", "balanced", FRIDAY)
    found = told.moments(dbt)
    assert {who: (row["held_by"], row["next_moment_at"]) for (who, _), row in found.items()} == {
        "free": (None, utc(2025, 4, 1, 8)),
        "refused": ("consent", None),
        "left": ("unsubscribed", None),
        "back": (None, utc(2025, 4, 1, 8)),
        "over": ("pressure", utc(2025, 4, 8, 8)),
        "over_all": ("pressure", utc(2025, 4, 15, 8)),
        "late_today": (None, utc(2025, 4, 4, 6)),
        "early_today": (None, utc(2025, 3, 28, 7)),
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("as_of", "hour", "at"),
    [
        (FRIDAY, 1, utc(2025, 3, 30, 0)),
        (FRIDAY, 2, utc(2025, 3, 30, 1)),  # left out: the moment at which it would have begun
        (FRIDAY, 3, utc(2025, 3, 30, 1)),
        (AUTUMN_FRIDAY, 1, utc(2025, 10, 25, 23)),
        (AUTUMN_FRIDAY, 2, utc(2025, 10, 26, 0)),  # the first of two
        (AUTUMN_FRIDAY, 3, utc(2025, 10, 26, 2)),
    ],
)
def test_days_on_which_clocks_change(warehouse: Warehouse, dbt: Dbt, as_of: date, hour: int, at: datetime) -> None:
    """An advertisement in a feed has no quiet hours."""
    told = Told(warehouse, as_of)
    told.customer("night_owl")
    told.reach("night_owl", "social", consent=None)
    told.learned("night_owl", "social", SUNDAY, hour)
    assert told.moments(dbt)["night_owl", "social"]["next_moment_at"] == at
