"""From the tool to the landing folder: days, lateness, corrections, broken rows, and formats."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from millibar.simulation.clock import Clock
from millibar.simulation.delivery import DAILY, TWICE_A_WEEK, WEEKLY, Outbox, Tool
from millibar.simulation.draws import Draws
from millibar.simulation.formats import french_time, iso, money, plain_time, table_of, write
from millibar.simulation.parameters import NoiseParameters

START = date(2025, 1, 1)  # a Wednesday
ROWS, DAYS = 200, 30


def deliver(tool: Tool, noise: NoiseParameters, landing: Path) -> tuple[Outbox, list[tuple[int, dict[str, str]]]]:
    """ROWS rows a day for DAYS days; every delivered row with the day of its file."""
    outbox = Outbox(landing, Clock(START, DAYS, "Europe/Paris"), Draws(1), noise, DAYS)
    for day in range(DAYS):
        keys = [f"{day}-{n}" for n in range(ROWS)]
        outbox.hand_over(
            tool,
            day,
            table_of({"id": keys, "at": ["2025-01-01T00:00:00Z"] * ROWS, "total": ["1.00"] * ROWS}),
        )
        outbox.deliver(tool, day)
    outbox.close()
    delivered = []
    for path in sorted(landing.glob("*/rows.csv")):
        number = (date.fromisoformat(path.parent.name) - START).days
        delivered += [(number, row) for row in csv.DictReader(path.read_text().splitlines())]
    return outbox, delivered


def tool(**changes: object) -> Tool:
    return Tool("a_tool", "orders", "rows.csv", "comma", **({"key": "id", "time": "at", "amount": "total"} | changes))  # type: ignore[arg-type]


def test_without_noise_rows_come_on_their_day(tmp_path: Path) -> None:
    _, delivered = deliver(tool(noisy=False), NoiseParameters(), tmp_path)
    assert len(delivered) == ROWS * DAYS
    assert all(row["id"].startswith(f"{day}-") for day, row in delivered)


@pytest.mark.parametrize(("rhythm", "weekdays"), [(WEEKLY, {0}), (TWICE_A_WEEK, {0, 3})])
def test_a_tool_keeps_its_rhythm(rhythm: tuple[int, ...], weekdays: set[int], tmp_path: Path) -> None:
    outbox, delivered = deliver(tool(noisy=False, rhythm=rhythm), NoiseParameters(), tmp_path)
    days = {day for day, _ in delivered}
    assert {date.fromordinal(START.toordinal() + day).weekday() for day in days - {0}} == weekdays
    assert len(delivered) + outbox.counts["a_tool"].undelivered == ROWS * DAYS


def test_late_rows_come_within_three_days_and_none_is_lost(tmp_path: Path) -> None:
    noise = NoiseParameters(late=0.5, duplicate=0, redelivered=0, changed=0, broken=0)
    outbox, delivered = deliver(tool(rhythm=DAILY), noise, tmp_path)
    lags = np.array([day - int(row["id"].split("-")[0]) for day, row in delivered])
    assert set(lags.tolist()) == {0, 1, 2, 3}
    assert (lags > 0).mean() == pytest.approx(0.5, abs=0.05)
    assert len({row["id"] for _, row in delivered}) == len(delivered)
    assert len(delivered) + outbox.counts["a_tool"].undelivered == ROWS * DAYS


def test_doubled_rows_are_exact_copies_in_the_same_file(tmp_path: Path) -> None:
    noise = NoiseParameters(late=0, duplicate=0.1, redelivered=0, changed=0, broken=0)
    outbox, delivered = deliver(tool(), noise, tmp_path)
    distinct = {(day, *row.values()) for day, row in delivered}
    assert len(distinct) == ROWS * DAYS
    assert len(delivered) - len(distinct) == outbox.counts["a_tool"].duplicates > 300


def test_redelivered_rows_are_exact_copies_in_a_later_file(tmp_path: Path) -> None:
    noise = NoiseParameters(late=0, duplicate=0, redelivered=0.1, changed=0, broken=0)
    _, delivered = deliver(tool(), noise, tmp_path)
    again = [(day, row) for day, row in delivered if day != int(row["id"].split("-")[0])]
    assert len(again) > 300
    assert {day - int(row["id"].split("-")[0]) for day, row in again} == {4}


@pytest.mark.parametrize("rhythm", [DAILY, WEEKLY])
def test_a_corrected_row_comes_after_its_first_version(rhythm: tuple[int, ...], tmp_path: Path) -> None:
    noise = NoiseParameters(late=0, duplicate=0, redelivered=0, changed=0.1, broken=0)
    wrong = tool(rhythm=rhythm, first_version=lambda row: row | {"total": "9.00"})
    outbox, delivered = deliver(wrong, noise, tmp_path)
    first = {row["id"]: day for day, row in delivered if row["total"] == "9.00"}
    final = {row["id"]: day for day, row in delivered if row["total"] == "1.00"}
    corrected = [key for key in first if key in final]
    assert len(first) == outbox.counts["a_tool"].versions or rhythm == WEEKLY  # a week's rows may be on their way
    assert len(corrected) > 200
    assert all(first[key] < final[key] for key in corrected)


def test_broken_rows_are_extra_and_never_more_than_the_limit(tmp_path: Path) -> None:
    noise = NoiseParameters(late=0, duplicate=0, redelivered=0, changed=0, broken=0.5, broken_most=0.02)
    outbox, delivered = deliver(tool(), noise, tmp_path)
    whole = {row["id"] for _, row in delivered if row["id"] and not row["id"].startswith("broken")}
    assert len(whole) == ROWS * DAYS
    broken = [row for _, row in delivered if not row["id"] or row["id"].startswith("broken")]
    assert len(broken) == outbox.counts["a_tool"].broken == DAYS * 4
    assert {"abc"} <= {row["total"] for row in broken}
    assert {"2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "not a date"} <= {row["at"] for row in broken}
    assert any(row["id"] == "" for row in broken)


def test_a_french_file_is_latin_1_with_semicolons(tmp_path: Path) -> None:
    table = table_of({"NOM": ["Lefèvre", 'Dit "Léo"', None], "MONTANT": money(np.array([1234.5, 0, 7]), ",")})
    write(table, tmp_path / "f.csv", "french")
    expected = 'NOM;MONTANT\r\nLefèvre;1234,50\r\n"Dit ""Léo""";0,00\r\n;7,00\r\n'
    assert (tmp_path / "f.csv").read_bytes() == expected.encode("latin-1")


def test_json_lines_leave_out_what_is_missing(tmp_path: Path) -> None:
    write(table_of({"a": ["é😡", None], "n": np.array([1, 2])}), tmp_path / "f.jsonl.gz", "jsonl")
    text = gzip.decompress((tmp_path / "f.jsonl.gz").read_bytes()).decode()
    assert text == '{"a":"é😡","n":1}\n{"n":2}\n'


def test_an_all_empty_column_stays_text() -> None:
    table = table_of({"a": np.array([None, None], object), "b": [None, None], "c": np.array(["x", None], object)})
    assert table.schema.types == [pa.string()] * 3
    assert table_of({"a": []}).schema.types == [pa.string()]


def test_times_are_written_as_each_tool_does() -> None:
    noon = np.array([1_743_300_245])
    assert iso(noon).tolist() == ["2025-03-30T02:04:05Z"]
    assert french_time(noon).tolist() == ["30/03/2025 02:04:05"]
    assert plain_time(noon).tolist() == ["2025-03-30 02:04:05"]
    assert iso(noon[:0]).tolist() == []
