"""The command line: what is meant for another program is passed on, faults are one clear message."""

from __future__ import annotations

import pytest

from millibar.command import main, parser, pass_on


@pytest.mark.parametrize(
    ("words", "passed"),
    [
        (["psql", "-c", "select 1"], ["psql", "--", "-c", "select 1"]),
        (["psql", "--role", "pipeline", "-c", "x"], ["psql", "--role", "pipeline", "--", "-c", "x"]),
        (["dbt", "build", "--select", "a"], ["dbt", "--", "build", "--select", "a"]),
        (["dbt", "--", "build"], ["dbt", "--", "build"]),
        (["run", "--as-of", "2026-01-01"], ["run", "--as-of", "2026-01-01"]),
        (["psql"], ["psql"]),
    ],
)
def test_words_for_another_program_are_set_off(words: list[str], passed: list[str]) -> None:
    assert pass_on(words) == passed


def test_every_promised_command_exists() -> None:
    words = {line.split()[0] for line in parser().format_help().splitlines() if line.strip()}
    for name in (
        "run",
        "backfill",
        "status",
        "sources",
        "erase",
        "identity",
        "simulate",
        "demo",
        "services",
        "warehouse-uri",
        "psql",
        "init",
    ):
        assert name in words


def test_a_fault_is_one_message_not_a_trace(monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
    monkeypatch.setenv("MILLIBAR_STATE", str(tmp_path))
    monkeypatch.delenv("MILLIBAR_WAREHOUSE_URI", raising=False)
    assert main(["status"]) == 1
    error = capsys.readouterr().err
    assert "no warehouse is known" in error
    assert "Traceback" not in error
