"""Publish is atomic: a reader sees the tables of one run, never a half, never a mixture."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import psycopg2
import psycopg2.errors
import pytest

from millibar.warehouse.connect import Warehouse
from millibar.warehouse.publish import publish

DAY = date(2025, 3, 1)
ROUNDS = 12


def build_reporting(warehouse: Warehouse, version: int, rows: int = 200) -> None:
    """What dbt leaves in reporting: tables made anew, here all rows of one version."""
    with warehouse.transaction():
        warehouse.execute("create schema if not exists reporting")
        for table in ("rpt_a", "rpt_b"):
            warehouse.execute(f"drop table if exists reporting.{table}")
            warehouse.execute(
                f"create table reporting.{table} as "
                "select n as id, %(version)s::int as version from generate_series(1, %(rows)s) as n",
                {"version": version, "rows": rows},
            )


READ_BOTH = """
select 'a' as table_name, count(*), min(version), max(version) from bi.rpt_a
union all select 'b', count(*), min(version), max(version) from bi.rpt_b order by 1
"""


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_a_reader_in_a_loop_never_sees_a_missing_or_mixed_table(
    warehouse: Warehouse, reader_uri: str, isolation: str
) -> None:
    build_reporting(warehouse, 0)
    publish(warehouse, "run-0", DAY)
    faults: list[str] = []
    seen: set[int] = set()
    stop = threading.Event()

    def read() -> None:
        connection = psycopg2.connect(reader_uri)
        connection.set_session(isolation_level=isolation)
        try:
            while not stop.is_set():
                with connection, connection.cursor() as cursor:
                    cursor.execute(READ_BOTH)
                    (_, count_a, low_a, high_a), (_, count_b, low_b, high_b) = cursor.fetchall()
                    seen.add(low_a)
                    if count_a != 200 or count_b != 200 or len({low_a, high_a, low_b, high_b}) != 1:
                        faults.append(f"{count_a} {count_b} {low_a}..{high_a} {low_b}..{high_b}")
                    if isolation != "read committed":  # one snapshot for the whole transaction
                        cursor.execute(READ_BOTH)
                        if {row[2] for row in cursor.fetchall()} != {low_a}:
                            faults.append("the snapshot changed inside a transaction")
        except psycopg2.Error as fault:
            faults.append(str(fault))
        finally:
            connection.close()

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for version in range(1, ROUNDS + 1):
        build_reporting(warehouse, version)
        publish(warehouse, f"run-{version}", DAY)
    stop.set()
    for reader in readers:
        reader.join()
    assert faults == []
    assert len(seen) > 2, "the readers must have read between publishes"


def test_a_publish_that_fails_half_way_changes_nothing(warehouse: Warehouse) -> None:
    build_reporting(warehouse, 1)
    publish(warehouse, "run-1", DAY)
    build_reporting(warehouse, 2)
    # rpt_b is published after rpt_a: a column that no longer fits makes the publish fail when a is done already
    warehouse.execute("create view reporting.rpt_c as select 1 / (n - n) as broken from generate_series(1, 2) as n")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        publish(warehouse, "run-2", DAY)
    assert warehouse.rows("select distinct version from bi.rpt_a") == [{"version": 1}]
    assert warehouse.value("select run_id from bi.publication where table_name = 'rpt_a'") == "run-1"


def test_a_new_column_and_a_table_that_went_away_are_carried_over(warehouse: Warehouse, reader_uri: str) -> None:
    build_reporting(warehouse, 1)
    publish(warehouse, "run-1", DAY)
    warehouse.execute("alter table reporting.rpt_a add column label text default 'x'")
    warehouse.execute("drop table reporting.rpt_b")
    assert publish(warehouse, "run-2", DAY) == 200
    with Warehouse.open(reader_uri) as reader:
        assert reader.value("select count(*) from bi.rpt_a where label = 'x'") == 200
        with pytest.raises(psycopg2.errors.UndefinedTable):
            reader.value("select count(*) from bi.rpt_b")
    assert warehouse.rows("select table_name, rows from bi.publication") == [{"table_name": "rpt_a", "rows": 200}]


def test_an_older_day_never_replaces_a_newer_one(warehouse: Warehouse) -> None:
    build_reporting(warehouse, 2)
    publish(warehouse, "run-2", DAY)
    build_reporting(warehouse, 1)
    assert publish(warehouse, "backfill", DAY - timedelta(days=1)) == 0
    assert warehouse.rows("select distinct version from bi.rpt_a") == [{"version": 2}]
    assert warehouse.rows("select distinct as_of, run_id from bi.publication") == [{"as_of": DAY, "run_id": "run-2"}]


def test_publishing_nothing_is_refused(warehouse: Warehouse) -> None:
    warehouse.execute("create schema if not exists reporting")
    with pytest.raises(RuntimeError, match="holds no table"):
        publish(warehouse, "run", DAY)
