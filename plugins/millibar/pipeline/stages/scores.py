"""Writing to scores.*: stamped rows, kept days, and what each fit was in ops.model_runs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
from psycopg2 import sql

from millibar.pipeline.context import RunContext
from millibar.plain_json import plain
from millibar.warehouse.connect import Warehouse, identifier

# Tables at customer grain keep the newest so many days of as_of, and every last day of a month.
SCORE_HISTORY_DAYS = 7


def stamped(frame: pd.DataFrame, run: RunContext) -> pa.Table:
    """``frame`` as Arrow with the run's as_of and run_id; nan and None become null."""
    return pa.Table.from_pandas(frame.assign(as_of=run.as_of, run_id=run.run_id), preserve_index=False)


def forget_old_days(warehouse: Warehouse, table: str) -> int:
    """Drop as_of partitions that are older than SCORE_HISTORY_DAYS before the newest and no last day of a month."""
    return warehouse.execute(
        sql.SQL("""
            delete from {table}
            where as_of <= (select max(newest.as_of) from {table} as newest) - %(days)s::integer
                and as_of <> (date_trunc('month', as_of) + interval '1 month - 1 day')::date
        """).format(table=identifier(table)),
        {"days": SCORE_HISTORY_DAYS},
    )


def refresh_statistics(warehouse: Warehouse, tables: Iterable[str]) -> None:
    """Let the planner see the rows just written: by yesterday's statistics there are none of this as_of."""
    for table in tables:
        warehouse.execute(sql.SQL("analyze {table}").format(table=identifier(table)))


def record_model_run(
    warehouse: Warehouse,
    run: RunContext,
    model: str,
    started: float,
    *,
    inputs: Mapping[str, Any],
    parameters: Any,
    fit_quality: Mapping[str, Any],
) -> None:
    """Keep in ops.model_runs what was fitted on what, how well, and how long since ``started`` (time.monotonic)."""
    told = asdict(parameters) if is_dataclass(parameters) and not isinstance(parameters, type) else dict(parameters)
    key = {"run_id": run.run_id, "model": model}
    with warehouse.transaction():
        warehouse.execute("delete from ops.model_runs where run_id = %(run_id)s and model = %(model)s", key)
        warehouse.execute(
            """
            insert into ops.model_runs (run_id, as_of, model, inputs, parameters, fit_quality, duration_seconds)
            values (%(run_id)s, %(as_of)s, %(model)s, %(inputs)s, %(parameters)s, %(fit_quality)s, %(duration)s)
            """,
            key
            | {
                "as_of": run.as_of,
                "inputs": _json(inputs),
                "parameters": _json(told),
                "fit_quality": _json(fit_quality),
                "duration": time.monotonic() - started,
            },
        )


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(plain(values), default=str, sort_keys=True)
