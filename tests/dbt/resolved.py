"""An identity written by hand: which customer each node belongs to, as the identity stage would have left it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from millibar.warehouse.connect import Warehouse

# (node type, value) -> customer; or customer and why the value is unusable; or these and the confidence
Place = str | tuple[str, str | None] | tuple[str, str | None, float]
Identity = Mapping[tuple[str, str], Place]


def resolve(warehouse: Warehouse, identity: Identity) -> None:
    """Fill scores.identity_nodes and scores.identity_clusters, in place of what they held."""
    run = warehouse.rows("select run_id, as_of from ops.run_context")[0]
    shared = {"as_of": run["as_of"], "run_id": run["run_id"]}
    nodes, clusters = [], []
    for (kind, value), place in identity.items():
        customer, reason, confidence = _told(place)
        if kind != "record":
            nodes.append(
                {"identifier_type": kind, "value_hash": value, "node_hash": value, "is_usable": reason is None,
                 "reason": reason} | shared
            )  # fmt: skip
        clusters.append(
            {"node_type": kind, "node_hash": value, "customer_id": customer, "is_known": kind == "record",
             "confidence": confidence} | shared
        )  # fmt: skip
    with warehouse.transaction():
        for table, rows in (("scores.identity_nodes", nodes), ("scores.identity_clusters", clusters)):
            warehouse.execute(f"delete from {table}")
            if rows:
                warehouse.append(table, pa.Table.from_pylist(rows))


def _told(place: Place) -> tuple[str, str | None, float]:
    if isinstance(place, str):
        return place, None, 1.0
    return (place[0], place[1], 1.0) if len(place) == 2 else place


def event(warehouse: Warehouse, day: date, kind: str, customer: str, other: str) -> None:
    """A merge (``other`` became an alias of ``customer``) or a split (``other`` left ``customer``)."""
    warehouse.execute(
        "insert into scores.identity_events (event, customer_id, other_customer_id, because, as_of, run_id) "
        "values (%(kind)s, %(customer)s, %(other)s, 'test', %(day)s, 'run')",
        {"kind": kind, "customer": customer, "other": other, "day": day},
    )
