"""Runs claim the warehouse one at a time; a killed run may begin again; stages tell what they did."""

from __future__ import annotations

import threading
from datetime import date

import pytest

from millibar.pipeline import context, flow
from millibar.pipeline.context import RunContext, RunInProgress
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

DAY = date(2025, 3, 1)


def test_a_second_run_is_refused_while_the_first_works(warehouse: Warehouse) -> None:
    context.begin(warehouse, "first", DAY, "test")
    with pytest.raises(RunInProgress, match="run first of 2025-03-01"):
        context.begin(warehouse, "second", DAY, "test")
    context.end(warehouse, "first")
    assert context.begin(warehouse, "second", DAY, "test").run_id == "second"


def test_ingest_of_the_next_day_waits_until_the_day_before_has_ended(warehouse: Warehouse, warehouse_uri: str) -> None:
    """A file loaded under a run that works would change the rows it reads: the claim comes before the first file."""
    context.claim(warehouse, "monday", DAY, "test")
    waited: list[bool] = []

    def claim_tuesday() -> None:
        with Warehouse.open(warehouse_uri) as other:
            context.claim(other, "tuesday", DAY, "test", wait_seconds=30, pause=0.05)
            waited.append(ended.is_set())

    ended = threading.Event()
    thread = threading.Thread(target=claim_tuesday)
    thread.start()
    context.begin(warehouse, "monday", DAY, "test")
    assert not waited
    ended.set()
    context.end(warehouse, "monday")
    thread.join(timeout=30)
    assert waited == [True]
    with pytest.raises(RunInProgress, match="tuesday"):
        context.begin(warehouse, "monday", DAY, "test")


def test_of_two_that_claim_at_once_one_wins(warehouse: Warehouse, warehouse_uri: str) -> None:
    outcomes: list[str] = []
    barrier = threading.Barrier(4)

    def claim(name: str) -> None:
        with Warehouse.open(warehouse_uri) as other:
            barrier.wait()
            try:
                context.claim(other, name, DAY, "test")
                outcomes.append(name)
            except RunInProgress:
                outcomes.append("refused")

    threads = [threading.Thread(target=claim, args=(f"run-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert outcomes.count("refused") == 3
    assert len(outcomes) == 4


def test_a_killed_run_begins_again_under_its_own_id(warehouse: Warehouse) -> None:
    first = context.begin(warehouse, "run", DAY, "test")
    assert context.begin(warehouse, "run", DAY, "test") == first
    assert warehouse.value("select count(*) from ops.pipeline_runs") == 1


def test_a_run_that_died_long_ago_blocks_nobody(warehouse: Warehouse) -> None:
    context.begin(warehouse, "dead", DAY, "test")
    warehouse.execute("update ops.pipeline_runs set started_at = now() - interval '7 hours'")
    assert context.begin(warehouse, "next", DAY, "test").run_id == "next"


def test_a_run_sees_the_batches_loaded_before_it_began(warehouse: Warehouse) -> None:
    warehouse.execute(
        "insert into ops.load_batches (source, feed, file, delivered_on, status) values "
        "('a', 'orders', 'x', '2025-03-01', 'loaded'), ('a', 'orders', 'y', '2025-03-01', 'failed')"
    )
    run = context.begin(warehouse, "run", DAY, "test")
    assert run == RunContext("run", DAY, 1)
    assert context.current(warehouse) == run


def test_a_stage_that_fails_is_told_and_its_rerun_replaces_the_telling(
    warehouse: Warehouse, settings: Settings
) -> None:
    run = context.begin(warehouse, "run", DAY, "test")

    def fails(*_: object) -> int:
        raise ValueError("the amount is 'abc'")

    with pytest.raises(ValueError, match="abc"):
        context.run_stage(warehouse, settings, run, "core", fails)
    row = warehouse.rows("select status, message, rows from ops.stage_runs")[0]
    assert row == {"status": "failed", "message": "ValueError: the amount is 'abc'", "rows": None}
    assert context.run_stage(warehouse, settings, run, "core", lambda *_: 7) == 7
    row = warehouse.rows("select status, message, rows from ops.stage_runs")[0]
    assert row == {"status": "success", "message": None, "rows": 7}


def test_an_interrupted_stage_ends_its_run(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(flow.STAGES, "core", interrupted)
    context.begin(warehouse, "one", date(2025, 3, 1), "test")
    with pytest.raises(KeyboardInterrupt):
        flow.run_stage(settings, "one", "core")
    assert warehouse.rows("select status, message from ops.pipeline_runs") == [
        {"status": "failed", "message": "stage core: KeyboardInterrupt"}
    ]
    assert warehouse.value("select status from ops.stage_runs") == "failed"
    context.begin(warehouse, "two", date(2025, 3, 1), "test")
