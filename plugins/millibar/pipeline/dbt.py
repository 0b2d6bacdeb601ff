"""Run one dbt layer; what each model did goes to ops.dbt_results and to the log."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow as pa

from millibar.pipeline import dbt_calls
from millibar.pipeline.context import RunContext
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)

LAYERS = ("staging", "core", "marts", "reporting")
GOOD = frozenset({"success", "pass", "warn", "skipped", "no-op"})


class DbtFailed(RuntimeError):
    """A model or a test of the layer failed; the message names each with dbt's words."""


def build(warehouse: Warehouse, settings: Settings, run: RunContext, layer: str) -> int:
    """Build and test the models of one layer (a selector of dbt_project/selectors.yml).

    Returns the rows its models wrote, where the adapter tells. Raises :class:`DbtFailed`.
    """
    target = settings.state / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    called = dbt_calls.invoke(
        settings, target, "build", "--selector", layer,
        "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test",
    )  # fmt: skip
    nodes = getattr(called.result, "results", None)
    if nodes is None:
        raise DbtFailed(f"dbt ended before it ran a model of {layer}: {called.exception or ''}")
    outcomes = [_outcome(node, run, layer) for node in nodes]
    if outcomes:
        warehouse.append("ops.dbt_results", pa.Table.from_pylist(outcomes, schema=_OUTCOME_SCHEMA))
    for outcome in outcomes:
        log.info(
            "%-8s %s %.1f s %s", outcome["status"], outcome["node_id"], outcome["duration_seconds"],
            f"{outcome['rows']:,} rows" if outcome["rows"] is not None else "",
        )  # fmt: skip
    bad = [outcome for outcome in outcomes if outcome["status"] not in GOOD]
    if bad or not called.success:
        told = "\n".join(f"- {outcome['node_id']}: {outcome['message']}" for outcome in bad)
        raise DbtFailed(f"dbt layer {layer}: {len(bad)} of {len(outcomes)} failed\n{told or called.exception or ''}")
    return sum(outcome["rows"] or 0 for outcome in outcomes if outcome["resource_type"] in ("model", "seed"))


_OUTCOME_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("as_of", pa.date32()),
        ("layer", pa.string()),
        ("node_id", pa.string()),
        ("resource_type", pa.string()),
        ("status", pa.string()),
        ("rows", pa.int64()),
        ("failures", pa.int64()),
        ("duration_seconds", pa.float64()),
        ("message", pa.string()),
    ]
)


def _outcome(result: Any, run: RunContext, layer: str) -> dict[str, Any]:
    affected = (result.adapter_response or {}).get("rows_affected")
    node_id = str(result.node.unique_id)
    return {
        "run_id": run.run_id,
        "as_of": run.as_of,
        "layer": layer,
        "node_id": node_id,
        "resource_type": node_id.split(".")[0],
        "status": str(result.status),
        "rows": affected if isinstance(affected, int) and affected >= 0 else None,
        "failures": result.failures,
        "duration_seconds": float(result.execution_time or 0.0),
        "message": str(result.message)[:4000] if result.message is not None else None,
    }
