"""Which files belong to a source, and the day each was delivered."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from millibar.sources.definition import Source
from millibar.sources.locate import find_files
from unit.sources.shop import make_source

AS_OF = date(2025, 3, 10)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return make_source(tmp_path / "sources")


def found(source: Source, path: str, landing: Path, as_of: date | None = AS_OF) -> list[tuple[str, date]]:
    return [(file.label, file.delivered_on) for file in find_files(replace(source, path=path), landing, as_of)]


def touch(landing: Path, *names: str) -> None:
    for name in names:
        path = landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def test_day_comes_from_the_path_and_later_days_wait(source: Source, tmp_path: Path) -> None:
    touch(
        tmp_path,
        "2025-03-02/news.csv",
        "2025-03-01/news.csv",
        "2025-03-11/news.csv",
        "2025-02-31/news.csv",
        "x/news.csv",
    )
    assert found(source, "{date}/news*.csv", tmp_path) == [
        ("2025-03-01/news.csv", date(2025, 3, 1)), ("2025-03-02/news.csv", date(2025, 3, 2)),
    ]  # fmt: skip
    assert len(found(source, "{date}/news*.csv", tmp_path, None)) == 3


def test_day_of_another_form_inside_the_name(source: Source, tmp_path: Path) -> None:
    touch(tmp_path, "tool/2025/news_20250301_a.csv", "tool/2025/news_2025_a.csv", "tool/2025/[x]20250302.csv")
    assert found(source, "tool/*/news_{date:%Y%m%d}_?.csv", tmp_path) == [
        ("tool/2025/news_20250301_a.csv", date(2025, 3, 1))
    ]
    touch(tmp_path, "deep/a/b/news_01-03-25.csv")
    assert found(source, "deep/**/news_{date:%d-%m-%y}.csv", tmp_path) == [
        ("deep/a/b/news_01-03-25.csv", date(2025, 3, 1))
    ]


def test_without_a_day_in_the_path_it_is_the_business_date(source: Source, tmp_path: Path) -> None:
    touch(tmp_path, "news.csv")
    assert found(source, "news.csv", tmp_path) == [("news.csv", AS_OF)]
    assert found(source, str(tmp_path / "*.csv"), Path("/nowhere")) == [(f"{tmp_path}/news.csv", AS_OF)]


def test_folder_that_looks_like_a_file_is_passed_over(source: Source, tmp_path: Path) -> None:
    touch(tmp_path, "2025-03-01/news.csv/part")
    assert found(source, "{date}/news*.csv", tmp_path) == []


def test_object_store_by_its_url(source: Source, tmp_path: Path) -> None:
    touch(tmp_path, "2025-03-01/news.csv", "2025-03-02/other.csv")
    (file,) = find_files(replace(source, path=f"file://{tmp_path}/{{date}}/news*.csv"), Path("/nowhere"), AS_OF)
    assert (file.label, file.delivered_on, file.size) == (f"file://{tmp_path}/2025-03-01/news.csv", date(2025, 3, 1), 1)
    assert file.open().read() == b"x"


def test_digest_follows_the_contents_and_the_stamp_the_change(source: Source, tmp_path: Path) -> None:
    touch(tmp_path, "news.csv")
    source = replace(source, path="news.csv")
    before = find_files(source, tmp_path, AS_OF)[0]
    digest = before.digest()
    (tmp_path / "news.csv").write_text("yy")
    after = find_files(source, tmp_path, AS_OF)[0]
    assert before.stamp != after.stamp
    assert after.digest() != digest
    (tmp_path / "news.csv").write_text("x")
    assert find_files(source, tmp_path, AS_OF)[0].digest() == digest
