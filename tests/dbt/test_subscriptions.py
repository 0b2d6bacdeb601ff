"""Feed subscriptions through dbt: whose they are, renewals and cancellations as they arrive, and unit tests of the model."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from dbt.invoked import UNCHECKED
from dbt.landed import begin, land
from dbt.stand_ins import identify
from millibar.warehouse.connect import Warehouse

DAY = date(2025, 6, 30)
Dbt = Callable[..., None]


def term(number: int, starts_on: date, days: int = 30, **more: Any) -> dict[str, Any]:
    return {
        "subscription_id": f"s{number}", "starts_on": starts_on, "ends_on": starts_on + timedelta(days=days - 1),
        "amount": 20, "currency": "EUR", "email": f"{number:032x}", **more,
    }  # fmt: skip


def build(warehouse: Warehouse, dbt: Dbt, day: date) -> dict[str, dict[str, Any]]:
    begin(warehouse, day)
    dbt("build", "--selector", "staging", *UNCHECKED)
    identify(warehouse)
    dbt("build", "--select", "int_identity__signature_customers", "fct_subscription")
    rows = warehouse.rows("select * from marts.fct_subscription")
    return {row["subscription_id"]: dict(row) for row in rows}


@pytest.mark.slow
def test_a_subscription_from_its_start_to_its_end(warehouse: Warehouse, dbt: Dbt) -> None:
    """Delivered, renewed by a new row, cancelled by the same row again; one customer by one e-mail."""
    first = DAY - timedelta(days=29)
    land(warehouse, "subscriptions", DAY, [
        term(1, first), term(2, first), term(3, first), term(4, DAY + timedelta(days=3)),
        term(5, first, email=f"{1:032x}"), term(6, first, 400, currency="USD", cancelled_on=DAY),
    ])  # fmt: skip
    found = build(warehouse, dbt, DAY)
    assert set(found) == {"s1", "s2", "s3", "s5", "s6"}  # s4 begins later
    assert not any(row["is_ended"] for row in found.values())
    assert found["s1"]["customer_id"] == found["s5"]["customer_id"] != found["s2"]["customer_id"]
    assert not found["s1"]["customer_id"].startswith("unresolved")
    assert found["s6"]["cancelled_on"] == DAY
    assert found["s6"]["currency"] == "USD"
    assert 0 < found["s6"]["amount"] != 20

    later = DAY + timedelta(days=5)
    land(warehouse, "subscriptions", later, [
        term(1, DAY + timedelta(days=1)), term(2, first, cancelled_on=DAY), term(7, later, crm_id=f"{77:032x}"),
    ])  # fmt: skip
    found = build(warehouse, dbt, later)
    assert set(found) == {"s1", "s2", "s3", "s4", "s5", "s6", "s7"}
    assert (found["s1"]["terms"], found["s1"]["started_on"]) == (2, first)
    assert {name for name, row in found.items() if row["is_ended"]} == {"s2"}  # cancelled and over
    found = build(warehouse, dbt, DAY + timedelta(days=15))
    assert {name for name, row in found.items() if row["is_ended"]} == {"s2", "s3", "s5"}  # beyond the days of grace
