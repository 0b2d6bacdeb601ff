"""The index of any day from sparse rows, and the moment a state advises."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dbt.landed import begin
from millibar.pipeline.dbt_calls import invoke as call
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

Dbt = Callable[..., None]

START = date(2024, 11, 20)
HALF_LIFE, WEIGHT = 3.0, 2.0
MEMORY = math.log(2) / -math.log1p(-1 / 28)
HALF_LIVES = {
    "decayed_half": 0.5 * HALF_LIFE, "decayed": HALF_LIFE, "decayed_double": 2 * HALF_LIFE, "decayed_memory": MEMORY
}  # fmt: skip


def compiled(settings: Settings, target: Path, jinja: str) -> str:
    """SQL of a macro call."""
    outcome = call(settings, target, "compile", "--inline", jinja)
    assert outcome.success, outcome.exception
    compiled_nodes: Any = outcome.result
    return str(compiled_nodes.results[0].node.compiled_code)


@pytest.mark.slow
def test_the_index_of_any_day_is_the_sum_over_all_contacts_before(
    warehouse: Warehouse, settings: Settings, dbt_target: Path
) -> None:
    """Against the definition: every contact of the past, weighted and decayed one by one."""
    chance = random.Random(3)
    contacts = {
        (who, channel): sorted({START + timedelta(days=chance.randrange(200)) for _ in range(15)})
        for who in ("a", "b")
        for channel in ("email", "sms")
    }
    begin(warehouse, START + timedelta(days=200))
    warehouse.execute("create schema if not exists marts")
    warehouse.execute(
        "create table marts.fct_pressure_daily (customer_id text, channel text, day date, decayed_half float8, "
        'decayed float8, decayed_double float8, decayed_memory float8, "index" float8, half_life_days float8)'
    )
    for (who, channel), days in contacts.items():
        for on in days:
            sums = {name: decayed(days, on, half_life) for name, half_life in HALF_LIVES.items()}
            warehouse.execute(
                "insert into marts.fct_pressure_daily values (%(who)s, %(channel)s, %(on)s, %(decayed_half)s, %(decayed)s, "
                "%(decayed_double)s, %(decayed_memory)s, %(index)s, %(half_life)s)",
                {"who": who, "channel": channel, "on": on, "index": WEIGHT * sums["decayed"], "half_life": HALF_LIFE}
                | sums,
            )
    asked = START + timedelta(days=117)
    sql = compiled(settings, dbt_target, "{{ pressure_on(\"cast('" + str(asked) + "' as date)\") }}")
    found = {(row["customer_id"], row["channel"]): row for row in warehouse.rows(sql)}
    assert set(found) == {(who, channel) for who in ("a", "b") for channel in ("email", "sms", "all")}
    for (who, channel), row in found.items():
        parts = [days for key, days in contacts.items() if key[0] == who and channel in (key[1], "all")]
        for name, half_life in HALF_LIVES.items():
            assert row[name] == pytest.approx(sum(decayed(days, asked, half_life) for days in parts))
        assert row["pressure_index"] == pytest.approx(WEIGHT * sum(decayed(days, asked, HALF_LIFE) for days in parts))
        assert row["last_contact_on"] == max(on for days in parts for on in days if on <= asked)


def decayed(days: list[date], on: date, half_life: float) -> float:
    return sum(math.exp2(-(on - then).days / half_life) for then in days if then <= on)


@pytest.mark.slow
def test_the_next_contact_is_advised_outside_quiet_hours_and_with_the_action_of_the_state(
    warehouse: Warehouse, dbt: Dbt
) -> None:
    """Friday 2025-03-28 is winter time in Paris, the Monday after summer time; calls rest at the weekend."""
    begin(warehouse, date(2025, 3, 28))
    told = [
        ("email", "2025-03-28", "balanced", "high", datetime(2025, 3, 28, 6, tzinfo=UTC), "balanced_hold"),
        ("call_center", "2025-03-28", "under", "normal", datetime(2025, 3, 28, 9, tzinfo=UTC), "under_add_contact"),
        ("call_center", "2025-03-29", "under", "high", datetime(2025, 3, 31, 8, tzinfo=UTC), "under_return"),
        ("sms", "2025-03-29", "over", "normal", datetime(2025, 3, 29, 8, tzinfo=UTC), "over_cut_channel"),
        ("sms", "2025-03-30", "over", "high", datetime(2025, 3, 31, 7, tzinfo=UTC), "over_pause"),
        ("programmatic", "2025-03-30", "balanced", "normal", datetime(2025, 3, 29, 23, tzinfo=UTC), "balanced_hold"),
        ("all", "2025-03-30", "balanced", "normal", datetime(2025, 3, 30, 8, tzinfo=UTC), "balanced_hold"),
        ("never_heard_of", "2025-03-30", "under", "high", datetime(2025, 3, 29, 23, tzinfo=UTC), "under_return"),
    ]
    refusals(warehouse)
    for number, (channel, on, state, severity, *_) in enumerate(told):
        told_state(warehouse, f"c{number}", channel, on, state, severity)
    rows = advised(warehouse, dbt)
    assert [(row["next_contact_at"], row["action_code"]) for row in rows] == [(at, code) for *_, at, code in told]
    assert {row["ratio"] for row in rows} == {1.5}


@pytest.mark.slow
def test_no_contact_is_advised_where_the_customer_said_no(warehouse: Warehouse, dbt: Dbt) -> None:
    """All channels together are held where a refusal left none that the brand uses; nobody's word is no refusal."""
    begin(warehouse, date(2025, 3, 28))
    refusals(
        warehouse,
        ("gone", "email", False, 9), ("gone", "store", None, 2), ("gone", "direct", None, 0),
        ("by_sms", "email", False, 9), ("by_sms", "sms", True, 0),
        ("reached", "email", False, 9), ("reached", "direct_mail", None, 1),
        ("unasked", "email", None, 4),
        ("never_agreed", "email", False, 0),
        ("back", "email", True, 9),
    )  # fmt: skip
    for who, channel in (
        ("gone", "email"), ("gone", "store"), ("by_sms", "email"), ("by_sms", "sms"), ("reached", "email"),
        ("reached", "direct_mail"), ("unasked", "email"), ("back", "email"),
    ):  # fmt: skip
        told_state(warehouse, who, channel)
    for who in ("gone", "by_sms", "reached", "unasked", "never_agreed", "back"):
        told_state(warehouse, who, "all")
    held = {("gone", "email"), ("gone", "all"), ("by_sms", "email"), ("reached", "email"), ("never_agreed", "all")}
    unasked = {("unasked", "email"), ("unasked", "all")}
    for more, on_hold in ((), held), (("--vars", "{unasked_consent_holds: true}"), held | unasked):
        rows = advised(warehouse, dbt, *more)
        assert len(rows) == 14
        assert {(row["customer_id"], row["channel"]) for row in rows if row["next_contact_at"] is None} == on_hold
        for row in rows:
            is_held = (row["customer_id"], row["channel"]) in on_hold
            assert row["action_code"] == ("no_consent_hold" if is_held else "under_add_contact")
            assert row["state"] == "under"


