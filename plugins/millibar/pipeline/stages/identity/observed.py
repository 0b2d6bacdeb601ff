"""What was observed becomes edges: identifiers on one row, identity links, what records carry, decisions.

Every step adds the nodes whose evidence changed to the temporary table ``touched``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from millibar.identity.rules import IDENTITY_LINK, LINK_RULES, RECORD, SAME_ROW, IdentityRules
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity.nodes import unpivoted
from millibar.pipeline.stages.identity.progress import Progress
from millibar.warehouse.connect import Warehouse

KEYS = ("left_type", "left_node", "right_type", "right_node")
SAME_PAIR = " and ".join(f"{{0}}.{key} = {{1}}.{key}" for key in KEYS)

TOUCHED = "create temp table touched (node_type text not null, node_hash text not null) on commit drop"
OBSERVED = """
    create temp table observed (
        left_type text, left_node text, right_type text, right_node text, rule text, score double precision,
        evidence bigint, first_seen_at timestamptz, last_seen_at timestamptz
    ) on commit drop
"""
# Identifiers on changed rows, by node.
CHANGED_ROWS = f"""
    create temp table changed_rows on commit drop as
    select s.signature, n.identifier_type as node_type, n.node_hash
    from intermediate.int_identity__signatures as s
    cross join {unpivoted("s")}
    inner join scores.identity_nodes as n
        on n.identifier_type = carried.identifier_type and n.value_hash = carried.value_hash
    where s.change_id > %(signatures)s and carried.value_hash is not null
"""  # noqa: S608
# Pairs of nodes for which a changed row may say something else than before.
AFFECTED = """
    create temp table affected on commit drop as
    select l.node_type as left_type, l.node_hash as left_node, r.node_type as right_type, r.node_hash as right_node
    from changed_rows as l
    inner join changed_rows as r on r.signature = l.signature and l.node_type collate "C" < r.node_type collate "C"
    union
    select
        case when is_in_order then one_type else other_type end,
        case when is_in_order then one_node else other_node end,
        case when is_in_order then other_type else one_type end,
        case when is_in_order then other_node else one_node end
    from (
        select
            one.identifier_type as one_type, one.node_hash as one_node,
            other.identifier_type as other_type, other.node_hash as other_node,
            (one.identifier_type collate "C", one.node_hash collate "C")
            < (other.identifier_type collate "C", other.node_hash collate "C") as is_in_order
        from intermediate.int_identity__linked as l
        inner join scores.identity_nodes as one on one.identifier_type = l.left_type and one.value_hash = l.left_hash
        inner join scores.identity_nodes as other
            on other.identifier_type = l.right_type and other.value_hash = l.right_hash
        where l.change_id > %(linked)s
    ) as pairs
    where (one_type, one_node) <> (other_type, other_node)
"""
# Which end of a pair is on fewer rows: the rows of a hub's other end are looked up, not the hub's.
COUNTED = """
    create temp table counted on commit drop as
    select e.node_type, e.node_hash, s.rows
    from (
        select left_type as node_type, left_node as node_hash from affected
        union
        select right_type, right_node from affected
    ) as e
    cross join lateral (
        select count(*) as rows
        from scores.identity_nodes as n
        inner join intermediate.int_identity__seen as s
            on s.identifier_type = n.identifier_type and s.value_hash = n.value_hash
        where n.identifier_type = e.node_type and n.node_hash = e.node_hash
    ) as s
    where s.rows > 0
"""
RARER = """
    create temp table sought on commit drop as
    select a.*, l.rows <= r.rows as by_left
    from affected as a
    inner join counted as l on l.node_type = a.left_type and l.node_hash = a.left_node
    inner join counted as r on r.node_type = a.right_type and r.node_hash = a.right_node
