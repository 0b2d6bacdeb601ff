"""The components a change touches, loaded from the stored edges as one graph."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass

import pandas as pd

from millibar.identity.customer_ids import Ids
from millibar.identity.graph import EDGE_COLUMNS, NODE_COLUMNS, Graph
from millibar.identity.periods import ALWAYS, FOREVER
from millibar.identity.resolution import Past
from millibar.identity.rules import RECORD
from millibar.pipeline.stages.identity.observed import by_indexes
from millibar.pipeline.stages.identity.progress import Progress
from millibar.pipeline.stages.identity.tables import INTEGER, NUMBER, TEXT, YES_NO, frame
from millibar.warehouse.connect import Warehouse

GUARDED = ("given_name", "family_name", "name_key", "birth_date", "loyalty_id")

TOUCHED_MEMBERS = """
    create temp table members on commit drop as
    with named as (select distinct node_type, node_hash from touched)
    select node_type, node_hash from named
    union
    select c.node_type, c.node_hash
    from (
        select distinct k.component from named as t
        inner join scores.identity_clusters as k on k.node_type = t.node_type and k.node_hash = t.node_hash
    ) as wanted
    inner join scores.identity_clusters as c on c.component = wanted.component
"""
ALL_MEMBERS = f"""
    create temp table members on commit drop as
    select identifier_type as node_type, node_hash from scores.identity_nodes
    union
    select '{RECORD}', record_key from intermediate.int_identity__record_versions where not is_gone
    union
    select node_type, node_hash from scores.identity_clusters
"""  # noqa: S608
# A node lives while a row, a link or a record's past names it.
SIGHTINGS = f"""
    create temp table sighted on commit drop as
    select node_type, node_hash, min(first_seen_at) as first_seen_at from (
        select m.node_type, m.node_hash, s.first_seen_at
        from members as m
        inner join scores.identity_nodes as n on n.identifier_type = m.node_type and n.node_hash = m.node_hash
        inner join intermediate.int_identity__seen as s
            on s.identifier_type = n.identifier_type and s.value_hash = n.value_hash
        union all
        select m.node_type, m.node_hash, l.observed_at
        from members as m
        inner join scores.identity_nodes as n on n.identifier_type = m.node_type and n.node_hash = m.node_hash
        inner join intermediate.int_identity__linked as l
            on l.left_type = n.identifier_type and l.left_hash = n.value_hash
        where not l.is_gone
        union all
        select m.node_type, m.node_hash, l.observed_at
        from members as m
        inner join scores.identity_nodes as n on n.identifier_type = m.node_type and n.node_hash = m.node_hash
        inner join intermediate.int_identity__linked as l
            on l.right_type = n.identifier_type and l.right_hash = n.value_hash
        where not l.is_gone
        union all
        select m.node_type, m.node_hash, r.updated_at
        from members as m
        inner join intermediate.int_identity__record_versions as r on r.record_key = m.node_hash and not r.is_gone
        where m.node_type = '{RECORD}'
        union all
        select m.node_type, m.node_hash, e.first_seen_at
        from members as m
        inner join scores.identity_edges as e on e.left_type = m.node_type and e.left_node = m.node_hash
        where e.rule = '{RECORD}'
        union all
        select m.node_type, m.node_hash, e.first_seen_at
        from members as m
        inner join scores.identity_edges as e on e.right_type = m.node_type and e.right_node = m.node_hash
        where e.rule = '{RECORD}'
    ) as seen
    group by node_type, node_hash
"""  # noqa: S608
CLOSURE = """
    create temp table closure on commit drop as
    select
        row_number() over (order by s.node_type collate "C", s.node_hash collate "C") - 1 as place,
        s.node_type, s.node_hash, s.first_seen_at, q.reason as fault, k.customer_id as previous_id
    from sighted as s
    left join scores.identity_quarantine as q on q.node_type = s.node_type and q.node_hash = s.node_hash
    left join scores.identity_clusters as k on k.node_type = s.node_type and k.node_hash = s.node_hash
"""
NODES = f"""
    select c.node_type, c.node_hash,
        coalesce((extract(epoch from c.first_seen_at) * 1000000)::bigint, {FOREVER}), n.reason, n.is_usable, c.fault,
        c.previous_id
    from closure as c
    left join lateral (
        select min(v.reason) as reason, bool_and(v.is_usable) as is_usable from scores.identity_nodes as v
        where v.identifier_type = c.node_type and v.node_hash = c.node_hash
    ) as n on true
    order by c.place
"""  # noqa: S608
ALL_NODES = f"""
    select c.node_type, c.node_hash,
        coalesce((extract(epoch from c.first_seen_at) * 1000000)::bigint, {FOREVER}), n.reason, n.is_usable, c.fault,
        c.previous_id
    from closure as c
    left join (
        select v.identifier_type, v.node_hash, min(v.reason) as reason, bool_and(v.is_usable) as is_usable
        from scores.identity_nodes as v group by 1, 2
    ) as n on n.identifier_type = c.node_type and n.node_hash = c.node_hash
    order by c.place
