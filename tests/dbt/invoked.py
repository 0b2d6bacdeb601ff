"""dbt in this process: its import alone takes longer than most invocations."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

import pytest

from millibar.pipeline.dbt import GOOD, command, environment
from millibar.settings import Settings

PROGRAM = 3  # words of the command line before dbt's own


def invoke(settings: Settings, target: Path, verb: str, *arguments: str) -> None:
    """Run dbt on the warehouse of the settings; a node that fails fails the test, with dbt's words."""
    from dbt.cli.main import dbtRunner

    with mock.patch.dict(os.environ, environment(settings)):
        outcome = dbtRunner().invoke(["--quiet", *command(verb, settings, target, *arguments)[PROGRAM:]])
    nodes = getattr(outcome.result, "results", None) or []
    failed = [f"{node.node.unique_id}: {node.message}" for node in nodes if str(node.status) not in GOOD]
    if not outcome.success or failed:
        pytest.fail(f"dbt {verb} {' '.join(arguments)}: {outcome.exception or ''}\n" + "\n".join(failed))