"""
ON_ONE_ROW = """
    insert into observed
    select
        a.left_type, a.left_node, a.right_type, a.right_node, 'same_row', %(score)s,
        sum(s.records - s.customer_records), min(s.first_seen_at), max(s.last_seen_at)
    from sought as a
    inner join scores.identity_nodes as n on n.identifier_type = a.{one}_type and n.node_hash = a.{one}_node
    inner join intermediate.int_identity__seen as s
        on s.identifier_type = n.identifier_type and s.value_hash = n.value_hash
    inner join intermediate.int_identity__seen as o
        on o.signature = s.signature and o.identifier_type = a.{other}_type
    inner join scores.identity_nodes as m
        on m.identifier_type = o.identifier_type and m.value_hash = o.value_hash and m.node_hash = a.{other}_node
    where s.records > s.customer_records and {which}
    group by 1, 2, 3, 4
"""
ALL_ON_ONE_ROW = """
    insert into observed
    with named as (
        select s.signature, n.identifier_type, n.node_hash, s.records - s.customer_records as records,
            s.first_seen_at, s.last_seen_at
        from intermediate.int_identity__seen as s
        inner join scores.identity_nodes as n using (identifier_type, value_hash)
        where s.records > s.customer_records
    )
    select
        l.identifier_type, l.node_hash, r.identifier_type, r.node_hash, 'same_row', %(score)s,
        sum(l.records), min(l.first_seen_at), max(l.last_seen_at)
    from named as l
    inner join named as r on r.signature = l.signature and l.identifier_type collate "C" < r.identifier_type collate "C"
    group by 1, 2, 3, 4
"""
LINKED = """
    insert into observed
    select
        case when is_in_order then one_type else other_type end,
        case when is_in_order then one_node else other_node end,
        case when is_in_order then other_type else one_type end,
        case when is_in_order then other_node else one_node end,
        'identity_link', %(score)s, count(*), min(observed_at), max(observed_at)
    from (
        select
            one.identifier_type as one_type, one.node_hash as one_node,
            other.identifier_type as other_type, other.node_hash as other_node, l.observed_at,
            (one.identifier_type collate "C", one.node_hash collate "C")
            < (other.identifier_type collate "C", other.node_hash collate "C") as is_in_order
        from {rows} as l
        inner join scores.identity_nodes as one on one.identifier_type = l.left_type and one.value_hash = l.left_hash
        inner join scores.identity_nodes as other
            on other.identifier_type = l.right_type and other.value_hash = l.right_hash
    ) as pairs
    where (one_type, one_node) <> (other_type, other_node)
    group by 1, 2, 3, 4
"""
ALL_LINKS = "(select * from intermediate.int_identity__linked where not is_gone)"
# A link is kept in the order it was delivered in: both ways round are looked up.
LINKS_OF_AFFECTED = """(
    select distinct l._row_key, l.left_type, l.left_hash, l.right_type, l.right_hash, l.observed_at
    from affected as a
    inner join scores.identity_nodes as one on one.identifier_type = a.left_type and one.node_hash = a.left_node
    inner join scores.identity_nodes as other on other.identifier_type = a.right_type and other.node_hash = a.right_node
    cross join lateral (
        select * from intermediate.int_identity__linked as l
        where l.left_type = one.identifier_type and l.left_hash = one.value_hash
            and l.right_type = other.identifier_type and l.right_hash = other.value_hash and not l.is_gone
        union all
        select * from intermediate.int_identity__linked as l
        where l.left_type = other.identifier_type and l.left_hash = other.value_hash
            and l.right_type = one.identifier_type and l.right_hash = one.value_hash and not l.is_gone
    ) as l
)"""
BETWEEN_IDENTIFIERS = f"old.rule in {LINK_RULES} and old.left_type <> '{RECORD}' and old.right_type <> '{RECORD}'"
GONE = """
    with gone as (
        delete from scores.identity_edges as old {using}
        where {scope} and not exists (
            select 1 from observed where {same} and observed.rule = old.rule
        )
        returning old.left_type, old.left_node, old.right_type, old.right_node
    )
    insert into touched
    select left_type, left_node from gone union all select right_type, right_node from gone
