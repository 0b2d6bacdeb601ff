"""The gate of a layer: every suite of the layer in one process; red stops the run before anything is published."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Protocol

import pyarrow as pa
from psycopg2 import sql

from millibar.quality.suites import BATCH_COLUMN, Gate, Layer, Rule, load_layer
from millibar.quality.validation import Outcome, SuiteValidator
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse, identifier

log = logging.getLogger(__name__)

TOLD_RULES = 20  # a message names that many broken rules; the rest is in ops.quality_results


class Run(Protocol):
    """What the gate wants to know of the run (millibar.pipeline.context.RunContext)."""

    @property
    def run_id(self) -> str: ...
    @property
    def as_of(self) -> date: ...
    @property
    def max_batch_id(self) -> int: ...


class GateRed(RuntimeError):
    """A critical rule is broken; the message names the tables, rules, rows, a sample of keys and what to do."""


def check_layer(warehouse: Warehouse, settings: Settings, run: Run, layer: str) -> int:
    """Hold every suite of a layer against the warehouse; returns the number of expectations checked.

    ``run`` must be the run in progress: suites read its day from ops.run_context. Results go to ops.quality_results,
    one row an expectation, in place of an earlier try of the same run. Raises :class:`GateRed` where a rule of severity
    critical is broken; broken rules of a lesser severity are kept and logged.
    """
    _require_in_progress(warehouse, run)
    checks = load_layer(settings.expectations, layer)
    batches = _unpassed_batches(warehouse, run, checks)
    found: list[tuple[Gate, Outcome]] = []
    with SuiteValidator.open(settings.require_warehouse()) as validator:
        for gate in checks.gates:
            found += [(gate, outcome) for outcome in _check(warehouse, validator, gate, run, batches)]
    _keep(warehouse, run, layer, found)
    broken = [(gate, outcome) for gate, outcome in found if not outcome.success]
    for gate, outcome in broken:
        log.warning("%s", _told(gate, outcome))
    critical = [(gate, outcome) for gate, outcome in broken if outcome.rule.severity == "critical"]
    if critical:
        raise GateRed(_message(layer, run, critical))
    _remember_passed(warehouse, layer, batches)
    log.info("gate %s is green: %s rules held, %s warnings", layer, len(found) - len(broken), len(broken))
    return len(found)


def _require_in_progress(warehouse: Warehouse, run: Run) -> None:
    current = warehouse.rows("select run_id, as_of from ops.run_context")
    if not current or (current[0]["run_id"], current[0]["as_of"]) != (run.run_id, run.as_of):
        raise ValueError(
            f"run {run.run_id} of {run.as_of} is not the run in progress ({current or 'none'}); "
            f"begin it first: the suites read the day from ops.run_context"
        )


def _unpassed_batches(warehouse: Warehouse, run: Run, layer: Layer) -> list[int]:
    """Batches the run may see that this gate has not passed, and those delivered in the last days before ``as_of``."""
    rows = warehouse.rows(
        """
        select batch.batch_id from ops.load_batches as batch
        where batch.status = 'loaded' and batch.delivered_on <= %(as_of)s and batch.batch_id <= %(last)s
          and (
            batch.delivered_on > %(again)s
            or not exists (
                select 1 from ops.consumed_batches as passed
                where passed.model = %(gate)s and passed.batch_id = batch.batch_id
            )
          )
        order by batch.batch_id
        """,
        {
            "as_of": run.as_of,
            "last": run.max_batch_id,
            "again": run.as_of - timedelta(days=layer.recheck_days),
            "gate": f"gate:{layer.name}",
        },
    )
    return [int(row["batch_id"]) for row in rows]


def _remember_passed(warehouse: Warehouse, layer: str, batches: Sequence[int]) -> None:
    warehouse.execute(
        """
        insert into ops.consumed_batches (model, batch_id)
        select %(gate)s, batch_id from unnest(%(batches)s::bigint[]) as passed (batch_id)
        on conflict do nothing
        """,
        {"gate": f"gate:{layer}", "batches": list(batches)},
    )


def _check(
    warehouse: Warehouse, validator: SuiteValidator, gate: Gate, run: Run, batches: Sequence[int]
) -> list[Outcome]:
    columns = _columns(warehouse, gate.table)
    if not columns:
        missing = Rule(
            "table_exists", "table_exists", "critical", f"{gate.table} is there",
            f"build it: the dbt layer or the loader that makes {gate.table} did not run, or it was renamed",
            (), None, {},
        )  # fmt: skip
        return [Outcome(missing, False, observed="the table is missing")]
    parameters = {"as_of": run.as_of.isoformat(), "run_id": run.run_id}
    if gate.rows == "all":
        return validator.check(gate, gate.table, columns, parameters)
    view = f"ops.gate_{gate.table.replace('.', '_')}"
    try:
        _create_view(warehouse, view, gate.table, batches)
        return validator.check(gate, view, columns, parameters)
    finally:
        warehouse.execute(sql.SQL("drop view if exists {}").format(identifier(view)))


def _columns(warehouse: Warehouse, table: str) -> list[str]:
    rows = warehouse.rows(
        """
        select attribute.attname as name from pg_attribute as attribute
        where attribute.attrelid = to_regclass(%(table)s) and attribute.attnum > 0 and not attribute.attisdropped
        order by attribute.attnum
        """,
        {"table": table},
    )
    return [row["name"] for row in rows]


def _create_view(warehouse: Warehouse, view: str, table: str, batches: Sequence[int]) -> None:
    """A view of the rows of those batches.

    A view, not a great_expectations query asset: that one fetches every row of its query to learn the columns.
    """
    column = sql.Identifier(BATCH_COLUMN)
    ranges = [
        sql.SQL("{} between {} and {}").format(column, sql.Literal(low), sql.Literal(high))
        for low, high in id_ranges(batches)
    ]
    condition = sql.SQL(" or ").join(ranges) if ranges else sql.SQL("false")
    warehouse.execute(sql.SQL("drop view if exists {}").format(identifier(view)))
    warehouse.execute(
        sql.SQL("create view {} as select * from {} where {}").format(identifier(view), identifier(table), condition)
    )


def id_ranges(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending ids as inclusive ranges: thousands of batches of a first load become one condition."""
    ranges: list[tuple[int, int]] = []
    for value in ids:
        if ranges and value == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], value)
        else:
            ranges.append((value, value))
    return ranges


