"""What loader and dbt leave for the identity stage, written by hand: records, rows with identifiers, links."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa

from millibar.settings import Settings
from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse

START = datetime(2025, 1, 1, tzinfo=UTC)
PERSONAL = ("first_name", "last_name", "birth_date", "street", "postal_code", "city")

SCHEMA = f"""
create schema if not exists intermediate;
create table intermediate.int_identity__signatures (
    signature uuid primary key, {", ".join(f"{name} text" for name in IDENTIFIER_TYPES)},
    records bigint, customer_records bigint, first_seen_at timestamptz, last_seen_at timestamptz, change_id bigint
);
create table intermediate.int_identity__seen (
    signature uuid, trust_order integer, identifier_type text, value_hash text, records bigint,
    customer_records bigint, first_seen_at timestamptz, last_seen_at timestamptz, change_id bigint
);
create table intermediate.int_identity__linked (
    _row_key uuid primary key, left_type text, left_hash text, right_type text, right_hash text,
    observed_at timestamptz, is_gone boolean, change_id bigint
);
create table intermediate.int_identity__record_versions (
    record_key text primary key, source text, record_id text, {", ".join(f"{name} text" for name in IDENTIFIER_TYPES)},
    country text, updated_at timestamptz, _row_key uuid, is_gone boolean, change_id bigint
);
"""


@dataclass
class Row:
    """A delivered row that carries identifiers; of the customers feed or of another."""

    identifiers: dict[str, str]
    day: float
    is_record: bool


def at(day: float) -> datetime:
    return START + timedelta(days=day)


class Feeds:
    """Keeps delivered rows and writes what dbt would make of them, with a change_id a delivery."""

    def __init__(self, warehouse: Warehouse, settings: Settings) -> None:
        self.warehouse, self.key = warehouse, settings.hash_key
        self.rows: dict[str, Row] = {}
        self.change = 0
        self.known: set[str] = set()
        warehouse.execute(SCHEMA)

    def value(self, kind: str, value: str) -> str:
        """The hash of a value as delivered; its clear text goes where the loader puts it."""
        hashed = hash_value(self.key, kind, value)
        if hashed not in self.known:
            self.known.add(hashed)
            self._put(
                "pii.identifier_values",
                {"identifier_type": kind, "value_hash": hashed, "value": value, "first_batch_id": 1},
            )
        return hashed

    def record(self, key: str, day: float = 0, **fields: str) -> None:
        """A CRM record, or the next version of it: identifiers and personal fields by name."""
        hashes = {kind: self.value(kind, fields[kind]) for kind in IDENTIFIER_TYPES if kind in fields}
        source, _, record_id = key.partition(":")
        row_key = str(uuid.uuid5(uuid.NAMESPACE_OID, key))
        self.warehouse.execute("delete from pii.customers where _row_key = %(key)s", {"key": row_key})
        self._put(
            "pii.customers",
            {"_row_key": row_key, "_batch_id": 1, "_source": source, "record_id": record_id}
            | {name: fields.get(name) for name in PERSONAL},
        )
        self._version(key, row_key, hashes, day, fields.get("country"), is_gone=False)
        self._deliver(key, Row(hashes, day, is_record=True))

    def without_record(self, key: str) -> None:
        """A corrected file no longer holds the record."""
        self.change += 1
        self.warehouse.execute(
            "update intermediate.int_identity__record_versions set is_gone = true, change_id = %(change)s "
            "where record_key = %(key)s",
            {"key": key, "change": self.change},
        )
        self._deliver(key, None)

    def row(self, name: str, day: float = 0, **identifiers: str) -> None:
        """A touchpoint, an order: any row with identifiers. The same name again replaces it."""
        self._deliver(name, Row({kind: self.value(kind, v) for kind, v in identifiers.items()}, day, is_record=False))

    def without_row(self, name: str) -> None:
        self._deliver(name, None)

    def link(self, left: tuple[str, str], right: tuple[str, str], day: float = 0) -> None:
        self._link(left, right, day, is_gone=False)

    def without_link(self, left: tuple[str, str], right: tuple[str, str], day: float = 0) -> None:
        self._link(left, right, day, is_gone=True)

    def _link(self, left: tuple[str, str], right: tuple[str, str], day: float, *, is_gone: bool) -> None:
        self.change += 1
        key = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{left}{right}{day}"))
        table = "intermediate.int_identity__linked"
        self.warehouse.execute(f"delete from {table} where _row_key = %(key)s", {"key": key})
        self._put(table, {
            "_row_key": key, "left_type": left[0], "left_hash": self.value(*left), "right_type": right[0],
            "right_hash": self.value(*right), "observed_at": at(day), "is_gone": is_gone, "change_id": self.change,
        })  # fmt: skip

    def _version(
        self, key: str, row_key: str, hashes: dict[str, str], day: float, country: str | None, *, is_gone: bool
    ) -> None:
        self.change += 1
        table = "intermediate.int_identity__record_versions"
        self.warehouse.execute(f"delete from {table} where record_key = %(key)s", {"key": key})
        source, _, record_id = key.partition(":")
        self._put(
            table,
            {"record_key": key, "source": source, "record_id": record_id, "country": country, "updated_at": at(day)}
            | {"_row_key": row_key, "is_gone": is_gone, "change_id": self.change}
            | {kind: hashes.get(kind) for kind in IDENTIFIER_TYPES},
        )

    def _deliver(self, name: str, row: Row | None) -> None:
        before = self.rows.pop(name, None)
        if row is not None:
            self.rows[name] = row
        self.change += 1
        for changed in (before, row):
            if changed is not None and changed.identifiers:
                self._combine(changed.identifiers)

    def _combine(self, identifiers: dict[str, str]) -> None:
        """The combination of identifiers as int_identity__signatures and __seen have it."""
        signature = str(uuid.uuid5(uuid.NAMESPACE_OID, repr(sorted(identifiers.items()))))
        rows = [row for row in self.rows.values() if row.identifiers == identifiers]
        times = [at(row.day) for row in rows] or [None]
        told = {
            "records": len(rows), "customer_records": sum(row.is_record for row in rows), "first_seen_at": min(times),
            "last_seen_at": max(times), "change_id": self.change,
        }  # fmt: skip
        for table in ("signatures", "seen"):
            self.warehouse.execute(
                f"delete from intermediate.int_identity__{table} where signature = %(key)s", {"key": signature}
            )
        self._put(
            "intermediate.int_identity__signatures",
            {"signature": signature} | {kind: identifiers.get(kind) for kind in IDENTIFIER_TYPES} | told,
        )
        if rows:
            for kind, hashed in identifiers.items():
                order = IDENTIFIER_TYPES.index(kind) + 1
                self._put("intermediate.int_identity__seen", {
                    "signature": signature, "trust_order": order, "identifier_type": kind, "value_hash": hashed,
                } | told)  # fmt: skip

    def _put(self, table: str, row: dict[str, Any]) -> None:
        present = {name: [value] for name, value in row.items() if value is not None}
        self.warehouse.append(table, pa.Table.from_pandas(pd.DataFrame(present), preserve_index=False))
