"""CRM records that changed become features; what is in quarantine is no evidence."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa

from millibar.identity.matching import BLOCK_COLUMNS, FEATURE_COLUMNS, FEATURES_VERSION, MatchPlan, prepare
from millibar.identity.rules import IdentityRules
from millibar.pipeline.stages.identity.progress import Progress
from millibar.pipeline.stages.identity.tables import INTEGER, TEXT, frame
from millibar.warehouse.connect import Warehouse

TABLE = "pii.identity_features"
# So many records at once are prepared; more would only take more memory.
CHUNK = 200_000
# From so many new rows on, indexes are made anew rather than kept up.
REINDEX_FROM = 50_000
# From such a share of new rows on, the planner is told what the table has become.
ANALYSED_SHARE = 0.1
IDENTIFIERS = ("email", "phone", "loyalty_id", "crm_id", "postal_key")
PERSONAL = ("first_name", "last_name", "birth_date", "street", "postal_code", "city")
FEATURES: Mapping[str, pa.DataType] = dict.fromkeys(("record_id", *FEATURE_COLUMNS), TEXT) | dict.fromkeys(
    BLOCK_COLUMNS, INTEGER
)

WANTED = """
    create temp table wanted on commit drop as
    select record_key, row_number() over (order by record_key) as place from (
        select record_key from changed_records where not is_gone
        union
        select case when e.left_type = 'record' then e.left_node else e.right_node end
        from flips as f
        inner join scores.identity_edges as e on e.left_type = f.node_type and e.left_node = f.node_hash
        where e.rule = 'record' and e.status <> 'ended'
        union
        select case when e.left_type = 'record' then e.left_node else e.right_node end
        from flips as f
        inner join scores.identity_edges as e on e.right_type = f.node_type and e.right_node = f.node_hash
        where e.rule = 'record' and e.status <> 'ended'
    ) as keys
"""
RECORDS = f"""
    select w.record_key, r._row_key, r.source, r.country, {", ".join(f"p.{name}" for name in PERSONAL)}
    from wanted as w
    inner join intermediate.int_identity__record_versions as r on r.record_key = w.record_key and not r.is_gone
    left join pii.customers as p on p._row_key = r._row_key
    where w.place > %(after)s and w.place <= %(after)s + %(rows)s
    order by w.place
"""  # noqa: S608
CARRIED = f"""
    select w.record_key, carried.kind, v.value
    from wanted as w
    inner join intermediate.int_identity__record_versions as r on r.record_key = w.record_key and not r.is_gone
    cross join lateral (values {", ".join(f"('{name}', r.{name})" for name in IDENTIFIERS)})
        as carried (kind, value_hash)
    inner join scores.identity_nodes as n on n.identifier_type = carried.kind and n.value_hash = carried.value_hash
    inner join pii.identifier_values as v on v.identifier_type = carried.kind and v.value_hash = carried.value_hash
    left join scores.identity_quarantine as q on q.node_type = n.identifier_type and q.node_hash = n.node_hash
    where w.place > %(after)s and w.place <= %(after)s + %(rows)s
        and (q.node_hash is null or (not n.is_usable and n.reason <> 'erased'))
"""  # noqa: S608
COMPARED = ("features_version", *FEATURE_COLUMNS, *BLOCK_COLUMNS)
UNLIKE = f"""
    create temp table rescored on commit drop as
    select fresh.record_key from fresh_features as fresh
    left join {TABLE} as old using (record_key)
    where ({", ".join(f"fresh.{name}" for name in COMPARED)}) is distinct from
        ({", ".join(f"old.{name}" for name in COMPARED)})
