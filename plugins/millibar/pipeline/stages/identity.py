"""Stage identity: identifier values and links -> scores.identity_nodes, identity_edges, identity_clusters, events."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import pandas as pd

from millibar.identity import HubLimit, IdentityRules, normalise_values, resolve
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import dbt_variables, section_of
from millibar.pipeline.stages.scores import record_model_run, stamped, write_changed
from millibar.settings import Settings
from millibar.sources.contracts import IDENTIFIER_TYPES
from millibar.sources.personal import hash_value
from millibar.warehouse.connect import Warehouse

MODEL = "identity"
NODE_KEY = ("identifier_type", "value_hash")
EDGE_KEY = ("left_type", "left_node", "right_type", "right_node", "rule")
CLUSTER_KEY = ("node_type", "node_hash")

# Clear values are read for values without a node only; for all of them when the rules of normal forms have changed.
IDENTIFIERS = """
    select i.identifier_type, i.value_hash, i.first_seen_at,
        n.node_hash, n.is_usable, n.reason, n.value_hash is null as is_new, v.value
    from intermediate.int_identity__identifiers as i
    left join scores.identity_nodes as n
        on n.identifier_type = i.identifier_type and n.value_hash = i.value_hash
        and not %(afresh)s and n.reason is distinct from 'missing'
    left join pii.identifier_values as v
        on n.value_hash is null and v.identifier_type = i.identifier_type and v.value_hash = i.value_hash
"""
LINKS = """
    select left_type, left_hash as left_value_hash, right_type, right_hash as right_value_hash,
        evidence as rule, records as evidence, first_seen_at, last_seen_at
    from intermediate.int_identity__links
"""
RECORDS = f"""
    select r.record_key as node_hash, i.identifier_type, i.value_hash,
        r.updated_at as first_seen_at, r.updated_at as last_seen_at
    from intermediate.int_identity__records as r
    left join lateral (values {", ".join(f"('{name}', r.{name})" for name in IDENTIFIER_TYPES)})
        as i (identifier_type, value_hash) on i.value_hash is not null
"""  # noqa: S608 - names come from the feed contract
ALIASES = """
    select distinct on (other_customer_id) other_customer_id, customer_id from scores.identity_events
    where event = 'merge' order by other_customer_id, as_of desc, customer_id
"""


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Resolve all customers; returns the rows written to scores.identity_*.

    Components are computed again from all edges; only rows that changed are written, with as_of the day of the change.
    Running a day again writes nothing.
    """
    started = time.monotonic()
    rules = load_rules(settings)
    version = rules.normalisation_version()
    identifiers = warehouse.frame(IDENTIFIERS, {"afresh": version != _version_before(warehouse)})
    fresh = identifiers[identifiers["is_new"].astype(bool)]
    fresh_nodes = normalise_values(fresh, partial(hash_value, settings.hash_key), rules)
    nodes = _nodes(identifiers, fresh_nodes)
    previous = warehouse.frame("select node_type, node_hash, customer_id from scores.identity_clusters")
    aliases = {row["other_customer_id"]: row["customer_id"] for row in warehouse.rows(ALIASES)}
    resolution = resolve(
        identifiers[[*NODE_KEY, "first_seen_at"]],
        warehouse.frame(RECORDS),
        warehouse.frame(LINKS),
        nodes,
        previous,
        aliases,
        rules,
    )
    with warehouse.transaction():
        written = write_changed(
            warehouse, "scores.identity_nodes", stamped(fresh_nodes, run), NODE_KEY, delete_others=False
        )
        written += write_changed(warehouse, "scores.identity_edges", stamped(resolution.edges, run), EDGE_KEY)
        written += write_changed(warehouse, "scores.identity_clusters", stamped(resolution.clusters, run), CLUSTER_KEY)
        written += warehouse.append("scores.identity_events", stamped(resolution.events, run))
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"identifiers": len(identifiers), "new_identifiers": len(fresh)},
            parameters={
                "normalisation": version,
                "limits": [vars(limit) for limit in rules.limits],
                "rule_scores": rules.rule_scores,
                "minimum_score": rules.minimum_score,
            },
            fit_quality=resolution.figures,
        )
    return written


def load_rules(settings: Settings) -> IdentityRules:
    """The rules with what ``vars: estimation: identity:`` of dbt_project.yml changes.

    ``limits``: a list of {node_type, counted_type, limit}, each in place of the default of the same pair.
    ``placeholders``: lists by identifier type, in addition to the known ones. ``rule_scores``, ``minimum_score``.
    """
    path = settings.dbt_project / "dbt_project.yml"
    changes = section_of(dbt_variables(path), "identity", path)
    rules = IdentityRules()
    unknown = set(changes) - {"limits", "placeholders", "rule_scores", "minimum_score"}
    if unknown:
        raise ValueError(
            f"{path}: vars.estimation.identity has no {', '.join(sorted(unknown))}; "
            "it may hold limits, placeholders, rule_scores, minimum_score"
        )
    limits = {(limit.node_type, limit.counted_type): limit for limit in rules.limits}
    for row in changes.get("limits", []):
        limit = HubLimit(str(row["node_type"]), str(row["counted_type"]), int(row["limit"]))
        limits[limit.node_type, limit.counted_type] = limit
    placeholders = dict(rules.placeholders)
    for kind, values in changes.get("placeholders", {}).items():
        placeholders[kind] = (*placeholders.get(kind, ()), *(str(value) for value in values))
    return replace(
        rules,
        limits=tuple(limits.values()),
        placeholders=placeholders,
        rule_scores=rules.rule_scores | changes.get("rule_scores", {}),
        minimum_score=float(changes.get("minimum_score", rules.minimum_score)),
    )


def _version_before(warehouse: Warehouse) -> str | None:
    version = warehouse.value(
        "select parameters ->> 'normalisation' from ops.model_runs where model = %(model)s "
        "order by finished_at desc limit 1",
        {"model": MODEL},
    )
    return None if version is None else str(version)


def _nodes(identifiers: pd.DataFrame, fresh_nodes: pd.DataFrame) -> pd.DataFrame:
    """The node of every identifier: as stored, or as normalised now."""
    stored = identifiers.loc[~identifiers["is_new"].astype(bool), list(fresh_nodes.columns)]
    parts = [part for part in (stored, fresh_nodes) if len(part)]
    return pd.concat(parts, ignore_index=True).astype({"is_usable": bool}) if parts else fresh_nodes
