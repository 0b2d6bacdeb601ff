"""Run one dbt layer in a process of its own; what each model did goes to ops.dbt_results and to the log."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa

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
    results = target / "run_results.json"
    results.unlink(missing_ok=True)
    process = subprocess.run(
        command(
            "build",
            settings,
            target,
            "--selector",
            layer,
            "--indirect-selection",
            "buildable",
            "--exclude-resource-type",
            "unit_test",
        ),
        env=os.environ | environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    if not results.exists():
        raise DbtFailed(
            f"dbt ended with {process.returncode} before it ran a model of {layer}:\n{process.stdout[-4000:]}"
        )
    nodes = json.loads(results.read_text())["results"]
    outcomes = [_outcome(node, run, layer) for node in nodes]
    if outcomes:
        warehouse.append("ops.dbt_results", pa.Table.from_pylist(outcomes, schema=_OUTCOME_SCHEMA))
    for outcome in outcomes:
        log.info(
            "%-8s %s %.1f s %s", outcome["status"], outcome["node_id"], outcome["duration_seconds"],
            f"{outcome['rows']:,} rows" if outcome["rows"] is not None else "",
        )  # fmt: skip
    bad = [outcome for outcome in outcomes if outcome["status"] not in GOOD]
    if bad or process.returncode != 0:
        told = "\n".join(f"- {outcome['node_id']}: {outcome['message']}" for outcome in bad)
        raise DbtFailed(f"dbt layer {layer}: {len(bad)} of {len(outcomes)} failed\n{told or process.stdout[-4000:]}")
    return sum(outcome["rows"] or 0 for outcome in outcomes if outcome["resource_type"] in ("model", "seed"))


def command(verb: str, settings: Settings, target: Path, *arguments: str) -> list[str]:
    """The dbt command line, quiet, without anonymous statistics or version checks."""
    project = str(settings.dbt_project)
    return [
        sys.executable, "-c", "from dbt.cli.main import cli; cli()",
        "--no-send-anonymous-usage-stats", "--no-version-check", "--no-use-colors", "--log-level-file", "none",
        verb, "--project-dir", project, "--profiles-dir", project, "--target-path", str(target), *arguments,
    ]  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """The environment profiles.yml reads, from the warehouse's URI."""
    parts = urlsplit(settings.require_warehouse())
    options = parse_qs(parts.query)
    return {
        "MILLIBAR_DBT_HOST": parts.hostname or "127.0.0.1",
        "MILLIBAR_DBT_PORT": str(parts.port or 5432),
        "MILLIBAR_DBT_USER": unquote(parts.username or ""),
        "MILLIBAR_DBT_PASSWORD": unquote(parts.password or ""),
        "MILLIBAR_DBT_DATABASE": parts.path.lstrip("/"),
        "MILLIBAR_DBT_SSLMODE": options.get("sslmode", ["prefer"])[0],
        "MILLIBAR_TIMEZONE": settings.timezone_name,
        "DBT_LOG_PATH": str(settings.state / "dbt"),
    }


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


def _outcome(node: dict[str, Any], run: RunContext, layer: str) -> dict[str, Any]:
    affected = (node.get("adapter_response") or {}).get("rows_affected")
    message = node.get("message")
    return {
        "run_id": run.run_id,
        "as_of": run.as_of,
        "layer": layer,
        "node_id": node["unique_id"],
        "resource_type": node["unique_id"].split(".")[0],
        "status": str(node["status"]),
        "rows": affected if isinstance(affected, int) and affected >= 0 else None,
        "failures": node.get("failures"),
        "duration_seconds": float(node.get("execution_time") or 0.0),
        "message": str(message)[:4000] if message is not None else None,
    }
