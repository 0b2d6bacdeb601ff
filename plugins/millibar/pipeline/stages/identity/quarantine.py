"""Quarantine: unusable values and hubs. Evidence that touches one is held; who was tied to one is clustered again."""

from __future__ import annotations

import pandas as pd

from millibar.identity.rules import RECORD, IdentityRules
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity.progress import Progress
from millibar.pipeline.stages.identity.tables import upload
from millibar.warehouse.connect import Warehouse

SUSPECTS = f"""
    create temp table suspects on commit drop as
    select distinct node_type, node_hash from touched where node_type <> '{RECORD}'
"""  # noqa: S608
ALL_SUSPECTS = """
    create temp table suspects on commit drop as
    select distinct identifier_type as node_type, node_hash from scores.identity_nodes
"""
# Distinct neighbours of a node by their type, of those that count: usable, and not of the past.
FAULTS = """
    create temp table faults on commit drop as
    with ties as (
        select s.node_type, s.node_hash, e.right_type as other_type, e.right_node as other_node
        from suspects as s
        inner join scores.identity_edges as e on e.left_type = s.node_type and e.left_node = s.node_hash
        where e.status <> 'ended'
        union
        select s.node_type, s.node_hash, e.left_type, e.left_node
        from suspects as s
        inner join scores.identity_edges as e on e.right_type = s.node_type and e.right_node = s.node_hash
        where e.status <> 'ended'
    ),
    counted as (
        select t.node_type, t.node_hash, t.other_type, count(*) as others
        from ties as t
        left join scores.identity_nodes as u
            on u.identifier_type = t.other_type and u.value_hash = t.other_node and not u.is_usable
        where u.value_hash is null
        group by 1, 2, 3
    ),
    hubs as (
        select distinct on (c.node_type, c.node_hash) c.node_type, c.node_hash,
            c.node_type || ' tied to more than ' || l.most || ' of ' || l.counted_type as reason
        from counted as c
        inner join hub_limits as l on l.node_type = c.node_type and l.counted_type = c.other_type
        where c.others > l.most
        order by c.node_type, c.node_hash, l.place
    ),
    unusable as (
        select s.node_type, s.node_hash, s.node_type || ' unusable: ' || min(n.reason) as reason
        from suspects as s
        inner join scores.identity_nodes as n on n.identifier_type = s.node_type and n.node_hash = s.node_hash
        group by s.node_type, s.node_hash
        having not bool_and(n.is_usable)
    )
    select coalesce(u.node_type, h.node_type) as node_type, coalesce(u.node_hash, h.node_hash) as node_hash,
        coalesce(u.reason, h.reason) as reason
    from unusable as u full join hubs as h on h.node_type = u.node_type and h.node_hash = u.node_hash
"""
FLIPS = """
    create temp table flips on commit drop as
    select s.node_type, s.node_hash
    from suspects as s
    left join faults as f on f.node_type = s.node_type and f.node_hash = s.node_hash
    left join scores.identity_quarantine as q on q.node_type = s.node_type and q.node_hash = s.node_hash
    where f.reason is distinct from q.reason
"""
RELEASED = """
    delete from scores.identity_quarantine as q using flips as f
    where q.node_type = f.node_type and q.node_hash = f.node_hash
"""
DETAINED = """
    insert into scores.identity_quarantine (node_type, node_hash, reason, as_of, run_id)
    select a.node_type, a.node_hash, a.reason, %(as_of)s, %(run_id)s
    from faults as a inner join flips as f on f.node_type = a.node_type and f.node_hash = a.node_hash
"""
NEIGHBOURS = """
    insert into touched
    select e.right_type, e.right_node from flips as f
    inner join scores.identity_edges as e on e.left_type = f.node_type and e.left_node = f.node_hash
    union
    select e.left_type, e.left_node from flips as f
    inner join scores.identity_edges as e on e.right_type = f.node_type and e.right_node = f.node_hash
"""
HELD = """
    update scores.identity_edges as e
    set status = 'held', reason = q.reason, uses = 'contact', as_of = %(as_of)s, run_id = %(run_id)s
    from faults as q
    where e.{side}_type = q.node_type and e.{side}_node = q.node_hash and e.status <> 'ended'
        and (e.status, e.reason) is distinct from ('held', q.reason)
        {unless}
"""
UNLESS_LEFT = """
        and not exists (select 1 from scores.identity_quarantine as o
            where o.node_type = e.left_type and o.node_hash = e.left_node)
"""


def isolate(warehouse: Warehouse, run: RunContext, rules: IdentityRules, progress: Progress) -> int:
    """Judge the touched identifiers (in a full run all) and hold the edges of those in quarantine.

    Returns the rows written. Leaves the nodes whose standing changed in ``flips``; their neighbours are touched.
    """
    warehouse.execute("drop table if exists pg_temp.suspects, pg_temp.faults, pg_temp.flips")
    limits = pd.DataFrame(
        [(limit.node_type, limit.counted_type, limit.limit, place) for place, limit in enumerate(rules.limits)],
        columns=["node_type", "counted_type", "most", "place"],
    )
    upload(warehouse, "hub_limits", "node_type text, counted_type text, most bigint, place bigint", limits)
    suspects = ALL_SUSPECTS if progress.is_full else SUSPECTS
    for name, statement in (("suspects", suspects), ("faults", FAULTS), ("flips", FLIPS)):
        warehouse.execute(statement)
        warehouse.execute(f"analyze {name}")
    told = {"as_of": run.as_of, "run_id": run.run_id}
    released = warehouse.execute(RELEASED)
    detained = warehouse.execute(DETAINED, told)
    warehouse.execute(NEIGHBOURS)
    held = warehouse.execute(HELD.format(side="left", unless=""), told)
    held += warehouse.execute(HELD.format(side="right", unless=UNLESS_LEFT), told)
    return max(released, detained) + held
