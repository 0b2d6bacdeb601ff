"""History of pressure states: intervals that a run of any day, in any order and again, leaves true of what each day said."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import pytest

from dbt.landed import begin
from millibar.warehouse.connect import Warehouse

Dbt = Callable[..., None]
Told = Mapping[str, tuple[str, str]]  # key -> state, severity
Interval = tuple[str, date, date | None, str, str]

FIRST = date(2025, 3, 1)
KINDS = [("under", "normal"), ("under", "high"), ("balanced", "normal"), ("over", "normal"), ("over", "high")]


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def tell(warehouse: Warehouse, dbt: Dbt, on: date, told: Told) -> None:
    """The pressure stage's states of a day, and dbt's run of the history on it."""
    begin(warehouse, on)
    with warehouse.transaction():
        warehouse.execute("delete from scores.pressure_state")
        for key, (state, severity) in told.items():
            warehouse.execute(
                "insert into scores.pressure_state (as_of, run_id, customer_id, channel, pressure_index, mean_index, "
                "tolerance, tolerance_low, tolerance_high, state, probability, probability_over, probability_under, "
                "severity, basis, next_contact_on) "
                "values (%(on)s, 'run', %(key)s, 'all', %(n)s, 1, 2, 1, 3, %(state)s, 0.7, 0.2, 0.1, %(severity)s, "
                "'own', %(on)s)",
                {"on": on, "key": key, "n": on.day, "state": state, "severity": severity},
            )
    dbt("run", "--select", "fct_pressure_state_history")


def held(warehouse: Warehouse) -> list[Interval]:
    rows = warehouse.rows(
        "select customer_id, valid_from, valid_to, state, severity from marts.fct_pressure_state_history order by 1, 2"
    )
    return [tuple(row.values()) for row in rows]


def intervals(days: Mapping[date, Told]) -> list[Interval]:
    """What the history has to be: each day that was run speaks up to the next one that was."""
    found: list[Interval] = []
    run_days = sorted(days)
    for key in sorted({key for told in days.values() for key in told}):
        since: date | None = None
        for position, on in enumerate(run_days):
            now = days[on].get(key)
            before = days[run_days[position - 1]].get(key) if position else None
            if now == before:
                continue
            if before and since:
                found.append((key, since, on, *before))
            since = on if now else None
        last = days[run_days[-1]].get(key)
        if last and since:
            found.append((key, since, None, *last))
    return found


def begin_anew(warehouse: Warehouse) -> None:
    warehouse.execute("drop table if exists marts.fct_pressure_state_history")


@pytest.mark.slow
def test_the_history_is_that_of_the_days_in_whatever_order_they_ran(warehouse: Warehouse, dbt: Dbt) -> None:
    chance = random.Random(5)
    keys = [f"c{n}" for n in range(12)]
    days = {
        day(n): {key: chance.choice(KINDS[: 2 + n % 4]) for key in keys if chance.random() < 0.8}
        for n in (0, 1, 2, 5, 6)
    }
    wanted = intervals(days)
    assert len(wanted) > 20
    for order in (sorted(days), sorted(days, reverse=True), [day(2), day(6), day(0), day(2), day(5), day(1), day(6)]):
        begin_anew(warehouse)
        for on in order:
            tell(warehouse, dbt, on, days[on])
        assert held(warehouse) == wanted, order


@pytest.mark.slow
def test_a_day_that_runs_again_says_what_it_says_now(warehouse: Warehouse, dbt: Dbt) -> None:
    calm, pressed, alone = ("balanced", "normal"), ("over", "high"), ("under", "high")
    tell(warehouse, dbt, day(0), {"a": calm, "b": calm, "merged": calm})
    tell(warehouse, dbt, day(1), {"a": pressed, "b": calm})
    assert held(warehouse) == [
        ("a", day(0), day(1), *calm), ("a", day(1), None, *pressed), ("b", day(0), None, *calm),
        ("merged", day(0), day(1), *calm),
    ]  # fmt: skip
    tell(warehouse, dbt, day(1), {"a": calm, "b": calm, "new": alone})
    now = [("a", day(0), None, *calm), ("b", day(0), None, *calm), ("merged", day(0), day(1), *calm),
           ("new", day(1), None, *alone)]  # fmt: skip
    assert held(warehouse) == now
    # nothing was scored on the third day, and a rebuild of everything is none of the history
    begin(warehouse, day(2))
    dbt("run", "--select", "fct_pressure_state_history", "--full-refresh")
    assert held(warehouse) == now
    tell(warehouse, dbt, day(2), {"a": calm, "b": pressed, "new": alone})
    dbt("test", "--select", "fct_pressure_state_history,test_name:one_state_at_a_time")
    asked = {
        number: {row["customer_id"]: row["state"] for row in warehouse.rows(
            "select customer_id, state from marts.fct_pressure_state_history "
            "where valid_from <= %(on)s and (valid_to is null or valid_to > %(on)s)", {"on": day(number)}
        )} for number in (-1, 0, 1, 9)
    }  # fmt: skip
    assert asked == {
        -1: {},
        0: {"a": "balanced", "b": "balanced", "merged": "balanced"},
        1: {"a": "balanced", "b": "balanced", "new": "under"},
        9: {"a": "balanced", "b": "over", "new": "under"},
    }


@pytest.mark.slow
def test_the_rule_of_one_state_a_day_sees_an_overlap(warehouse: Warehouse, dbt: Dbt) -> None:
    tell(warehouse, dbt, day(0), {"a": ("balanced", "normal")})
    warehouse.execute(
        "insert into marts.fct_pressure_state_history select customer_id, channel, valid_from + 1, null, 'over', severity, "
        "probability_over, ratio from marts.fct_pressure_state_history"
    )
    with pytest.raises(pytest.fail.Exception, match="one_state_at_a_time"):
        dbt("test", "--select", "fct_pressure_state_history,test_name:one_state_at_a_time")


@pytest.mark.slow
def test_verdicts_on_channels_and_bands_of_risk_have_their_history(warehouse: Warehouse, dbt: Dbt) -> None:
    """A verdict without a channel to name is a state like any other; a day told again says what it says now."""
    told = {
        day(0): {"a": ("active", None), "b": ("gone", None)},
        day(1): {"a": ("shifted", "sms"), "b": ("gone", None)},
        day(3): {"a": ("shifted", "direct"), "b": ("gone", None), "c": ("drifting", None)},
    }
    for on in (day(0), day(3), day(1), day(1)):
        tell_churn(warehouse, dbt, on, told[on])
    rows = warehouse.rows(
        "select customer_id, valid_from, valid_to, verdict, shifted_to from marts.fct_channel_attrition_history order by 1, 2"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("a", day(0), day(1), "active", None), ("a", day(1), day(3), "shifted", "sms"),
        ("a", day(3), None, "shifted", "direct"), ("b", day(0), None, "gone", None), ("c", day(3), None, "drifting", None),
    ]  # fmt: skip
    rows = warehouse.rows(
        "select customer_id, valid_from, valid_to, risk_band, p_active from marts.fct_churn_history order by 1, 2"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("a", day(0), day(1), "low", None), ("a", day(1), None, "medium", None), ("b", day(0), None, "low", None),
        ("c", day(3), None, "low", None),
    ]  # fmt: skip
    histories = ("fct_churn_history", "fct_channel_attrition_history")
    dbt("test", "--select", *(f"{name},test_name:one_state_at_a_time" for name in histories))


def tell_churn(warehouse: Warehouse, dbt: Dbt, on: date, told: Mapping[str, tuple[str, str | None]]) -> None:
    """The churn stage's verdicts and bands of a day, and dbt's run of both histories on it."""
    begin(warehouse, on)
    with warehouse.transaction():
        warehouse.execute("delete from scores.channel_attrition; delete from scores.churn_customer")
        for key, (verdict, shifted_to) in told.items():
            warehouse.execute(
                "insert into scores.channel_attrition (as_of, run_id, customer_id, channel, responses, recent_responses, "
                "expected_responses, p_disengaged, verdict, shifted_to, basis) "
                "values (%(on)s, 'run', %(key)s, 'email', 3, 1, 2, 0.5, %(verdict)s, %(to)s, 'own')",
                {"on": on, "key": key, "verdict": verdict, "to": shifted_to},
            )
            warehouse.execute(
                "insert into scores.churn_customer (as_of, run_id, customer_id, p_alive, expected_orders, expected_value, "
                "risk_band, main_reason) values (%(on)s, 'run', %(key)s, 0.5, 1, 2, %(band)s, 'silence')",
                {"on": on, "key": key, "band": "medium" if shifted_to else "low"},
            )
    dbt("run", "--select", "fct_channel_attrition_history", "fct_churn_history")
