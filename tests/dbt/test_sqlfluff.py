"""The project's SQL is clean by its own rules (.sqlfluff); the linter compiles the models on a real warehouse."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

from dbt.landed import begin
from millibar.pipeline.dbt_calls import environment
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

PROJECT = Path(__file__).resolve().parents[2]


def lint(settings: Settings, project: Path, *paths: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "sqlfluff", "lint", "--disable-progress-bar", *paths],
        cwd=project, env=os.environ | environment(settings), capture_output=True, text=True,
    )  # fmt: skip


def test_every_model_is_clean(warehouse: Warehouse, settings: Settings) -> None:
    begin(warehouse, date(2025, 3, 1))
    result = lint(settings, PROJECT, "dbt_project/models", "dbt_project/tests")
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert "All Finished" in result.stdout


def test_the_linter_does_find_faults(warehouse: Warehouse, settings: Settings, tmp_path: Path) -> None:
    begin(warehouse, date(2025, 3, 1))
    shutil.copytree(PROJECT / "dbt_project", tmp_path / "dbt_project", ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(PROJECT / ".sqlfluff", tmp_path)
    model = tmp_path / "dbt_project" / "models" / "marts" / "market" / "dim_channel.sql"
    model.write_text(model.read_text().replace("with\n", "WITH\n", 1))
    result = lint(settings, tmp_path, str(model.relative_to(tmp_path)))
    assert result.returncode == 1
    assert "CP01" in result.stdout