"""
# When a pair was last seen matters only where several customers have been seen with one of its nodes.
NEWS = f"""
    insert into touched
    select ends.* from observed
    left join scores.identity_edges as old on {SAME_PAIR.format("old", "observed")} and old.rule = observed.rule
    cross join lateral (values
        (observed.left_type, observed.left_node), (observed.right_type, observed.right_node)
    ) as ends (node_type, node_hash)
    where
        old.rule is null or old.status = 'ended' or old.score <> observed.score
        or old.first_seen_at is distinct from observed.first_seen_at
        or (
            old.last_seen_at is distinct from observed.last_seen_at
            and (
                exists (select 1 from scores.identity_clusters as k
                    where k.node_type = ends.node_type and k.node_hash = ends.node_hash and k.confidence = 0)
                or exists (select 1 from scores.identity_periods as p
                    where p.node_type = ends.node_type and p.node_hash = ends.node_hash)
            )
        )
"""  # noqa: S608
UPSERT = """
    insert into scores.identity_edges as old
        (left_type, left_node, right_type, right_node, rule, score, evidence, first_seen_at, last_seen_at, status,
        as_of, run_id)
    select left_type, left_node, right_type, right_node, rule, score, evidence, first_seen_at, last_seen_at, 'accepted',
        %(as_of)s, %(run_id)s
    from observed
    on conflict (left_type, left_node, right_type, right_node, rule) do update set
        score = excluded.score, evidence = excluded.evidence, {times},
        status = case when old.status = 'ended' then 'accepted' else old.status end,
        as_of = excluded.as_of, run_id = excluded.run_id
    where
        (old.score, old.evidence, old.last_seen_at) is distinct from
        (excluded.score, excluded.evidence, excluded.last_seen_at) or old.status = 'ended' {differs}
"""
TIMES = "first_seen_at = excluded.first_seen_at, last_seen_at = excluded.last_seen_at"
TIMES_DIFFER = "or old.first_seen_at is distinct from excluded.first_seen_at"
# What a CRM record says of its past is overwritten by its next version: the first date heard is kept.
TIMES_KEPT = "first_seen_at = least(old.first_seen_at, excluded.first_seen_at), last_seen_at = excluded.last_seen_at"

CHANGED_RECORDS = """
    create temp table changed_records on commit drop as
    select record_key, is_gone, updated_at from intermediate.int_identity__record_versions
    where change_id > %(records)s
"""
FORGOTTEN_RECORDS = f"""
    insert into changed_records
    select node.node_hash, true, null from (
        select left_node as node_hash from scores.identity_edges where left_type = '{RECORD}'
        union select right_node from scores.identity_edges where right_type = '{RECORD}'
        union select node_hash from scores.identity_clusters where node_type = '{RECORD}'
        union select record_key from pii.identity_features
    ) as node
    where not exists (
        select 1 from intermediate.int_identity__record_versions as r where r.record_key = node.node_hash
    )
"""  # noqa: S608
EDGES_OF_GONE = """
    with gone as (
        delete from scores.identity_edges as old using changed_records as r
        where r.is_gone and old.{side}_type = 'record' and old.{side}_node = r.record_key
        returning old.left_type, old.left_node, old.right_type, old.right_node
    )
    insert into touched
    select left_type, left_node from gone union all select right_type, right_node from gone
"""
CARRIED = f"""
    insert into observed
    select distinct
        case when n.identifier_type collate "C" < 'record' then n.identifier_type else 'record' end,
        case when n.identifier_type collate "C" < 'record' then n.node_hash else r.record_key end,
        case when n.identifier_type collate "C" < 'record' then 'record' else n.identifier_type end,
        case when n.identifier_type collate "C" < 'record' then r.record_key else n.node_hash end,
        'record', %(score)s, 1, r.updated_at, r.updated_at
    from changed_records as c
    inner join intermediate.int_identity__record_versions as r on r.record_key = c.record_key
    cross join {unpivoted("r")}
    inner join scores.identity_nodes as n
        on n.identifier_type = carried.identifier_type and n.value_hash = carried.value_hash
    where not c.is_gone and carried.value_hash is not null
