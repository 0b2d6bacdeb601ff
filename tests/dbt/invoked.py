"""dbt on the warehouse of a test; what fails there fails the test, with dbt's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from millibar.pipeline.dbt import GOOD
from millibar.pipeline.dbt_calls import invoke as call
from millibar.settings import Settings

DATABASE = "test_dbt"  # one name for all: a project is parsed for a database, which takes longer than most tests
CHECKED = ("--exclude-resource-type", "unit_test")
UNCHECKED = ("--exclude-resource-type", "test", "unit_test")  # for `build`: its tests take as long as its models


def invoke(settings: Settings, target: Path, verb: str, *arguments: str) -> None:
    """Run dbt on the warehouse of the settings; a node that fails fails the test."""
    outcome = call(settings, target, verb, *arguments)
    nodes = getattr(outcome.result, "results", None) or []
    failed = [f"{node.node.unique_id}: {node.message}" for node in nodes if str(node.status) not in GOOD]
    if not outcome.success or failed:
        pytest.fail(f"dbt {verb} {' '.join(arguments)}: {outcome.exception or ''}\n" + "\n".join(failed))
