"""What the stage writes of a resolution: only rows that changed, and only inside the closure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from millibar.identity.graph import Graph
from millibar.identity.periods import ALWAYS, FOREVER
from millibar.identity.resolution import Resolution
from millibar.identity.rules import RECORD
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity.closure import Closure
from millibar.pipeline.stages.identity.tables import keep, moments, upload
from millibar.pipeline.stages.scores import stamped
from millibar.warehouse.connect import Warehouse

IN_MEMBERS = "exists (select 1 from members as m where m.node_type = old.{kind} and m.node_hash = old.{node})"
OF_NODE = IN_MEMBERS.format(kind="node_type", node="node_hash")
OF_LEFT_RECORD = "exists (select 1 from members as m where m.node_type = 'record' and m.node_hash = old.left_record)"
OF_CUSTOMER = """
    old.customer_id in (select previous_id from closure union select customer_id from living_customers)
"""
LINKED_WITHIN = f"""
    old.left_type = '{RECORD}' and old.right_type = '{RECORD}' and old.rule in ('identity_link', 'same_row') and
    {IN_MEMBERS.format(kind="left_type", node="left_node")}
"""
JUDGED = """
    update scores.identity_edges as e
    set status = j.status, reason = j.reason, uses = j.uses, as_of = %(as_of)s, run_id = %(run_id)s
    from judged as j
    inner join closure as l on l.place = j.left_place
    inner join closure as r on r.place = j.right_place
    where e.left_type = l.node_type and e.left_node = l.node_hash and e.right_type = r.node_type
        and e.right_node = r.node_hash and e.rule = j.rule
