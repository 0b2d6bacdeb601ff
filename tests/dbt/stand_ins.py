"""The simplest stages between the dbt layers: enough to build all models, a function of the data alone."""

from __future__ import annotations

import pyarrow as pa

from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.warehouse.connect import Warehouse

SCORED = ("identity_nodes", "identity_clusters", "attribution_weight", "pressure_tolerance", "churn_customer")


def identify(warehouse: Warehouse) -> None:
    """Customers are the connected components of the links, named by their smallest identifier."""
    nodes = [
        (row["identifier_type"], row["value_hash"])
        for row in warehouse.rows("select identifier_type, value_hash from intermediate.int_identity__identifiers")
    ]
    parent = {node: node for node in nodes}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for link in warehouse.rows(
        "select left_type, left_hash, right_type, right_hash from intermediate.int_identity__links"
    ):
        left, right = root((link["left_type"], link["left_hash"])), root((link["right_type"], link["right_hash"]))
        parent[max(left, right)] = min(left, right)
    records = [
        ("record", row["record_key"], next(((kind, row[kind]) for kind in IDENTIFIER_TYPES if row[kind]), None))
        for row in warehouse.rows("select * from intermediate.int_identity__records")
    ]
    run = warehouse.rows("select run_id, as_of from ops.run_context")[0]
    shared = {"as_of": run["as_of"], "run_id": run["run_id"]}
    _refill(
        warehouse,
        "scores.identity_nodes",
        [
            {"identifier_type": kind, "value_hash": value, "node_hash": value, "is_usable": True} | shared
            for kind, value in nodes
        ],
    )
    _refill(
        warehouse,
        "scores.identity_clusters",
        [
            {
                "node_type": kind,
                "node_hash": value,
                "customer_id": "c:" + ":".join(root(first)),
                "is_known": root(first)[0] != "cookie_id",
                "confidence": 1.0,
            }
            | shared
            for kind, value, first in [*((kind, value, (kind, value)) for kind, value in nodes), *records]
            if first
        ],
    )


def score(warehouse: Warehouse) -> None:
    """Weights, tolerances and churn by formula."""
    with warehouse.transaction():
        for table in ("attribution_weight", "pressure_tolerance", "churn_customer"):
            warehouse.execute(f"delete from scores.{table}")
        warehouse.execute(
            """
            insert into scores.attribution_weight (month, model, channel, weight, as_of, run_id)
            select month::date, 'markov', channel, 0.1 + mod(channel_code, 7) / 10.0, r.as_of, r.run_id
            from ops.run_context r, seeds.channel_profiles,
                generate_series(timestamp '2025-01-01', r.as_of::timestamp, interval '1 month') month
            """
        )
        warehouse.execute(
            """
            insert into scores.pressure_tolerance (as_of, run_id, customer_id, tolerance, engagement, basis)
            select r.as_of, r.run_id, customer_id, 2 + length(customer_id) / 20.0, 1, 'own'
            from ops.run_context r, (select distinct customer_id from intermediate.int_pressure__current) c
            """
        )
        warehouse.execute(
            """
            insert into scores.churn_customer
                (as_of, run_id, customer_id, p_alive, expected_orders, expected_value, risk_band, main_reason)
            select r.as_of, r.run_id, customer_id, exp(-(r.as_of - last_order_on) / 90.0), 1, revenue,
                'medium', 'silence'
            from ops.run_context r, intermediate.int_churn__customer
            """
        )


def _refill(warehouse: Warehouse, table: str, rows: list[dict[str, object]]) -> None:
    with warehouse.transaction():
        warehouse.execute(f"delete from {table}")
        warehouse.append(table, pa.Table.from_pylist(rows))
