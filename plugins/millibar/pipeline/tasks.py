"""What the DAG files call: the business date of a run, its id, and what to tell when a task fails."""

from __future__ import annotations

import logging
import os
from datetime import UTC, date, datetime
from typing import Any

from millibar.pipeline import context
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)

MENDS = {
    "load": "read the message: it names file and line. Correct the file and deliver it again under its name, or raise "
    "limits.max_rejected_share in the source's YAML; then clear this task.",
    "gate": "the message names table, rule and rows. ops.quality_results has every result of the run; nothing was "
    "published. Mend the data or the rule, then clear the failed task and those after it.",
    "dbt": "the message names each failed model or test; `select * from ops.dbt_results where run_id = ...` has all. "
    "Mend the model, then clear the failed task and those after it.",
    "stage": "clear the task: a stage replaces what it wrote, running it twice gives the same tables.",
}


def business_date(dag_run: Any) -> date:
    """The business date of a DAG run: its partition key, an ISO date.

    Raises ``ValueError`` where the run has none, as a manual run started without a partition key.
    """
    key = getattr(dag_run, "partition_key", None) or ""
    try:
        return date.fromisoformat(key[:10])
    except ValueError as fault:
        raise ValueError(
            f"this run's partition key is {key!r}, not a business date: trigger it with a partition key such as "
            "2026-01-05, or use `airflow backfill create --dag-id millibar_ingest --from-date 2026-01-05 "
            "--to-date 2026-01-05T23:59`"
        ) from fault


def schedule_until() -> datetime | None:
    """Last day the schedule makes runs of by itself (MILLIBAR_SCHEDULE_UNTIL, an ISO date), for data that has an end.

    Runs asked for by hand or by backfill are not bound by it.
    """
    until = os.environ.get("MILLIBAR_SCHEDULE_UNTIL", "")
    return datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None


def run_id(dag_run: Any) -> str:
    """The run's id in ops: one a business date, so that ingest and the stages after it are one run."""
    return f"airflow:{business_date(dag_run)}"


def tell_failure(airflow_context: dict[str, Any]) -> None:
    """Failure callback: say in the log, and in ops.pipeline_runs where the run ends, what failed and what to do."""
    task_instance = airflow_context["task_instance"]
    fault = airflow_context.get("exception")
    kind = _kind(task_instance.task_id)
    log.error("%s failed: %s\nWhat to do: %s", task_instance.task_id, fault, MENDS[kind])
    if kind == "load":
        return  # the day goes on without that source; ops.load_batches says what was refused
    try:
        with Warehouse.open(Settings.from_environment()) as warehouse:
            context.end(
                warehouse,
                run_id(airflow_context["dag_run"]),
                failed=f"{task_instance.task_id}: {fault}\nWhat to do: {MENDS[kind]}"[:4000],
            )
    except Exception:
        log.exception("the failure could not be written to ops.pipeline_runs")


def _kind(task_id: str) -> str:
    if task_id.startswith("load"):
        return "load"
    if task_id.endswith("_gate"):
        return "gate"
    return "dbt" if task_id in ("staging", "core", "marts", "reporting") else "stage"
