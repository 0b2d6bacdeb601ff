"""A database of sound data that the suites pass, and states of it that are broken in one place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from millibar.quality.suites import LAYERS, Gate, load_layer
from millibar.quality.validation import Outcome, SuiteValidator
from millibar.warehouse.connect import Warehouse

PROJECT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
DAY = "2025-03-02"  # the business date of the sound data
BUILT_SCHEMAS = ("seeds", "marts", "reporting")

_WRITTEN = re.compile(r"\b(?:update|insert into|delete from)\s+(\w+\.\w+)")


def contracts() -> dict[str, dict[str, str]]:
    """``marts.x`` and ``reporting.x`` -> column -> type, from the contracts beside the dbt models."""
    found: dict[str, dict[str, str]] = {}
    for schema in ("marts", "reporting"):
        for path in sorted((PROJECT / "dbt_project" / "models" / schema).rglob("*.yml")):
            for model in yaml.safe_load(path.read_text()).get("models") or []:
                columns = model.get("columns") or []
                found[f"{schema}.{model['name']}"] = {column["name"]: column["data_type"] for column in columns}
    return found


def all_gates() -> list[Gate]:
    return [gate for layer in LAYERS for gate in load_layer(PROJECT / "expectations", layer).gates]


class Ground:
    """The sound database, and the suites held against it or against a broken state of it."""

    def __init__(self, warehouse: Warehouse, validator: SuiteValidator) -> None:
        self._warehouse = warehouse
        self._validator = validator

    def check(self, gate: Gate) -> list[Outcome]:
        return self._validator.check(gate, gate.table, self._columns(gate.table), {"as_of": DAY, "run_id": "run"})

    def _columns(self, table: str) -> list[str]:
        schema, name = table.split(".")
        sql = """
            select column_name from information_schema.columns
            where table_schema = %(schema)s and table_name = %(name)s
        """
        return [row["column_name"] for row in self._warehouse.rows(sql, {"schema": schema, "name": name})]

    @contextmanager
    def broken(self, sql: str) -> Iterator[None]:
        """The database after these statements; sound again afterwards."""
        tables = set(_WRITTEN.findall(sql))
        assert tables, f"the break writes no table: {sql}"
        try:
            assert self._warehouse.execute(sql) != 0, f"the break changes no row: {sql}"
            yield
        finally:
            for table in tables:
                self._warehouse.execute(f"delete from {table}")
                override = "overriding system value" if table == "ops.load_batches" else ""
                self._warehouse.execute(f"insert into {table} {override} select * from {kept_name(table)}")


def kept_name(table: str) -> str:
    return f"sound.{table.replace('.', '_')}"


def build(warehouse: Warehouse) -> None:
    """Tables without any constraint (a break must be possible), filled with sound data, and a copy of each."""
    for schema in (*BUILT_SCHEMAS, "sound"):
        warehouse.execute(f"create schema {schema}")
    for seed in sorted((PROJECT / "dbt_project" / "seeds").glob("*.csv")):
        columns = seed.read_text().splitlines()[0].split(",")
        warehouse.execute(f"create table seeds.{seed.stem} ({', '.join(f'{column} text' for column in columns)})")
    for table, columns in contracts().items():
        definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        warehouse.execute(f"create table {table} ({definition})")
    _drop_constraints(warehouse)
    for layer in LAYERS:
        warehouse.execute((HERE / "good_data" / f"{layer}.sql").read_text())
    for table in _tables(warehouse, ("raw", "pii", "ops", "scores", *BUILT_SCHEMAS)):
        warehouse.execute(f"create table {kept_name(table)} as select * from {table}")


def _tables(warehouse: Warehouse, schemas: Sequence[str]) -> list[str]:
    sql = """
        select table_schema || '.' || table_name as name from information_schema.tables
        where table_schema = any(%(schemas)s) and table_type = 'BASE TABLE'
    """
    return [row["name"] for row in warehouse.rows(sql, {"schemas": list(schemas)})]


def _drop_constraints(warehouse: Warehouse) -> None:
    constraints = """
        select conrelid::regclass as relation, conname as name from pg_constraint
        where contype in ('c', 'p', 'u') and connamespace in (
            select oid from pg_namespace where nspname in ('raw', 'pii', 'ops', 'scores')
        )
    """
    for row in warehouse.rows(constraints):
        warehouse.execute(f'alter table {row["relation"]} drop constraint "{row["name"]}" cascade')
    columns = """
        select attrelid::regclass as relation, attname as name from pg_attribute
        join pg_class on pg_class.oid = attrelid and relkind = 'r'
        where attnotnull and attnum > 0 and attidentity = '' and relnamespace in (
            select oid from pg_namespace where nspname in ('raw', 'pii', 'ops', 'scores')
        )
    """
    for row in warehouse.rows(columns):
        warehouse.execute(f'alter table {row["relation"]} alter column "{row["name"]}" drop not null')


def breaks() -> dict[str, dict[str, Any]]:
    """Table -> rule -> the SQL that breaks it, or a mapping of ``sql`` and ``also``."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((HERE / "breaks").glob("*.yml")):
        found |= yaml.safe_load(path.read_text())
    return found