_RESULT_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("as_of", pa.date32()),
        ("layer", pa.string()),
        ("suite", pa.string()),
        ("table_name", pa.string()),
        ("expectation", pa.string()),
        ("column_name", pa.string()),
        ("success", pa.bool_()),
        ("severity", pa.string()),
        ("observed", pa.string()),
        ("unexpected_count", pa.int64()),
        ("unexpected_share", pa.float64()),
        ("sample", pa.string()),
    ]
)


def _keep(warehouse: Warehouse, run: Run, layer: str, found: Sequence[tuple[Gate, Outcome]]) -> None:
    rows: list[dict[str, Any]] = [
        {
            "run_id": run.run_id,
            "as_of": run.as_of,
            "layer": layer,
            "suite": gate.suite,
            "table_name": gate.table,
            "expectation": outcome.rule.name,
            "column_name": ", ".join(outcome.rule.columns) or None,
            "success": outcome.success,
            "severity": outcome.rule.severity,
            "observed": outcome.observed,
            "unexpected_count": outcome.unexpected_count,
            "unexpected_share": outcome.unexpected_share,
            "sample": outcome.sample,
        }
        for gate, outcome in found
    ]
    warehouse.replace(
        "ops.quality_results", pa.Table.from_pylist(rows, _RESULT_SCHEMA), {"run_id": run.run_id, "layer": layer}
    )


def _told(gate: Gate, outcome: Outcome) -> str:
    rule = outcome.rule
    lines = [f"{gate.table}: rule {rule.name} ({rule.severity}) is broken: {outcome.observed or 'no value'}"]
    lines.append(f"  expected: {rule.says}")
    if outcome.sample:
        lines.append(f"  for example: {outcome.sample}")
    lines.append(f"  what to do: {rule.mend}")
    return "\n".join(lines)


def _message(layer: str, run: Run, critical: Sequence[tuple[Gate, Outcome]]) -> str:
    tables = len({gate.table for gate, _ in critical})
    lines = [
        f"the {layer} gate is red for {run.as_of}: {len(critical)} critical rules broken in {tables} tables; "
        f"nothing of this run is published, bi keeps the last good day"
    ]
    lines += [_told(gate, outcome) for gate, outcome in critical[:TOLD_RULES]]
    if len(critical) > TOLD_RULES:
        lines.append(f"and {len(critical) - TOLD_RULES} more")
    lines.append(
        f"all results are in ops.quality_results: run_id = '{run.run_id}' and layer = '{layer}' and not success"
    )
    return "\n".join(lines)
