"""`millibar sources check`: says what would load and what not, writes nothing, ends with 1 on a fault."""

from __future__ import annotations

import io
from datetime import date
from pathlib import Path

import pytest

from millibar.sources.command import check_sources
from unit.sources.shop import HEADER, TOUCHPOINTS, lines, row


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    sources, landing = tmp_path / "sources", tmp_path / "landing"
    (landing / "2025-03-01").mkdir(parents=True)
    sources.mkdir()
    (sources / "newsletter.yml").write_text(TOUCHPOINTS)
    return sources, landing


def check(places: tuple[Path, Path], as_of: date | None = None, rows: int = 1000) -> tuple[int, str]:
    out = io.StringIO()
    code = check_sources(*places, as_of, rows, out)
    return code, out.getvalue()


def test_sample_is_counted_with_its_faults(places: tuple[Path, Path]) -> None:
    (places[1] / "2025-03-01" / "news.csv").write_bytes(lines(row(1), row(2, cost="much"), "t3", row(4)))
    code, text = check(places)
    assert code == 0
    assert "newsletter -> feed touchpoints (csv, identifiers email)" in text
    assert "sample of 4 rows: 2 would load, 2 would be refused" in text
    assert "2025-03-01/news.csv:3: cost 'much' is not a finite number" in text
    assert "2025-03-01/news.csv:4: the row has 1 columns; expected 6 as in the header" in text


def test_only_the_sample_is_read(places: tuple[Path, Path]) -> None:
    (places[1] / "2025-03-01" / "news.csv").write_bytes(lines(*(row(number) for number in range(50))))
    assert "sample of 10 rows" in check(places, rows=10)[1]


def test_no_file_is_no_fault(places: tuple[Path, Path]) -> None:
    code, text = check(places)
    assert code == 0
    assert "no file so far: nothing matches {date}/news*.csv*" in text


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        (b"id,channel\n1,2\n", "FAULT  2025-03-01/news.csv: line 1: column at is missing"),
        (
            lines(row(1, cost="much")),
            "FAULT  2025-03-01/news.csv: 1 of 1 rows are bad (limit 90.0%); it would not load",
        ),
    ],
)
def test_file_that_would_not_load_is_a_fault(places: tuple[Path, Path], contents: bytes, expected: str) -> None:
    (places[1] / "2025-03-01" / "news.csv").write_bytes(contents)
    code, text = check(places)
    assert code == 1
    assert expected in text


def test_faulty_source_file_is_named_and_the_others_are_checked(places: tuple[Path, Path]) -> None:
    (places[0] / "broken.yml").write_text("source: broken\nfeed: nothing\n")
    (places[1] / "2025-03-01" / "news.csv").write_text(f"{HEADER}\n{row(1)}\n")
    code, text = check(places)
    assert code == 1
    assert "broken.yml:2: feed: 'nothing' is not one of" in text
    assert "sample of 1 rows: 1 would load" in text


def test_later_files_are_not_looked_at(places: tuple[Path, Path]) -> None:
    (places[1] / "2025-03-01" / "news.csv").write_bytes(lines(row(1)))
    assert "no file so far" in check(places, as_of=date(2025, 2, 28))[1]
