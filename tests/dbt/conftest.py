"""dbt on a fresh warehouse of the embedded server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from unittest import mock

import pytest

from dbt.landed import begin
from dbt.stand_ins import identify, score
from millibar.pipeline.dbt import command, environment
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

Dbt = Callable[..., None]
Run = Callable[..., None]

GOOD = ("success", "pass", "warn", "skipped", "no-op")
PROGRAM = 3  # words of the command line before dbt's own


@pytest.fixture(scope="session")
def dbt_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def dbt(settings: Settings, dbt_target: Path) -> Iterator[Dbt]:
    """Run dbt on the test's warehouse, in this process: its import alone takes longer than most invocations."""
    from dbt.cli.main import dbtRunner

    def run(verb: str, *arguments: str) -> None:
        outcome = dbtRunner().invoke(["--quiet", *command(verb, settings, dbt_target, *arguments)[PROGRAM:]])
        nodes = getattr(outcome.result, "results", None) or []
        failed = [f"{node.node.unique_id}: {node.message}" for node in nodes if str(node.status) not in GOOD]
        if not outcome.success or failed:
            pytest.fail(f"dbt {verb} {' '.join(arguments)}: {outcome.exception or ''}\n" + "\n".join(failed))

    with mock.patch.dict(os.environ, environment(settings)):
        yield run


@pytest.fixture
def run_day(warehouse: Warehouse, dbt: Dbt) -> Run:
    """All layers at a business date, with stand-ins for the stages between."""

    def run(as_of: date, *arguments: str) -> None:
        begin(warehouse, as_of)
        dbt("build", "--selector", "staging", *arguments)
        identify(warehouse)
        dbt("build", "--selector", "core", *arguments)
        score(warehouse)
        dbt("build", "--selector", "marts", *arguments)
        dbt("build", "--selector", "reporting", *arguments)

    return run