"""  # noqa: S608
DROPPED = """
    with dropped as (
        update scores.identity_edges as old
        set status = 'ended', reason = null, uses = 'contact', last_seen_at = r.updated_at, as_of = %(as_of)s,
            run_id = %(run_id)s
        from changed_records as r
        where
            not r.is_gone and old.rule = 'record' and old.status <> 'ended'
            and old.{side}_type = 'record' and old.{side}_node = r.record_key
            and not exists (select 1 from observed where {same} and observed.rule = old.rule)
        returning old.left_type, old.left_node, old.right_type, old.right_node
    ),
    ends as (
        insert into touched
        select left_type, left_node from dropped union all select right_type, right_node from dropped
    )
    select count(*) from dropped
"""
DECIDED = """
    insert into observed
    select
        'record', least(d.left_record collate "C", d.right_record collate "C"),
        'record', greatest(d.left_record collate "C", d.right_record collate "C"),
        d.decision, case when d.decision = 'must_link' then 1 else 0 end, 1, d.decided_at, d.decided_at
    from ops.identity_decisions as d
    inner join intermediate.int_identity__record_versions as l on l.record_key = d.left_record and not l.is_gone
    inner join intermediate.int_identity__record_versions as r on r.record_key = d.right_record and not r.is_gone
"""
CALLED = """
    with called as (delete from scores.identity_touched returning node_type, node_hash)
    insert into touched select node_type, node_hash from called