def refusals(warehouse: Warehouse, *told: tuple[str, str, bool | None, int]) -> None:
    """marts.dim_customer_channel, as far as it is read: customer, channel, last word, contacts."""
    warehouse.execute("create schema if not exists marts")
    warehouse.execute(
        "create table marts.dim_customer_channel (customer_id text, channel text, has_consent boolean, contacts bigint)"
    )
    for who, channel, word, contacts in told:
        warehouse.execute(
            "insert into marts.dim_customer_channel values (%(who)s, %(channel)s, %(word)s, %(contacts)s)",
            {"who": who, "channel": channel, "word": word, "contacts": contacts},
        )


def told_state(
    warehouse: Warehouse, who: str, channel: str, on: str = "2025-03-28", state: str = "under", severity: str = "normal"
) -> None:
    warehouse.execute(
        "insert into scores.pressure_state (as_of, run_id, customer_id, channel, pressure_index, mean_index, tolerance, "
        "tolerance_low, tolerance_high, state, probability, probability_over, probability_under, severity, basis, "
        "next_contact_on) values ('2025-03-28', 'run', %(who)s, %(channel)s, 3, 1, 2, 1, 3, %(state)s, 0.7, 0.2, 0.1, "
        "%(severity)s, 'own', %(on)s)",
        {"who": who, "channel": channel, "on": on, "state": state, "severity": severity},
    )


def advised(warehouse: Warehouse, dbt: Dbt, *more: str) -> list[dict[str, Any]]:
    dbt("seed", "--select", "channel_profiles", "action_plans")
    models = ("dim_channel", "dim_action_plan", "int_pressure__no_consent", "fct_pressure_state")
    dbt("run", "--select", *models, *more)
    return warehouse.rows("select * from marts.fct_pressure_state order by customer_id, channel")
