"""A run: its id, its business date, the last load batch it may see; begun, staged and ended in ops."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

log = logging.getLogger(__name__)

STALE_AFTER_HOURS = 6  # a run that says it is running but is older was killed

Stage = Callable[[Warehouse, Settings, "RunContext"], int]


class RunInProgress(RuntimeError):
    """Another run has not ended; two runs never overlap."""


@dataclass(frozen=True)
class RunContext:
    """What every stage is a function of, beside the data."""

    run_id: str
    as_of: date
    max_batch_id: int


def claim(
    warehouse: Warehouse, run_id: str, as_of: date, started_by: str, wait_seconds: float = 0.0, pause: float = 2.0
) -> None:
    """Claim the warehouse for this run, from before its first file is loaded until it has published.

    A file loaded while another day runs would change the rows under it. The same run may claim again (a retry, or
    a re-run after a kill). Raises :class:`RunInProgress` while another run is under way, after ``wait_seconds``.
    """
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return _claim(warehouse, run_id, as_of, started_by)
        except RunInProgress as fault:
            if time.monotonic() >= deadline:
                raise
            log.info("waiting: %s", fault)
            time.sleep(pause)


def begin(warehouse: Warehouse, run_id: str, as_of: date, started_by: str) -> RunContext:
    """Claim the warehouse, and fix the business date and the newest load batch that every stage sees."""
    with warehouse.transaction():
        _claim(warehouse, run_id, as_of, started_by)
        batch = warehouse.value("select coalesce(max(batch_id), 0) from ops.load_batches where status = 'loaded'")
        warehouse.execute(
            """
            insert into ops.run_context (run_id, as_of, max_batch_id)
            values (%(run_id)s, %(as_of)s, %(batch)s)
            on conflict (is_only_row) do update
            set run_id = excluded.run_id, as_of = excluded.as_of, max_batch_id = excluded.max_batch_id, set_at = now()
            """,
            {"run_id": run_id, "as_of": as_of, "batch": batch},
        )
    return RunContext(run_id, as_of, int(batch))


def require_idle(warehouse: Warehouse, but: str = "") -> None:
    """Keep runs from beginning until the open transaction ends; ``RunInProgress`` where one other than ``but`` is on.

    Call it inside a transaction.
    """
    warehouse.execute("lock table ops.pipeline_runs in exclusive mode")
    other = warehouse.rows(
        """
        select run_id, as_of, started_by, started_at from ops.pipeline_runs
        where status = 'running' and run_id <> %(run_id)s
          and started_at > now() - make_interval(hours => %(hours)s)
        """,
        {"run_id": but, "hours": STALE_AFTER_HOURS},
    )
    if other:
        raise RunInProgress(
            f"run {other[0]['run_id']} of {other[0]['as_of']}, started by {other[0]['started_by']} at "
            f"{other[0]['started_at']:%Y-%m-%d %H:%M} UTC, has not ended; wait for it, or if it was killed "
            f"release it with `millibar run --release {other[0]['run_id']}`"
        )


def _claim(warehouse: Warehouse, run_id: str, as_of: date, started_by: str) -> None:
    with warehouse.transaction():
        require_idle(warehouse, run_id)
        warehouse.execute(
            """
            insert into ops.pipeline_runs (run_id, as_of, started_by, status)
            values (%(run_id)s, %(as_of)s, %(started_by)s, 'running')
            on conflict (run_id) do update
            set status = 'running', started_at = now(), finished_at = null, message = null
            """,
            {"run_id": run_id, "as_of": as_of, "started_by": started_by},
        )


def current(warehouse: Warehouse) -> RunContext:
    """The run in progress; ``RunInProgress`` where none has begun."""
    rows = warehouse.rows("select run_id, as_of, max_batch_id from ops.run_context")
    if not rows:
        raise RunInProgress("no run has begun; call begin first")
    return RunContext(**rows[0])


def run_stage(warehouse: Warehouse, settings: Settings, run: RunContext, name: str, stage: Stage) -> int:
    """Run one stage and keep in ops.stage_runs that it ran, how long, how many rows, or why it failed."""
    key = {"run_id": run.run_id, "stage": name, "as_of": run.as_of}
    with warehouse.lock(f"stage:{name}"):
        warehouse.execute(
            """
            insert into ops.stage_runs (run_id, stage, as_of, status)
            values (%(run_id)s, %(stage)s, %(as_of)s, 'running')
            on conflict (run_id, stage) do update
            set status = 'running', started_at = clock_timestamp(), finished_at = null, rows = null, message = null
            """,
            key,
        )
        started = time.monotonic()
        try:
            rows = stage(warehouse, settings, run)
        except BaseException as fault:  # an interrupt, too: whoever pressed it wants to start again
            _finish(warehouse, key, "failed", None, f"{type(fault).__name__}: {fault}"[:4000])
            raise
        _finish(warehouse, key, "success", rows, None)
    log.info("stage %s of %s: %s rows in %.1f s", name, run.as_of, f"{rows:,}", time.monotonic() - started)
    return rows


def end(warehouse: Warehouse, run_id: str, *, failed: str | None = None) -> None:
    """The run has ended, well or with that message."""
    warehouse.execute(
        """
        update ops.pipeline_runs set status = %(status)s, message = %(message)s, finished_at = clock_timestamp()
        where run_id = %(run_id)s
        """,
        {"run_id": run_id, "status": "failed" if failed else "success", "message": failed},
    )


def _finish(warehouse: Warehouse, key: dict[str, object], status: str, rows: int | None, message: str | None) -> None:
    warehouse.execute(
        """
        update ops.stage_runs set status = %(status)s, rows = %(rows)s, message = %(message)s,
            finished_at = clock_timestamp()
        where run_id = %(run_id)s and stage = %(stage)s
        """,
        key | {"status": status, "rows": rows, "message": message},
    )
