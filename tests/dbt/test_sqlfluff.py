"""The project's SQL is clean by its own rules (.sqlfluff); the linter compiles the models on a real warehouse."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

from dbt.landed import begin
from millibar.pipeline.dbt import environment
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

PROJECT = Path(__file__).resolve().parents[2]


def lint(settings: Settings, *paths: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "sqlfluff", "lint", "--disable-progress-bar", *paths],
        cwd=PROJECT, env=os.environ | environment(settings), capture_output=True, text=True,
    )  # fmt: skip


def test_every_model_is_clean(warehouse: Warehouse, settings: Settings) -> None:
    begin(warehouse, date(2025, 3, 1))
    result = lint(settings, "dbt_project/models", "dbt_project/tests")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert "All Finished" in result.stdout


def test_the_linter_does_find_faults(warehouse: Warehouse, settings: Settings) -> None:
    begin(warehouse, date(2025, 3, 1))
    model = PROJECT / "dbt_project" / "models" / "marts" / "market" / "dim_channel.sql"
    sound = model.read_text()
    try:
        model.write_text(sound.replace("with\n", "WITH\n", 1))
        result = lint(settings, str(model.relative_to(PROJECT)))
    finally:
        model.write_text(sound)
    assert result.returncode == 1
    assert "CP01" in result.stdout
