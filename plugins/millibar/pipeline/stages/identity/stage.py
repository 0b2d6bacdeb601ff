"""The steps of the identity stage, in one transaction: a run that is killed leaves everything as it was."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

import pandas as pd

from millibar.identity.guards import BITS, Guards
from millibar.identity.resolution import Resolution, closure_floor, resolve
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.identity import (
    closure,
    features,
    matching,
    measures,
    nodes,
    observed,
    outcome,
    progress,
    quarantine,
)
from millibar.pipeline.stages.identity.rules import Rules, load_rules
from millibar.pipeline.stages.scores import record_model_run
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)

MODEL = "identity"
# From so many rows written on, the planner is told what a table has become.
MANY_ROWS = 100_000
# A day looks up thousands of rows among millions, by indexes; a rebuild sorts them all. Compiling a plan takes longer
# than most of these statements.
PLANNING = "set local random_page_cost = 1.1; set local work_mem = '128MB'; set local jit = off"


class _Clock:
    """Seconds each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def lap(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step] = round(now - self._last, 3)
        self._last = now
        log.info("identity: %s %.2f s", step, self.seconds[step])


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Bring identity up to date; returns the rows written to scores.identity_*.

    Only components that a changed row, record, rule or decision touches are clustered again, from their stored edges;
    only rows that changed are written, with as_of the day of the change. Running a day again writes nothing.
    """
    started = time.monotonic()
    rules = load_rules(settings)
    with warehouse.transaction():
        return _run(warehouse, settings, run, rules, started)


def _run(warehouse: Warehouse, settings: Settings, run: RunContext, rules: Rules, started: float) -> int:
    clock = _Clock()
    warehouse.execute(PLANNING)
    far = progress.load(warehouse, rules)
    written, new_values = nodes.normalise(warehouse, settings, run, rules.identity, far)
    _refresh_statistics(warehouse, "scores.identity_nodes", written)
    clock.lap("nodes")
    observed.begin(warehouse)
    observed.touch_new_and_gone(warehouse)
    written += observed.read_links(warehouse, run, rules.identity, far)
    clock.lap("links")
    written += observed.read_records(warehouse, run, rules.identity, far)
    written += observed.read_decisions(warehouse, run)
    _refresh_statistics(warehouse, "scores.identity_edges", written)
    clock.lap("records")
    written += quarantine.isolate(warehouse, run, rules.identity, far)
    clock.lap("quarantine")
    faults = features.refresh(warehouse, rules.identity, far)
    clock.lap("features")
    model, is_new = matching.current_model(warehouse, run)
    if is_new:
        far.read_all()
        far.guards = None
    clock.lap("model")
    pairs = matching.rescore(warehouse, run, rules, model, far, closure_floor(rules.clusters))
    _refresh_statistics(warehouse, "scores.identity_edges", pairs)
    clock.lap("scores")
    size = closure.gather(warehouse, far)
    found, moved = None, 0
    if size or warehouse.value("select exists (select 1 from members)"):
        found, moved, rows = _cluster(warehouse, run, rules, far)
        written += rows
    _refresh_statistics(warehouse, "scores.identity_clusters", written)
    clock.lap("clusters")
    progress.save(warehouse, run, far)
    told = {
        "new_identifiers": new_values, "pairs_scored": pairs, "closure_nodes": size, "is_full": far.is_full,
        "seconds": clock.seconds,
    }  # fmt: skip
    _tell(warehouse, settings, run, rules, started, told, found, moved, faults, model.version)
    return written


def _refresh_statistics(warehouse: Warehouse, table: str, written: int) -> None:
    if written >= MANY_ROWS:
        warehouse.execute(f"analyze {table}")


def _cluster(
    warehouse: Warehouse, run: RunContext, rules: Rules, far: progress.Progress
) -> tuple[Resolution, int, int]:
    """Cluster the closure again and write what changed; returns what was found, nodes moved and rows written."""
    part = closure.load(warehouse, far)
    active = far.guards or ()
    frozen = Guards({name: "on" if name in active else "off" for name in BITS})
    found = resolve(part.graph, part.features, rules.identity, replace(rules.clusters, guards=frozen), part.past)
    before = part.past.ids
    moved = int((pd.notna(before) & (before != found.clusters["customer_id"].to_numpy(dtype=object))).sum())
    return found, moved, outcome.write(warehouse, run, part, found)


def _tell(
    warehouse: Warehouse,
    settings: Settings,
    run: RunContext,
    rules: Rules,
    started: float,
    inputs: dict[str, Any],
    found: Resolution | None,
    moved: int,
    faults: dict[str, int],
    version: str,
) -> None:
    events = pd.DataFrame({"event": []}) if found is None else found.events
    fit = measures.figures(warehouse)
    fit |= measures.lineage(events, fit["nodes"], moved)
    fit |= {"faults": faults, "closure_share": inputs["closure_nodes"] / max(fit["nodes"], 1)}
    fit |= {"truth": measures.against_truth(warehouse, settings, run)}
    record_model_run(
        warehouse,
        run,
        MODEL,
        started,
        inputs=inputs,
        parameters={
            "model_version": version,
            "normalisation": rules.identity.normalisation_version(),
            "limits": [vars(limit) for limit in rules.identity.limits],
            "rule_scores": rules.identity.rule_scores,
            "minimum_score": rules.identity.minimum_score,
            "threshold": rules.clusters.threshold,
            "missing": rules.clusters.missing,
            "guards": dict(rules.clusters.guards.modes),
        },
        fit_quality=fit,
    )