"""


def begin(warehouse: Warehouse) -> None:
    """No node is touched yet but those something outside the stage asked for."""
    for table, definition in (("touched", TOUCHED), ("observed", OBSERVED)):
        warehouse.execute(f"drop table if exists pg_temp.{table}")
        warehouse.execute(definition)
    warehouse.execute(CALLED)


def read_links(warehouse: Warehouse, run: RunContext, rules: IdentityRules, progress: Progress) -> int:
    """Edges between identifiers, of the pairs changed rows may say something about; returns the rows written."""
    warehouse.execute("truncate observed")
    if progress.is_full:
        _read_all(warehouse, rules)
        scope, using = BETWEEN_IDENTIFIERS, ""
    else:
        # plans that read whole tables would cost a day as much as a rebuild
        with by_indexes(warehouse):
            _read_affected(warehouse, rules, progress)
        scope = f"{SAME_PAIR.format('old', 'affected')} and {BETWEEN_IDENTIFIERS}"
        using = "using affected"
    gone = GONE.format(using=using, scope=scope, same=SAME_PAIR.format("observed", "old"))
    if progress.is_full:
        return _write(warehouse, run, gone)
    with by_indexes(warehouse):
        return _write(warehouse, run, gone)


def _read_all(warehouse: Warehouse, rules: IdentityRules) -> None:
    warehouse.execute(ALL_ON_ONE_ROW, {"score": rules.rule_scores[SAME_ROW]})
    warehouse.execute(LINKED.format(rows=ALL_LINKS), {"score": rules.rule_scores[IDENTITY_LINK]})


def _read_affected(warehouse: Warehouse, rules: IdentityRules, progress: Progress) -> None:
    for table, statement, index in (
        ("changed_rows", CHANGED_ROWS, "signature"),
        ("affected", AFFECTED, "left_node, right_node"),
        ("counted", COUNTED, "node_hash"),
        ("sought", RARER, "left_node"),
    ):
        warehouse.execute(f"drop table if exists pg_temp.{table}")
        warehouse.execute(statement, progress.parameters)
        warehouse.execute(f"create index on {table} ({index})")
        warehouse.execute(f"analyze {table}")
    for one, other, which in (("left", "right", "a.by_left"), ("right", "left", "not a.by_left")):
        statement = ON_ONE_ROW.format(one=one, other=other, which=which)
        warehouse.execute(statement, {"score": rules.rule_scores[SAME_ROW]})
    warehouse.execute(LINKED.format(rows=LINKS_OF_AFFECTED), {"score": rules.rule_scores[IDENTITY_LINK]})
    warehouse.execute("create index if not exists observed_pair on pg_temp.observed (left_node, right_node)")


@contextmanager
def by_indexes(warehouse: Warehouse) -> Iterator[None]:
    """Within, tables are joined by their indexes only."""
    warehouse.execute("set local enable_hashjoin = off; set local enable_mergejoin = off")
    yield
    warehouse.execute("set local enable_hashjoin = on; set local enable_mergejoin = on")


def read_records(warehouse: Warehouse, run: RunContext, rules: IdentityRules, progress: Progress) -> int:
    """Edges from records to what they carry; what a record carries no longer ends. Fills ``changed_records``."""
    warehouse.execute("drop table if exists pg_temp.changed_records")
    warehouse.execute(CHANGED_RECORDS, progress.parameters)
    if progress.is_full:
        warehouse.execute(FORGOTTEN_RECORDS)
    warehouse.execute("create index on changed_records (record_key)")
    warehouse.execute("analyze changed_records")
    warehouse.execute("truncate observed")
    warehouse.execute(CARRIED, {"score": rules.rule_scores.get(RECORD, 1.0)})
    warehouse.execute("analyze observed")
    warehouse.execute(f"insert into touched select '{RECORD}', record_key from changed_records")  # noqa: S608
    written = 0
    for side in ("left", "right"):
        warehouse.execute(EDGES_OF_GONE.format(side=side))
        told = {"as_of": run.as_of, "run_id": run.run_id}
        statement = DROPPED.format(side=side, same=SAME_PAIR.format("observed", "old"))
        written += int(warehouse.value(statement, told))
    return written + _write(warehouse, run, None, keeps_first=True)


def read_decisions(warehouse: Warehouse, run: RunContext) -> int:
    """Analysts' decisions as edges, so that one taken back is seen as an edge that is gone."""
    warehouse.execute("truncate observed")
    warehouse.execute(DECIDED)
    scope = "old.rule in ('must_link', 'cannot_link')"
    return _write(warehouse, run, GONE.format(using="", scope=scope, same=SAME_PAIR.format("observed", "old")))


def _write(warehouse: Warehouse, run: RunContext, gone: str | None, *, keeps_first: bool = False) -> int:
    """Bring the stored edges to what was observed; returns the rows written."""
    warehouse.execute("analyze observed")
    written = 0
    if gone:
        written += warehouse.execute(gone) // 2  # both ends of each edge that is gone
    warehouse.execute(NEWS)
    statement = UPSERT.format(times=TIMES_KEPT if keeps_first else TIMES, differs="" if keeps_first else TIMES_DIFFER)
    return written + warehouse.execute(statement, {"as_of": run.as_of, "run_id": run.run_id})


COME_OR_GONE = """
    insert into touched
    select n.identifier_type, n.node_hash
    from changed_values as c
    inner join scores.identity_nodes as n on n.identifier_type = c.identifier_type and n.value_hash = c.value_hash
    where
        not exists (select 1 from scores.identity_clusters as k
            where k.node_type = n.identifier_type and k.node_hash = n.node_hash)
        or not exists (select 1 from intermediate.int_identity__seen as s
            where s.identifier_type = c.identifier_type and s.value_hash = c.value_hash)
"""


def touch_new_and_gone(warehouse: Warehouse) -> None:
    """Nodes without any edge are customers, too: those that are new, and those nobody sees any more."""
    warehouse.execute(COME_OR_GONE)
