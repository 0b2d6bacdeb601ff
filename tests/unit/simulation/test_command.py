"""The command `millibar simulate`."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from millibar.simulation.command import add_arguments, main


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return main(parser.parse_args(words))


def test_writes_a_market_and_says_how_much(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ("--landing", str(tmp_path / "l"), "--truth", str(tmp_path / "t"))
    assert run("--customers", "150", "--days", "3", "--effect-sample", "5", "--start", "2025-06-01", *folders) == 0
    said = capsys.readouterr()
    assert "touchpoints" in said.out
    assert "3 of 3 days" in said.err
    assert sorted(folder.name for folder in (tmp_path / "l").iterdir()) == ["2025-06-01", "2025-06-02", "2025-06-03"]
    assert (tmp_path / "t" / "summary.json").exists()


def test_refuses_a_truth_the_pipeline_could_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--landing", str(tmp_path), "--truth", str(tmp_path / "truth")) == 2
    assert "overlap" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_refuses_an_empty_market(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--customers", "0", "--landing", str(tmp_path / "l"), "--truth", str(tmp_path / "t")) == 2
    assert "at least 1" in capsys.readouterr().err
