"""The readers: blocks of any size give the same rows and lines; JSON, Parquet and SQL; faults cost one line."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millibar.sources import broken_text, delimited
from millibar.sources.blocks import FileError
from millibar.sources.definition import Dialect
from millibar.sources.delimited import read_delimited
from millibar.sources.json_lines import read_json_lines
from millibar.sources.tables import read_parquet
from millibar.warehouse.connect import Warehouse
from unit.sources.shop import TOUCHPOINTS, Shop

Rows = list[tuple[int, tuple[str | None, ...]]]


PLAIN = Dialect()


def read(contents: bytes, dialect: Dialect = PLAIN, wanted: tuple[str, ...] = ("a", "b")) -> tuple[Rows, list[int]]:
    """((line, values) of each row, lines at fault)."""
    rows: Rows = []
    faults: list[int] = []
    for block in read_delimited(io.BytesIO(contents), dialect, wanted):
        columns = [block.columns[name].to_pylist() for name in wanted if name in block.columns]
        rows += zip(block.lines.tolist(), zip(*columns, strict=True), strict=True)
        faults += [fault.line for fault in block.faults]
    return rows, faults


VALUES = st.text(alphabet='ab,"\n é;', max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(VALUES, VALUES), max_size=30), size=st.sampled_from([20, 64, 1 << 20]), crlf=st.booleans()
)
def test_whatever_a_csv_writer_writes_is_read_back_with_its_lines(
    rows: list[tuple[str, str]], size: int, crlf: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", size)
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n" if crlf else "\n")
    expected: Rows = []
    line = 2
    writer.writerow(("a", "b"))
    for entry in rows:
        writer.writerow(entry)
        expected.append((line, tuple(value or None for value in entry)))
        line += 1 + sum(value.count("\n") for value in entry)
    assert read(out.getvalue().encode()) == (expected, [])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(broken=st.lists(st.text(alphabet='a,"\n\r\0é', max_size=8), max_size=12), size=st.sampled_from([16, 1 << 20]))
def test_no_contents_stop_the_reader_and_no_line_is_counted_twice(
    broken: list[str], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", size)
    contents = "a,b\n" + "\n".join(broken)
    rows, faults = read(contents.encode())
    lines = [line for line, _ in rows] + faults
    assert len(lines) == len(set(lines))
    assert all(2 <= line <= 1 + contents.count("\n") + contents.count("\r") for line in lines)


def test_blocks_with_and_without_faults_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Good rows are the same whether Arrow reads the block or the line reader does."""
    good = [f'{number},"x ""{number}"" y"' for number in range(200)]
    contents = "a,b\n" + "\n".join(good)
    fast = read(contents.encode())
    slow = read((contents + "\nlonely\n").encode())
    assert slow[0] == fast[0]
    assert slow[1] == [202]


def test_open_quote_is_followed_over_blocks_then_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 100)
    monkeypatch.setattr(broken_text, "MAX_RECORD_BYTES", 50_000)
    rows = "".join(f"{number},{'x' * 40}\n" for number in range(5000))
    read_rows, faults = read(f'a,b\n0,"open\n{rows}'.encode())
    assert faults == [2]
    assert [line for line, _ in read_rows] == list(range(3, 5003))


def test_names_replace_the_header_and_lines_before_it_are_skipped() -> None:
    dialect = Dialect(names=("a", "b"), skip_lines=2, null_values=("NULL",))
    assert read(b"made by a tool\n\nx,y\n1,NULL\n", dialect) == ([(4, ("1", None))], [])
    assert read(b"1,2\n", Dialect(header=False, names=("a", "b"))) == ([(1, ("1", "2"))], [])


def test_columns_set_apart_by_blanks() -> None:
    dialect = Dialect(delimiter=None, quote="")
    assert read(b"  a   b\r\n 1 \t 2\r\n3 4\r\n5 6 7\r\n", dialect) == ([(2, ("1", "2")), (3, ("3", "4"))], [4])


def test_values_broken_over_lines_without_quotes_are_joined_only_where_asked() -> None:
    contents = b"a\tb\tc\n1\tx/\ny\t\n2\tz\tw\nlost\n3\tu\tv\n"
    joining = Dialect(delimiter="\t", quote="", join_broken_lines=True)
    assert read(contents, joining) == ([(2, ("1", "x/\ny")), (4, ("2", "z")), (6, ("3", "u"))], [5])
    assert read(contents, Dialect(delimiter="\t", quote=""))[1] == [2, 3, 5]


# ---------------------------------------------------------------- JSON lines


def test_json_lines_at_fault_cost_themselves() -> None:
    contents = b'{"a": 1, "b": "x"}\n\nnot json\n[1]\n{"a": "\xe9"}\n{"a": 2, "b": {"deep": 1}}\n{"b": null}'
    blocks = list(read_json_lines(io.BytesIO(contents), ("a", "b")))
    (block,) = blocks
    columns = (block.columns[name].to_pylist() for name in ("a", "b"))
    found = list(zip(block.lines.tolist(), *columns, strict=True))
    assert found == [(1, "1", "x"), (6, "2", '{"deep": 1}'), (7, None, None)]
    assert [(fault.line, fault.reason.split(";")[0].split(":")[0]) for fault in block.faults] == [
        (3, "the line is not JSON"),
        (4, "the line holds a list"),
        (5, "byte 0xE9 at character 8 is no utf-8"),
    ]


