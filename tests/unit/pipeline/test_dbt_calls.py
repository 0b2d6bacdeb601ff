"""Calls of dbt in this process: parsed once for a warehouse and its variables, the environment as before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from dbt.cli.main import dbtRunner, dbtRunnerResult

from millibar.pipeline import dbt_calls
from millibar.settings import Settings

URI = "postgresql://somebody:secret@127.0.0.1:1/shop"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[SimpleNamespace]]:
    """What dbt was called with; it answers a parse with a project and anything else with success."""
    made: list[SimpleNamespace] = []

    def call(runner: dbtRunner, words: list[str]) -> dbtRunnerResult:
        verb = next(word for word in words if word in ("parse", "build", "run"))
        told = SimpleNamespace(
            verb=verb, words=words, manifest=runner.manifest, name=os.environ["MILLIBAR_DBT_DATABASE"]
        )
        made.append(told)
        return dbtRunnerResult(success=True, result=f"project {len(made)}" if verb == "parse" else None)

    monkeypatch.setattr(dbtRunner, "invoke", call)
    dbt_calls.forget()
    yield made
    dbt_calls.forget()


@pytest.fixture
def shop(tmp_path: Path) -> Settings:
    base = Settings.from_environment({"MILLIBAR_STATE": str(tmp_path), "MILLIBAR_HASH_KEY": "0f" * 32})
    return replace(base, warehouse_uri=URI)


def test_a_project_is_parsed_once_for_a_warehouse_and_its_variables(
    calls: list[SimpleNamespace], shop: Settings, tmp_path: Path
) -> None:
    dbt_calls.invoke(shop, tmp_path, "build", "--selector", "core")
    dbt_calls.invoke(shop, tmp_path / "other", "build", "--selector", "marts")
    dbt_calls.invoke(shop, tmp_path, "run", "--vars", "{a: 1}", "--select", "x")
    dbt_calls.invoke(replace(shop, warehouse_uri=URI + "2"), tmp_path, "run")
    dbt_calls.invoke(shop, tmp_path, "run")
    assert [call.verb for call in calls] == ["parse", "build", "build", "parse", "run", "parse", "run", "run"]
    assert [call.manifest for call in calls if call.verb != "parse"] == [
        "project 1", "project 1", "project 4", "project 6", "project 1"
    ]  # fmt: skip
    assert "--vars" in calls[3].words
    assert [call.name for call in calls] == ["shop"] * 5 + ["shop2"] * 2 + ["shop"]


def test_the_environment_is_as_before(calls: list[SimpleNamespace], shop: Settings, tmp_path: Path) -> None:
    before = dict(os.environ)
    dbt_calls.invoke(shop, tmp_path, "run")
    assert dict(os.environ) == before
    assert calls


def test_a_project_that_does_not_parse_is_told_by_the_call_itself(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = ValueError("model x is broken")
    monkeypatch.setattr(dbtRunner, "invoke", lambda runner, words: dbtRunnerResult(success=False, exception=fault))
    dbt_calls.forget()
    outcome = dbt_calls.invoke(shop, tmp_path, "run")
    assert outcome.exception is fault


def test_an_interrupt_is_not_swallowed(shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(runner: dbtRunner, words: list[str]) -> Any:
        return dbtRunnerResult(success=False, exception=KeyboardInterrupt())

    monkeypatch.setattr(dbtRunner, "invoke", interrupted)
    dbt_calls.forget()
    with pytest.raises(KeyboardInterrupt):
        dbt_calls.invoke(shop, tmp_path, "run")
