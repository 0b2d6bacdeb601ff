"""dbt on a fresh warehouse of the embedded server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from dbt.invoked import CHECKED, DATABASE, UNCHECKED, invoke
from dbt.landed import begin
from dbt.stand_ins import identify, score
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

Dbt = Callable[..., None]
Run = Callable[..., None]


@pytest.fixture
def warehouse_name() -> str:
    return DATABASE


@pytest.fixture(scope="session")
def dbt_target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def dbt(settings: Settings, dbt_target: Path) -> Dbt:
    """Run dbt on the test's warehouse."""
    return partial(invoke, settings, dbt_target)


@pytest.fixture
def run_day(warehouse: Warehouse, dbt: Dbt) -> Run:
    """All layers at a business date, with stand-ins for the stages between; ``checked`` by their data tests if asked."""

    def run(as_of: date, *arguments: str, checked: bool = False) -> None:
        arguments += CHECKED if checked else UNCHECKED
        begin(warehouse, as_of)
        dbt("build", "--selector", "staging", *arguments)
        identify(warehouse)
        dbt("build", "--selector", "core", *arguments)
        score(warehouse)
        dbt("build", "--selector", "marts", *arguments)
        dbt("build", "--selector", "reporting", *arguments)

    return run