"""  # noqa: S608


def refresh(warehouse: Warehouse, rules: IdentityRules, progress: Progress) -> dict[str, int]:
    """Bring pii.identity_features up to date; returns values that are no evidence, by field and reason.

    Leaves the records whose features differ in ``rescored``.
    """
    warehouse.execute("drop table if exists pg_temp.wanted, pg_temp.fresh_features, pg_temp.rescored")
    warehouse.execute(WANTED)
    warehouse.execute("create index on wanted (place)")
    warehouse.execute("analyze wanted")
    warehouse.execute(f"create temp table fresh_features on commit drop as select * from {TABLE} limit 0")  # noqa: S608
    faults: dict[str, int] = {}
    total = int(warehouse.value("select count(*) from wanted"))
    for after in range(0, total, CHUNK):
        for reason, count in _prepare(warehouse, rules, after).items():
            faults[reason] = faults.get(reason, 0) + count
    warehouse.execute("create index on fresh_features (record_key)")
    warehouse.execute("analyze fresh_features")
    warehouse.execute(UNLIKE)
    warehouse.execute("create index on rescored (record_key)")
    warehouse.execute("analyze rescored")
    _store(warehouse)
    return faults


def load(warehouse: Warehouse, condition: str = "true") -> pd.DataFrame:
    """Features as the engine takes them (record_id is the record's key), in the order of the keys."""
    columns = ", ".join(name for name in FEATURES if name != "record_id")
    query = f'select record_key, {columns} from {TABLE} as f where {condition} order by record_key collate "C"'  # noqa: S608
    found = frame(warehouse, query, FEATURES)
    return found.astype(dict.fromkeys(BLOCK_COLUMNS, "Int64"))


def _prepare(warehouse: Warehouse, rules: IdentityRules, after: int) -> dict[str, int]:
    told = {"after": after, "rows": CHUNK}
    names = ("record_id", "row_key", "source", "country", *PERSONAL)
    records = frame(warehouse, RECORDS, dict.fromkeys(names, TEXT), told)
    carried = frame(warehouse, CARRIED, dict.fromkeys(("record_id", "kind", "value"), TEXT), told)
    for kind in IDENTIFIERS:
        values = carried[carried["kind"] == kind].set_index("record_id")["value"]
        records[kind] = records["record_id"].map(values).astype(object)
        records[kind] = records[kind].where(records[kind].notna(), None)
    prepared = prepare(records, MatchPlan.of_feed(), rules)
    rows = prepared.features[[*FEATURE_COLUMNS, *BLOCK_COLUMNS]].copy()
    rows.insert(0, "record_key", records["record_id"])
    rows.insert(1, "row_key", records["row_key"])
    rows.insert(2, "features_version", FEATURES_VERSION)
    schema = pa.schema(
        [(name, pa.int64() if name in (*BLOCK_COLUMNS, "features_version") else pa.string()) for name in rows.columns]
    )
    warehouse.append("pg_temp.fresh_features", pa.Table.from_pandas(rows, schema=schema, preserve_index=False))
    return prepared.faults


def _store(warehouse: Warehouse) -> None:
    """Replace what differs, and drop what is gone."""
    warehouse.execute(
        f"delete from {TABLE} as f using changed_records as c where c.is_gone and c.record_key = f.record_key"  # noqa: S608
    )
    warehouse.execute(f"delete from {TABLE} as f using rescored as s where s.record_key = f.record_key")  # noqa: S608
    count = int(warehouse.value("select count(*) from rescored"))
    indexes = _block_indexes(warehouse) if count >= REINDEX_FROM else {}
    for name in indexes:
        warehouse.execute(f"drop index pii.{name}")
    warehouse.execute(
        f"insert into {TABLE} select fresh.* from fresh_features as fresh inner join rescored using (record_key)"  # noqa: S608
    )
    for definition in indexes.values():
        warehouse.execute(definition)
    if count >= REINDEX_FROM or count >= ANALYSED_SHARE * int(warehouse.value(f"select count(*) from {TABLE}")):  # noqa: S608
        warehouse.execute(f"analyze {TABLE}")


def _block_indexes(warehouse: Warehouse) -> dict[str, str]:
    rows = warehouse.rows(
        "select indexname, indexdef from pg_indexes where schemaname = 'pii' and tablename = 'identity_features' "
        "and indexname like 'identity\\_features\\_block\\_%%'",
        {},
    )
    return {row["indexname"]: row["indexdef"] for row in rows}
