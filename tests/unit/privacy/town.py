"""A town of a few customers, as runs leave it: rows in raw, clear values in pii, clusters, signatures, facts."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field
from typing import Any

from millibar.settings import Settings
from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse

TABLES = """
    create schema intermediate;
    create schema marts;
    create table intermediate.int_identity__signatures (signature uuid, crm_id text, loyalty_id text, email text,
        phone text, device_id text, cookie_id text, social_handle text, postal_key text, records bigint);
    create table intermediate.int_identity__row_signatures (_row_key uuid, signature uuid, seen_at timestamptz);
    create table intermediate.int_identity__signature_customers (signature uuid, valid_from timestamptz,
        valid_to timestamptz, customer_id text);
    create table marts.fct_touchpoint (_row_key uuid, customer_id text, occurred_at timestamptz);
    create table marts.fct_order (_row_key uuid, customer_id text, amount numeric);
    create table marts.dim_customer (customer_id text, email text, phone text);
    create table marts.identity_crosswalk (record_key text, customer_id text, valid_from date);
    create table marts.dim_household (household_id text, customer_id text);
"""
COMMON = "_source, _batch_id, _file, _row_number, _loaded_at, _delivered_on, _row_hash, _row_key"
NODE_FIELDS = ("identifier_type", "value_hash", "node_hash", "is_usable", "reason")


@dataclass
class Town:
    """Add rows, say who is who with :meth:`belongs`, then :meth:`build` what a run makes of it."""

    warehouse: Warehouse
    settings: Settings
    rows: list[tuple[str, str, str, dict[str, str]]] = field(default_factory=list)  # feed, row key, time, hashes

    def __post_init__(self) -> None:
        self.warehouse.execute(TABLES)
        self.batch = self.warehouse.value(
            "insert into ops.load_batches (source, feed, file, delivered_on, status, rows_read, rows_loaded)"
            " values ('crm', 'any', 'f', '2025-03-01', 'loaded', 100, 100) returning batch_id"
        )

    def hash(self, kind: str, value: str) -> str:
        return hash_value(self.settings.hash_key, kind, value)

    def value(
        self, kind: str, value: str, customer: str, *, normal: str = "", usable: bool = True, reason: str | None = None
    ) -> None:
        """A value as delivered, its node, and the customer the node is."""
        form, node = self.hash(kind, value), self.hash(kind, normal or value)
        self._insert("pii.identifier_values", identifier_type=kind, value_hash=form, value=value, first_batch_id=1)
        named = zip(NODE_FIELDS, (kind, form, node, usable, reason), strict=True)
        self._insert("scores.identity_nodes", **dict(named), as_of="2025-03-01", run_id="r")
        self.belongs(kind, node, customer)

    def belongs(self, kind: str, node: str, customer: str) -> None:
        self.warehouse.execute(
            "insert into scores.identity_clusters (node_type, node_hash, customer_id, is_known, confidence, as_of, run_id)"
            " values (%(k)s, %(n)s, %(c)s, true, 1, '2025-03-01', 'r') on conflict do nothing",
            {"k": kind, "n": node, "c": customer},
        )

    def record(self, record_id: str, customer: str, **carried: str) -> None:
        key = self._row("customers", "2025-01-01", carried, record_id=record_id, updated_at="2025-01-01")
        self._insert(
            "pii.customers",
            _row_key=key,
            _batch_id=self.batch,
            _source="crm",
            record_id=record_id,
            first_name=record_id,
        )
        self.belongs("record", f"crm:{record_id}", customer)
        self._insert("marts.identity_crosswalk", record_key=f"crm:{record_id}", customer_id=customer)

    def touch(self, name: str, at: str, **carried: str) -> None:
        key = self._row(
            "touchpoints", at, carried, touchpoint_id=name, occurred_at=at, channel="email", event_type="click"
        )
        self._insert(
            "pii.touchpoints",
            _row_key=key,
            _batch_id=self.batch,
            _source="crm",
            touchpoint_id=name,
            comment=f"by {name}",
        )

    def order(self, name: str, at: str, amount: int, **carried: str) -> None:
        self._row("orders", at, carried, order_id=name, ordered_at=at, amount=amount)

    def consent(self, at: str, **carried: str) -> None:
        self._row("consents", at, carried, changed_at=at, channel="email", granted=True)

    def link(self, left_type: str, left: str, right_type: str, right: str) -> None:
        self._insert(
            "raw.identity_links",
            **self._technical(),
            left_type=left_type, left_value=self.hash(left_type, left),
            right_type=right_type, right_value=self.hash(right_type, right), observed_at="2025-01-01",
        )  # fmt: skip

    def edge(self, left_type: str, left: str, right_type: str, right: str, status: str = "accepted") -> None:
        self._insert(
            "scores.identity_edges",
            left_type=left_type, left_node=left, right_type=right_type, right_node=right, rule="record", score=1,
            evidence=1, status=status, as_of="2025-03-01", run_id="r",
        )  # fmt: skip

    def build(self) -> None:
        """Signatures, their customers in time, facts and the customers' table."""
        signatures: dict[str, dict[str, str]] = {}
        for _, key, at, hashes in self.rows:
            signature = str(uuid.UUID(hashlib.md5(repr(sorted(hashes.items())).encode()).hexdigest()))
            signatures[signature] = hashes
            self._insert("intermediate.int_identity__row_signatures", _row_key=key, signature=signature, seen_at=at)
        for signature, hashes in signatures.items():
            self._insert("intermediate.int_identity__signatures", signature=signature, records=1, **hashes)
            for found in self._customers(hashes):
                self._insert("intermediate.int_identity__signature_customers", signature=signature, **found)
        self.warehouse.execute(
            """
            insert into marts.fct_touchpoint
            select t._row_key, c.customer_id, t.occurred_at from raw.touchpoints as t
            join intermediate.int_identity__row_signatures as s using (_row_key)
            join intermediate.int_identity__signature_customers as c on c.signature = s.signature
                and s.seen_at >= coalesce(c.valid_from, '-infinity') and s.seen_at < coalesce(c.valid_to, 'infinity')
            """
        )
        self.warehouse.execute(
            """
            insert into marts.fct_order
            select t._row_key, c.customer_id, t.amount from raw.orders as t
            join intermediate.int_identity__row_signatures as s using (_row_key)
            join intermediate.int_identity__signature_customers as c on c.signature = s.signature
            """
        )
        self.warehouse.execute(
            "insert into marts.dim_customer (customer_id) select distinct customer_id from scores.identity_clusters"
        )

    def owners(self) -> dict[str, str]:
        """Touchpoint -> customer."""
        rows = self.warehouse.rows(
            "select touchpoint_id, customer_id from raw.touchpoints join marts.fct_touchpoint using (_row_key)"
        )
        return {row["touchpoint_id"]: row["customer_id"] for row in rows}

    def clear_values(self) -> set[str]:
        return {row["value"] for row in self.warehouse.rows("select value from pii.identifier_values")}

    def stones(self) -> set[tuple[str, str]]:
        rows = self.warehouse.rows("select identifier_type, value_hash from ops.erased_identifiers")
        return {(row["identifier_type"], row["value_hash"]) for row in rows}

    def _customers(self, hashes: dict[str, str]) -> list[dict[str, Any]]:
        for kind in IDENTIFIER_TYPES:
            if kind not in hashes:
                continue
            node = {"k": kind, "h": hashes[kind]}
            periods = self.warehouse.rows(
                "select p.customer_id, p.valid_from, p.valid_to from scores.identity_periods as p"
                " join scores.identity_nodes as n on n.identifier_type = p.node_type and n.node_hash = p.node_hash"
                " where n.identifier_type = %(k)s and n.value_hash = %(h)s",
                node,
            )
            return periods or self.warehouse.rows(
                "select c.customer_id from scores.identity_clusters as c join scores.identity_nodes as n"
                " on n.identifier_type = c.node_type and n.node_hash = c.node_hash"
                " where n.identifier_type = %(k)s and n.value_hash = %(h)s",
                node,
            )
        return []

    def _row(self, feed: str, at: str, carried: dict[str, str], **columns: Any) -> str:
        technical = self._technical()
        hashes = {kind: self.hash(kind, value) for kind, value in carried.items()}
        self._insert(f"raw.{feed}", **technical, **columns, **hashes)
        self.rows.append((feed, technical["_row_key"], at, hashes))
        return str(technical["_row_key"])

    def _technical(self) -> dict[str, Any]:
        key = str(uuid.uuid4())
        values = ("crm", self.batch, "f", len(self.rows), "2025-03-01", "2025-03-01", key, key)
        return dict(zip(COMMON.split(", "), values, strict=True))

    def _insert(self, table: str, **columns: Any) -> None:
        names = ", ".join(columns)
        places = ", ".join(f"%({name})s" for name in columns)
        self.warehouse.execute(f"insert into {table} ({names}) values ({places})", columns)
