"""The binary COPY format: what goes in comes out of PostgreSQL, for every kind and its extremes."""

from __future__ import annotations

import hashlib
import io
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millibar.sources.encoding import copy_bytes, encode_column, hexadecimal, join_fields, md5
from millibar.warehouse.connect import Warehouse

AMOUNTS = "0.0000 0.0001 -0.0100 1.0000 9999.9999 10000.0000 -999999999.9999 12345678901234.5678"
MOMENTS = [datetime(1900, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, 1, 2, 3, 456789, UTC)]
KINDS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "text": (pa.string(), ["", 'a\tb\n"c"', "é€😀", "x" * 100_000]),
    "timestamptz": (pa.timestamp("us", "UTC"), MOMENTS),
    "date": (pa.date32(), [date(1900, 1, 1), date(2000, 1, 1), date(2100, 12, 31)]),
    "numeric(18, 4)": (pa.decimal128(18, 4), [Decimal(text) for text in AMOUNTS.split()]),
    "bigint": (pa.int64(), [0, -1, 2**62]),
    "double precision": (pa.float64(), [0.0, -1.5, 1e300]),
    "boolean": (pa.bool_(), [True, False]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_arrive_as_they_were(warehouse: Warehouse, kind: str) -> None:
    arrow, values = KINDS[kind]
    values = [*values, None]
    places = pa.array(range(len(values)), pa.int64())
    array = pa.array([None, *values], arrow).slice(1)  # an array that is part of another
    rows = join_fields([*encode_column(places), *encode_column(array)])
    warehouse.execute(f"create temp table arrived (place bigint, value {kind})")
    with warehouse.connection.cursor() as cursor:
        cursor.copy_expert("copy arrived from stdin with (format binary)", io.BytesIO(copy_bytes(rows, 2).to_pybytes()))
    found = warehouse.rows("select value, value::text as shown from arrived order by place")
    assert [entry["value"] for entry in found] == values
    if kind.startswith("numeric"):
        assert found[0]["shown"] == "0.0000"


def test_hashes_are_those_of_the_standard_library() -> None:
    values = [b"", b"a", b"\x00\xff" * 50]
    digests = md5(pa.array(values, pa.binary()))
    expected = [hashlib.md5(value) for value in values]
    assert digests.to_pylist() == [digest.digest() for digest in expected]
    assert hexadecimal(digests).to_pylist() == [digest.hexdigest() for digest in expected]
    assert hexadecimal(digests.slice(1)).to_pylist() == [digest.hexdigest() for digest in expected[1:]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), min_size=2, max_size=8, unique=True))
def test_different_pairs_never_encode_alike(pairs: list[tuple[str, str]]) -> None:
    columns = [pa.array([pair[place] for pair in pairs], pa.string()) for place in (0, 1)]
    rows = join_fields([piece for column in columns for piece in encode_column(column)])
    assert len(set(rows.to_pylist())) == len(pairs)


def test_uuid_is_its_sixteen_bytes(warehouse: Warehouse) -> None:
    value = uuid.uuid5(uuid.NAMESPACE_DNS, "example.org")
    rows = join_fields(encode_column(pa.array([value.bytes], pa.binary(16))))
    warehouse.execute("create temp table arrived (value uuid)")
    with warehouse.connection.cursor() as cursor:
        cursor.copy_expert("copy arrived from stdin with (format binary)", io.BytesIO(copy_bytes(rows, 1).to_pybytes()))
    assert warehouse.value("select value::text from arrived") == str(value)