"""  # noqa: S608
# The edges between records that the links make are derived from the others, each time anew.
EDGES = f"""
    select l.place, r.place, e.rule, e.score,
        coalesce((extract(epoch from e.first_seen_at) * 1000000)::bigint, {ALWAYS}),
        coalesce((extract(epoch from e.last_seen_at) * 1000000)::bigint, {FOREVER}),
        e.status, e.reason, e.uses
    from closure as l
    inner join scores.identity_edges as e on e.left_type = l.node_type and e.left_node = l.node_hash
    inner join closure as r on r.node_type = e.right_type and r.node_hash = e.right_node
    where l.fault is null and r.fault is null
        and not (e.left_type = '{RECORD}' and e.right_type = '{RECORD}' and e.rule in ('identity_link', 'same_row'))
    order by l.place, r.place, e.rule collate "C"
"""  # noqa: S608
FEATURES = f"""
    select {", ".join(f"f.{name}" for name in GUARDED)}
    from closure as c left join pii.identity_features as f on f.record_key = c.node_hash
    where c.node_type = '{RECORD}' order by c.place
"""  # noqa: S608
ALIASES = """
    with recursive chain as (
        select e.other_customer_id, e.customer_id, e.as_of
        from (select distinct previous_id from closure) as c
        inner join scores.identity_events as e on e.customer_id = c.previous_id and e.event = 'merge'
        union
        select e.other_customer_id, e.customer_id, e.as_of
        from chain inner join scores.identity_events as e
            on e.customer_id = chain.other_customer_id and e.event = 'merge'
    )
    select other_customer_id, customer_id from chain order by as_of, customer_id desc
"""
LIVING = """
    select distinct k.customer_id from scores.identity_clusters as k
    where k.customer_id = any(%(ids)s) and not exists (
        select 1 from members as m where m.node_type = k.node_type and m.node_hash = k.node_hash
    )
"""


@dataclass(frozen=True)
class Closure:
    """``graph`` with ``judged`` (status, reason, uses of its edges so far), ``features`` of its records, ``past``."""

    graph: Graph
    judged: pd.DataFrame
    features: pd.DataFrame
    past: Past


def gather(warehouse: Warehouse, progress: Progress) -> int:
    """Fill the temporary tables ``members`` and ``closure``; returns how many nodes the closure has."""
    warehouse.execute("drop table if exists pg_temp.members, pg_temp.sighted, pg_temp.closure")
    warehouse.execute("analyze touched")
    for table, statement in (
        ("members", ALL_MEMBERS if progress.is_full else TOUCHED_MEMBERS),
        ("sighted", SIGHTINGS),
        ("closure", CLOSURE),
    ):
        with nullcontext() if progress.is_full else by_indexes(warehouse):
            warehouse.execute(statement)
        warehouse.execute(f"create index on {table} (node_hash)")
        warehouse.execute(f"analyze {table}")
    return int(warehouse.value("select count(*) from closure"))


def load(warehouse: Warehouse, progress: Progress) -> Closure:
    """The closure as a graph, with what was decided about it before."""
    types = dict(zip(NODE_COLUMNS, (TEXT, TEXT, INTEGER, TEXT, YES_NO, TEXT), strict=True)) | {"previous_id": TEXT}
    nodes = frame(warehouse, ALL_NODES if progress.is_full else NODES, types)
    told = (INTEGER, INTEGER, TEXT, NUMBER, INTEGER, INTEGER, TEXT, TEXT, TEXT)
    columns = (*EDGE_COLUMNS, "reason", "uses")
    edges = frame(warehouse, EDGES, dict(zip(columns, told, strict=True)))
    guarded = frame(warehouse, FEATURES, dict.fromkeys(GUARDED, TEXT))
    previous: Ids = nodes.pop("previous_id").to_numpy(dtype=object)
    graph = Graph(nodes[NODE_COLUMNS], edges[EDGE_COLUMNS])
    past = Past(previous, _aliases(warehouse), lambda ids: _living(warehouse, progress, ids))
    return Closure(graph, edges[["status", "reason", "uses"]], guarded, past)


def _aliases(warehouse: Warehouse) -> dict[str, str]:
    rows = frame(warehouse, ALIASES, {"other_customer_id": TEXT, "customer_id": TEXT})
    return dict(zip(rows["other_customer_id"].tolist(), rows["customer_id"].tolist(), strict=True))


def _living(warehouse: Warehouse, progress: Progress, ids: Iterable[str]) -> set[str]:
    if progress.is_full:
        return set()
    wanted = list(ids)
    found: set[str] = set()
    for start in range(0, len(wanted), 10_000):
        rows = warehouse.rows(LIVING, {"ids": wanted[start : start + 10_000]})
        found |= {row["customer_id"] for row in rows}
    return found