def test_json_text_that_looks_like_a_time_stays_text() -> None:
    contents = "\n".join(json.dumps({"a": "2025-01-01 10:00:00", "b": number}) for number in range(5)).encode()
    (block,) = read_json_lines(io.BytesIO(contents), ("a", "b"))
    assert block.columns["a"].type == pa.string()
    assert block.columns["b"].to_pylist() == [0, 1, 2, 3, 4]
    assert block.raw_line(3) == '{"a": "2025-01-01 10:00:00", "b": 3}'


# ---------------------------------------------------------------- Parquet


def test_parquet_that_is_none_is_refused() -> None:
    with pytest.raises(FileError, match="not a readable Parquet file"):
        list(read_parquet(io.BytesIO(b"PAR1 no"), ("a",)))


def test_parquet_with_nested_column_says_how_to_mend_it(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pa.table({"a": [[1, 2]]}), tmp_path / "x.parquet")
    with pytest.raises(FileError, match=r"column 'a' holds list.*flatten it"):
        list(read_parquet((tmp_path / "x.parquet").open("rb"), ("a",)))


def test_parquet_types_load_as_text_or_typed(shop: Shop) -> None:
    shop = shop.use(TOUCHPOINTS.replace("csv*", "parquet").replace("format: csv", "format: parquet"))
    table = pa.table(
        {
            "id": pa.array([1.0, 2.0]),  # a whole number that a null made float
            "at": pa.array([1_740_736_800_000, None], pa.timestamp("ms", "UTC")),
            "channel": pa.array(["email", "email"]).dictionary_encode(),
            "event": pa.array(["open", "open"], pa.large_string()),
            "cost": pa.array([1, 2], pa.decimal128(9, 2)),
            "email": ["a@example.org", "b@example.org"],
        }
    )
    pyarrow.parquet.write_table(table, shop.deliver(b"", "news.parquet"))
    shop.load()
    assert shop.raw("touchpoint_id, cost, _row_number") == [("1", 1, 1)]
    (rejected,) = shop.rejected()
    assert (rejected["line"], rejected["reason"]) == (2, "occurred_at is empty; it is required")
    assert json.loads(rejected["raw_line"])["email"] == "b@example.org"


# ---------------------------------------------------------------- SQL on an Airflow connection

QUERY = """
source: shop_orders
feed: orders
format: sql
sql:
  connection: shop_database
  query: select * from shop_orders where changed_at > %(cursor)s order by changed_at
  cursor: changed_at
columns: {order_id: number, ordered_at: changed_at, amount: total, email: email}
limits: {max_rejected_share: 0.5}
"""


@pytest.fixture
def orders(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_DATABASE", shop.settings.warehouse_uri)
    shop.warehouse.execute("create table shop_orders (number int, changed_at timestamptz, total numeric, email text)")
    return shop.use(QUERY)


def sell(warehouse: Warehouse, number: int, day: int, total: str = "10") -> None:
    warehouse.execute(
        "insert into shop_orders values (%(number)s, make_timestamptz(2025, 2, %(day)s, 0, 0, 0), %(total)s, 'a@b.c')",
        {"number": number, "day": day, "total": total},
    )


def cursor(shop: Shop) -> str | None:
    return shop.warehouse.value("select cursor_value from ops.source_state")  # type: ignore[no-any-return]


def test_query_loads_what_is_new_since_the_cursor(orders: Shop) -> None:
    sell(orders.warehouse, 1, 1)
    sell(orders.warehouse, 2, 2)
    assert orders.load().total("loaded") == 2
    assert cursor(orders) == "2025-02-02 00:00:00+00:00"
    assert orders.load().total("read") == 0
    sell(orders.warehouse, 3, 3)
    sell(orders.warehouse, 1, 4, "99")
    assert orders.load(as_of=date(2025, 3, 2)).total("read") == 2
    assert orders.raw("order_id, amount", "orders") == [("1", 99), ("2", 10), ("3", 10)]


def test_failed_extraction_does_not_move_the_cursor(orders: Shop) -> None:
    sell(orders.warehouse, 1, 1)
    sell(orders.warehouse, 2, 2, "-5")
    sell(orders.warehouse, 3, 3, "-5")
    (failed,) = orders.load().failed
    assert "2 of 3 rows are refused" in (failed.message or "")
    assert cursor(orders) is None
    orders.warehouse.execute("update shop_orders set total = 5")
    assert orders.load().total("loaded") == 3
    assert [batch["status"] for batch in orders.batches()] == ["loaded"]


def test_query_that_fails_and_connection_that_is_missing_are_named(
    orders: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = orders.use(QUERY.replace("from shop_orders", "from nowhere"))
    (failed,) = broken.load().failed
    assert "the query on connection 'shop_database' failed: relation \"nowhere\" does not exist" in (
        failed.message or ""
    )
    monkeypatch.delenv("AIRFLOW_CONN_SHOP_DATABASE")
    (failed,) = orders.load().failed
    assert "Airflow connection 'shop_database' cannot be used" in (failed.message or "")