"""
JUDGED_COLUMNS = "left_place bigint, right_place bigint, rule text, status text, reason text, uses text"


def write(warehouse: Warehouse, run: RunContext, closure: Closure, found: Resolution) -> int:
    """Write everything that changed; returns the rows written."""
    graph = closure.graph
    written = _edges(warehouse, run, closure, found)
    written += _linked(warehouse, run, graph, found)
    clusters = found.clusters.drop(columns="node")
    clusters.insert(0, "node_type", graph.types())
    clusters.insert(1, "node_hash", graph.nodes["node_hash"].to_numpy(dtype=object))
    key = ("node_type", "node_hash")
    written += keep(warehouse, run, "scores.identity_clusters", clusters, key, OF_NODE, quiet="component")
    written += _periods(warehouse, run, graph, found)
    written += _households(warehouse, run, found)
    written += _pairs(warehouse, run, closure, found)
    written += warehouse.append("scores.identity_events", stamped(found.events, run))
    return written


def _edges(warehouse: Warehouse, run: RunContext, closure: Closure, found: Resolution) -> int:
    before, now = closure.judged, found.edges
    differs = np.zeros(len(now), dtype=bool)
    for name in ("status", "reason", "uses"):
        one, other = before[name].to_numpy(dtype=object), now[name].to_numpy(dtype=object)
        differs |= (one != other) & ~(pd.isna(one) & pd.isna(other))
    if not differs.any():
        return 0
    edges = closure.graph.edges[differs]
    rows = now[differs].assign(
        left_place=edges["left"].to_numpy(), right_place=edges["right"].to_numpy(), rule=edges["rule"].to_numpy()
    )
    upload(warehouse, "judged", JUDGED_COLUMNS, rows)
    warehouse.execute("create index on closure (place)")
    return warehouse.execute(JUDGED, {"as_of": run.as_of, "run_id": run.run_id})


def _linked(warehouse: Warehouse, run: RunContext, graph: Graph, found: Resolution) -> int:
    linked = found.linked
    names = graph.nodes["node_hash"].to_numpy(dtype=object)
    rows = pd.DataFrame(
        {
            "left_type": RECORD,
            "left_node": names[linked["left"].to_numpy(np.int64)],
            "right_type": RECORD,
            "right_node": names[linked["right"].to_numpy(np.int64)],
            "rule": linked["rule"],
            "score": linked["score"],
            "evidence": 1,
            "first_seen_at": _times(linked["first_seen"]),
            "status": linked["status"],
            "reason": linked["reason"],
            "uses": linked["uses"],
        }
    )
    key = ("left_type", "left_node", "right_type", "right_node", "rule")
    return keep(warehouse, run, "scores.identity_edges", rows, key, LINKED_WITHIN)


def _periods(warehouse: Warehouse, run: RunContext, graph: Graph, found: Resolution) -> int:
    """The periods of a node are replaced as a whole where one of them differs."""
    node = found.periods["node"].to_numpy(np.int64)
    rows = pa.table(
        {
            "node_type": pa.array(graph.types()[node], pa.string()),
            "node_hash": pa.array(graph.nodes["node_hash"].to_numpy(dtype=object)[node], pa.string()),
            "customer_id": pa.array(found.periods["customer_id"], pa.string()),
            "valid_from": moments(found.periods["valid_from"], open_before=ALWAYS, open_after=FOREVER),
            "valid_to": moments(found.periods["valid_to"], open_before=ALWAYS, open_after=FOREVER),
        }
    )
    columns = "node_type text, node_hash text, customer_id text, valid_from timestamptz, valid_to timestamptz"
    upload(warehouse, "fresh_periods", columns, rows)
    names = "node_type, node_hash, customer_id, valid_from, valid_to"
    same = " and ".join(
        [f"old.{name} = fresh.{name}" for name in ("node_type", "node_hash", "customer_id")]
        + [f"old.{name} is not distinct from fresh.{name}" for name in ("valid_from", "valid_to")]
    )
    gone = warehouse.execute(
        f"delete from scores.identity_periods as old where {OF_NODE} "  # noqa: S608
        f"and not exists (select 1 from fresh_periods as fresh where {same})"
    )
    return gone + warehouse.execute(
        f"insert into scores.identity_periods ({names}, as_of, run_id) "  # noqa: S608
        f"select {names}, %(as_of)s, %(run_id)s from fresh_periods as fresh "
        f"where not exists (select 1 from scores.identity_periods as old where {same})",
        {"as_of": run.as_of, "run_id": run.run_id},
    )


def _households(warehouse: Warehouse, run: RunContext, found: Resolution) -> int:
    living = pd.DataFrame({"customer_id": found.clusters["customer_id"].unique().astype(object)})
    upload(warehouse, "living_customers", "customer_id text", living.astype({"customer_id": "str"}))
    return keep(warehouse, run, "scores.identity_households", found.households, ("customer_id",), OF_CUSTOMER)


def _pairs(warehouse: Warehouse, run: RunContext, closure: Closure, found: Resolution) -> int:
    names = closure.graph.nodes["node_hash"].to_numpy(dtype=object)
    customers = found.clusters["customer_id"].to_numpy(dtype=object)
    written = 0
    for table, pairs in (("scores.identity_refusals", found.refusals), ("scores.identity_review", found.review)):
        left, right = pairs["left"].to_numpy(np.int64), pairs["right"].to_numpy(np.int64)
        rows = pd.DataFrame(
            {
                "left_record": names[left],
                "right_record": names[right],
                "probability": pairs["probability"].to_numpy(float),
                "reason": pairs["reason"].to_numpy(dtype=object),
            }
        )
        if table.endswith("review"):
            rows["left_customer_id"], rows["right_customer_id"] = customers[left], customers[right]
        written += keep(warehouse, run, table, rows, ("left_record", "right_record"), OF_LEFT_RECORD)
    return written


def _times(microseconds: pd.Series) -> pd.Series:
    values = microseconds.to_numpy(np.int64)
    known = (values > ALWAYS) & (values < FOREVER)
    times = pd.Series(pd.NaT, index=range(len(values)), dtype="datetime64[us, UTC]")
    times[known] = pd.to_datetime(values[known], unit="us", utc=True)
    return times
