"""What a message shows of a value, and how the warehouse's URI reaches great_expectations."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import make_url

from millibar.quality.validation import shown, sqlalchemy_uri


@pytest.mark.parametrize(
    "value",
    ["email > sms", "o-17", "2025-03-01/crm.csv", "unresolved:1", 12, 1.5, Decimal("1.50"), True, None],
)
def test_plain_values_are_shown(value: object) -> None:
    assert shown(value) == str(value)


def test_dates_and_moments_are_shown() -> None:
    assert shown(date(2025, 3, 1)) == "2025-03-01"
    assert shown(datetime(2025, 3, 1, tzinfo=UTC)) == "2025-03-01 00:00:00+00:00"


@pytest.mark.parametrize(
    "value",
    ["jean.dupont@example.org", "+33 6 01 02 03 04", "0033601020304", "06 01 02 03 04", "Dupré", "x" * 61, "a\nb"],
)
def test_what_could_be_personal_is_a_digest(value: str) -> None:
    told = shown(value)
    assert told.startswith("hidden:")
    assert len(told) == len("hidden:") + 8
    assert value not in told
    assert told == shown(value)  # the same value can be told to be the same


def test_a_password_reaches_sqlalchemy_as_it_is() -> None:
    uri = sqlalchemy_uri("postgresql://millibar:a$b%40c%2F@127.0.0.1:5432/warehouse?sslmode=disable")
    assert "$" not in uri  # great_expectations would replace $b by a variable
    url = make_url(uri)
    assert (url.drivername, url.password, url.database) == ("postgresql+psycopg2", "a$b@c/", "warehouse")
    assert dict(url.query) == {"sslmode": "disable"}


def test_a_uri_without_a_host_is_refused() -> None:
    with pytest.raises(ValueError, match="with a host"):
        sqlalchemy_uri("postgresql:///warehouse?host=/tmp")
