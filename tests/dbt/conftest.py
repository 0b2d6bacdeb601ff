"""dbt on a fresh warehouse of the embedded server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from millibar.pipeline.dbt import command, environment
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

from .landed import begin
from .stand_ins import identify, score

Dbt = Callable[..., str]
Run = Callable[..., None]


@pytest.fixture(scope="session")
def dbt_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def dbt(settings: Settings, dbt_target: Path) -> Dbt:
    """Run dbt on the test's warehouse; its output where it ends well, else the test fails with it."""

    def run(verb: str, *arguments: str) -> str:
        process = subprocess.run(
            command(verb, settings, dbt_target, *arguments),
            env=os.environ | environment(settings),
            capture_output=True,
            text=True,
        )
        if process.returncode != 0:
            pytest.fail(f"dbt {verb} {' '.join(arguments)}:\n{process.stdout[-6000:]}{process.stderr[-2000:]}")
        return process.stdout

    return run


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

    return run
