"""The figures of a run for ops.model_runs; with the truth of a simulated market, how right identity is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from millibar.identity.quality import measure
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity.tables import TEXT, frame
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

TRUTH = Path("truth") / "records.parquet"
# What the golden record of a customer is made of, as far as the matching engine reads it.
GOLDEN_FIELDS = (
    "given_name", "family_name", "birth_date", "street", "postal_code", "city", "email", "phone", "loyalty_id",
)  # fmt: skip

CUSTOMERS = f"""
    with persons as (
        select c.customer_id, count(*) as records,
            {", ".join(f"bool_or(f.{name} is not null) as {name}" for name in GOLDEN_FIELDS)}
        from scores.identity_clusters as c
        left join pii.identity_features as f on f.record_key = c.node_hash
        where c.node_type = 'record'
        group by c.customer_id
    )
    select
        coalesce(sum(records), 0)::bigint as records, count(*) as persons,
        percentile_disc(0.5) within group (order by records) as median,
        percentile_disc(0.99) within group (order by records) as p99,
        max(records) as max, {", ".join(f"avg({name}::integer)::float8 as {name}" for name in GOLDEN_FIELDS)}
    from persons
"""  # noqa: S608
NODES = """
    select count(*) as nodes, count(distinct customer_id) as customers,
        count(distinct customer_id) filter (where is_known) as known,
        count(*) filter (where node_type <> 'record' and confidence = 0) as ambiguous
    from scores.identity_clusters
"""
COUNTS = {
    "refusals": "select reason as name, count(*) as rows from scores.identity_refusals group by 1 order by 1",
    "quarantined": "select node_type as name, count(*) as rows from scores.identity_quarantine "
    "where reason not like '%%unusable:%%' group by 1 order by 1",
    "unusable": "select identifier_type || ' ' || reason as name, count(*) as rows from scores.identity_nodes "
    "where not is_usable group by 1 order by 1",
    "edges": "select status as name, count(*) as rows from scores.identity_edges group by 1 order by 1",
}


def figures(warehouse: Warehouse) -> dict[str, Any]:
    """What identity looks like now, over all customers."""
    people, nodes = warehouse.rows(CUSTOMERS)[0], warehouse.rows(NODES)[0]
    counted = {
        name: {row["name"]: int(row["rows"]) for row in warehouse.rows(query, {})} for name, query in COUNTS.items()
    }
    persons = int(people["persons"])
    return {
        "nodes": int(nodes["nodes"]),
        "records": int(people["records"]),
        "customers": int(nodes["customers"]),
        "customers_known": int(nodes["known"]),
        "customers_with_records": persons,
        "records_per_customer": float(people["records"]) / max(persons, 1),
        "compression": 1 - persons / int(people["records"]) if people["records"] else 0.0,
        "cluster_records_median": people["median"],
        "cluster_records_p99": people["p99"],
        "cluster_records_max": people["max"],
        "completeness": {name: people[name] for name in GOLDEN_FIELDS},
        "shared_identifiers": int(nodes["ambiguous"]),
        "households": int(warehouse.value("select count(distinct household_id) from scores.identity_households")),
        "nodes_with_periods": int(
            warehouse.value("select count(distinct (node_type, node_hash)) from scores.identity_periods")
        ),
        "review": int(warehouse.value("select count(*) from scores.identity_review")),
        **counted,
    }


def lineage(events: pd.DataFrame, before: int, moved: int) -> dict[str, Any]:
    """Merges, splits and the share of nodes whose customer id is another than before."""
    return {
        "merges": int((events["event"] == "merge").sum()),
        "splits": int((events["event"] == "split").sum()),
        "nodes_moved": moved,
        "ids_changed_share": moved / before if before else 0.0,
    }


def truth_beside(settings: Settings) -> Path | None:
    """The truth of a simulated market, where it lies beside the landing folder or in the state folder."""
    for folder in (settings.landing.parent, settings.state):
        if (folder / TRUTH).is_file():
            return folder / TRUTH
    return None


def against_truth(warehouse: Warehouse, settings: Settings, run: RunContext) -> dict[str, float]:
    """How right the customers of the CRM records are, on a simulated market; empty elsewhere."""
    path = truth_beside(settings)
    if path is None:
        return {}
    told = pd.read_parquet(path)
    truth = pd.Series(
        told["person_id"].to_numpy(), index=(told["source"] + ":" + told["record_id"]).to_numpy(dtype=object)
    )
    query = "select node_hash, customer_id from scores.identity_clusters where node_type = 'record'"
    found = frame(warehouse, query, {"node_hash": TEXT, "customer_id": TEXT}).set_index("node_hash")["customer_id"]
    true = truth.reindex(found.index)
    return measure(true, found) if true.notna().any() else {}
