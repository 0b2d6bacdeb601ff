"""Identifier values that are new become nodes; all of them where the rules of normal forms changed."""

from __future__ import annotations

from functools import partial

import pandas as pd

from millibar.identity.normalise import NODE_COLUMNS, normalise_values
from millibar.identity.rules import IdentityRules
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity.progress import Progress
from millibar.pipeline.stages.identity.tables import TEXT, YES_NO, frame, keep
from millibar.settings import Settings
from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse

ERASED = "erased"
NODE_KEY = ("identifier_type", "value_hash")


def unpivoted(table: str) -> str:
    """SQL: the identifiers of a row as rows (identifier_type, value_hash)."""
    pairs = ", ".join(f"('{name}', {table}.{name})" for name in IDENTIFIER_TYPES)
    return f"lateral (values {pairs}) as carried (identifier_type, value_hash)"


CHANGED_VALUES = f"""
    create temp table changed_values on commit drop as
    select carried.identifier_type, carried.value_hash
    from intermediate.int_identity__signatures as s cross join {unpivoted("s")}
    where s.change_id > %(signatures)s and carried.value_hash is not null
    union
    select left_type, left_hash from intermediate.int_identity__linked where change_id > %(linked)s
    union
    select right_type, right_hash from intermediate.int_identity__linked where change_id > %(linked)s
    union
    select carried.identifier_type, carried.value_hash
    from intermediate.int_identity__record_versions as r cross join {unpivoted("r")}
    where r.change_id > %(records)s and carried.value_hash is not null
"""  # noqa: S608 - names come from the feed contract
# Clear values are read for values without a node only; for all of them when the rules of normal forms have changed.
FRESH_VALUES = """
    select c.identifier_type, c.value_hash, v.value, n.node_hash
    from changed_values as c
    left join scores.identity_nodes as n using (identifier_type, value_hash)
    left join pii.identifier_values as v using (identifier_type, value_hash)
    where n.value_hash is null or %(afresh)s
    union all
    select n.identifier_type, n.value_hash, v.value, n.node_hash
    from scores.identity_nodes as n
    left join pii.identifier_values as v using (identifier_type, value_hash)
    where
        (%(afresh)s or (n.reason = 'missing' and v.value is not null))
        and not exists (select 1 from changed_values as c
            where c.identifier_type = n.identifier_type and c.value_hash = n.value_hash and %(afresh)s)
"""
COLUMNS = {"identifier_type": TEXT, "value_hash": TEXT, "value": TEXT, "node_hash": TEXT}


def normalise(
    warehouse: Warehouse, settings: Settings, run: RunContext, rules: IdentityRules, progress: Progress
) -> tuple[int, int]:
    """Write scores.identity_nodes; returns the rows written and how many values were new.

    Where a value that had a node gets another one, what was built on it is built again: the run reads everything.
    """
    warehouse.execute("drop table if exists pg_temp.changed_values")
    warehouse.execute(CHANGED_VALUES, progress.parameters)
    warehouse.execute("analyze changed_values")
    fresh = frame(warehouse, FRESH_VALUES, COLUMNS, {"afresh": progress.is_afresh})
    nodes = normalise_values(fresh, partial(hash_value, settings.hash_key), rules)
    nodes = _without_erased(warehouse, nodes)
    known = fresh["node_hash"].notna().to_numpy()
    before = _stored(warehouse) if known.any() and not progress.is_full else None
    written = keep(warehouse, run, "scores.identity_nodes", nodes[NODE_COLUMNS], NODE_KEY, None)
    if before is not None and _differs(before, nodes[known]):
        progress.read_all()
    return written, int((~known).sum())


def _stored(warehouse: Warehouse) -> pd.DataFrame:
    """Nodes whose clear value was missing: all that may change while the rules stay."""
    columns = {"identifier_type": TEXT, "value_hash": TEXT, "node_hash": TEXT, "is_usable": YES_NO}
    return frame(warehouse, f"select {', '.join(columns)} from scores.identity_nodes where reason = 'missing'", columns)  # noqa: S608


def _differs(before: pd.DataFrame, now: pd.DataFrame) -> bool:
    both = before.merge(now, on=list(NODE_KEY), suffixes=("_before", ""))
    return bool(
        ((both["node_hash_before"] != both["node_hash"]) | (both["is_usable_before"] != both["is_usable"])).any()
    )


def _without_erased(warehouse: Warehouse, nodes: pd.DataFrame) -> pd.DataFrame:
    """Another spelling of what an erased person alone had names nobody."""
    tombstones = warehouse.rows(
        "select identifier_type, value_hash from ops.erased_identifiers where identifier_type <> 'record'"
    )
    if not tombstones or nodes.empty:
        return nodes
    erased = pd.MultiIndex.from_tuples([(row["identifier_type"], row["value_hash"]) for row in tombstones])
    gone = pd.MultiIndex.from_frame(nodes[["identifier_type", "node_hash"]]).isin(erased)
    gone |= pd.MultiIndex.from_frame(nodes[["identifier_type", "value_hash"]]).isin(erased)
    told = nodes.copy()
    told.loc[gone, "node_hash"] = told.loc[gone, "value_hash"]
    told.loc[gone, "is_usable"], told.loc[gone, "reason"] = False, ERASED
    return told
