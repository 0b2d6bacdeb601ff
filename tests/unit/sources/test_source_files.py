"""Source YAMLs: each fault is named with its line and its mend; what is right is read as written."""

from __future__ import annotations

from pathlib import Path

import pytest

from millibar.sources.definition import SourceError
from millibar.sources.mapping import read_sources
from unit.sources.shop import TOUCHPOINTS, make_source

PROJECT = Path(__file__).resolve().parents[3]


def fault_of(folder: Path, text: str) -> str:
    with pytest.raises(SourceError) as caught:
        make_source(folder, text)
    assert len(caught.value.faults) == 1, str(caught.value)
    return str(caught.value.faults[0]).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "  cost: cost", "  costs: cost",
            "newsletter.yml:11: feed touchpoints has no column 'costs'; it has touchpoint_id",
        ),
        (
            "  occurred_at: {from: at, timezone: Europe/Paris}\n", "",
            "newsletter.yml:6: feed touchpoints requires column occurred_at",
        ),
        ("Europe/Paris", "Europe/Pari", "newsletter.yml:8: 'Europe/Pari' is no IANA time zone"),
        (
            "  channel: channel", "  channel: {value: fax}",
            "newsletter.yml:9: channel cannot be 'fax'; known: call_center",
        ),
        (
            "  event_type: event", "  event_type:\n    from: event\n    map:\n      A: open\n      B: opened",
            "newsletter.yml:14: event_type cannot be 'opened' (for 'B')",
        ),
        (
            "  event_type: event", "  event_type: {from: event, map: {A: open}, otherwise: other}",
            "newsletter.yml:10: event_type cannot be 'other'",
        ),
        (
            "  email: email\n", "",
            "newsletter.yml:6: feed touchpoints needs at least one identifier; map one of crm_id",
        ),
        ("format: csv", "format: xls", "newsletter.yml:5: format: 'xls' is not one of"),
        (
            "format: csv", "format: csv\nformt: csv",
            "newsletter.yml:6: unknown option 'formt'; known here: columns, csv",
        ),
        (
            "  cost: cost", "  cost: {from: cost, decimals: ','}",
            "newsletter.yml:11: unknown option 'decimals'; known here: collapse_whitespace",
        ),
        (
            "  cost: cost", "  cost: {from: cost, value: 1}",
            "newsletter.yml:11: cost: give exactly one of from, value, from_row",
        ),
        ("  cost: cost", "  cost: {decimal: ','}", "newsletter.yml:11: cost: give exactly one of"),
        (
            "  cost: cost", "  cost: {from: cost, thousands: '.'}",
            "newsletter.yml:11: thousands and decimal cannot be the same",
        ),
        ("{date}", "{date:%Q}", "newsletter.yml:4: '%Q' is no date pattern"),
        ("{date}", "{day}", "newsletter.yml:4: {day} is unknown in a path"),
        (
            "touchpoint_id: id", "touchpoint_id: {from_row: 'r{row_number}'}",
            "newsletter.yml:7: the source has several files",
        ),
        ("from: at,", "from: at, formats: [dd/mm/yyyy],", "newsletter.yml:8: 'dd/mm/yyyy' is no date form"),
        (
            "location: {path: \"{date}/news*.csv*\"}\n", "",
            "newsletter.yml:4: format csv needs `location: {path: ...}`",
        ),
        ("format: csv", "format: csv\ncsv: {encoding: utf-9}", "newsletter.yml:6: unknown encoding 'utf-9'"),
        (
            "format: csv", "format: csv\ncsv: {header: false}",
            "newsletter.yml:6: without a header `names:` must list",
        ),
        (
            "format: csv", "format: csv\ncsv: {names: [id, at, channel, event, email]}",
            "newsletter.yml:6: `names:` lacks cost",
        ),
        (
            "format: csv", "format: parquet\ncsv: {header: true}",
            "newsletter.yml:6: format parquet takes no section `csv:`",
        ),
        ("format: csv", "format: sql", "newsletter.yml:5: format sql needs a section `sql:`"),
        ("0.9", "2", "newsletter.yml:13: limits.max_rejected_share: 2 is greater than the maximum of 1"),
        ("source: newsletter", "source: News", "News.yml:2: source: 'News' does not match"),
        ("columns:", "columns: [", "newsletter.yml:8: not YAML: expected"),
        ("  cost: cost", "  cost: cost\n  cost: other", "newsletter.yml:12: not YAML: found duplicate key"),
    ],
)  # fmt: skip
def test_fault_is_named_with_its_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in TOUCHPOINTS
    if "format: sql" in new:
        with pytest.raises(SourceError, match="needs a section `sql:`"):
            make_source(tmp_path, TOUCHPOINTS.replace(old, new))
        return
    assert fault_of(tmp_path, TOUCHPOINTS.replace(old, new, 1)).startswith(expected)


def test_all_faults_of_all_files_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(TOUCHPOINTS.replace("cost: cost", "costs: cost").replace("Europe/Paris", "Paris"))
    (tmp_path / "b.yml").write_text("source: [")
    (tmp_path / "c.yml").write_text("")
    with pytest.raises(SourceError) as caught:
        read_sources(tmp_path)
    assert [(fault.path.name, fault.line) for fault in caught.value.faults] == [
        ("a.yml", 8), ("a.yml", 11), ("b.yml", 1), ("c.yml", 1),
    ]  # fmt: skip


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.yml", "b.yml"):
        (tmp_path / name).write_text(TOUCHPOINTS)
    with pytest.raises(SourceError, match=r"b.yml:2: source 'newsletter' is already defined in a.yml"):
        read_sources(tmp_path)


def test_missing_folder_says_which_setting(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="set MILLIBAR_SOURCES"):
        read_sources(tmp_path / "nowhere")


def test_options_are_read_as_written(tmp_path: Path) -> None:
    text = TOUCHPOINTS.replace(
        "  event_type: event", "  event_type: {from: [a, b], join: '/', map: {7: open, true: click, '': send}}"
    )
    source = make_source(
        tmp_path,
        text
        + "csv: {delimiter: ;, null_values: ['NULL', '-'], skip_lines: 2}\nwhere: {column: kind, one_of: [1, x]}\n",
    )
    event = next(entry for entry in source.columns if entry.target == "event_type")
    assert (event.columns, event.join, event.values) == (("a", "b"), "/", {"7": "open", "true": "click", "": "send"})
    assert (source.dialect.delimiter, source.dialect.null_values, source.dialect.skip_lines) == (";", ("NULL", "-"), 2)
    assert source.where is not None
    assert source.where.one_of == ("1", "x")
    assert source.identifiers == ("email",)
    assert source.source_columns == ("id", "at", "channel", "a", "b", "cost", "email", "kind")


@pytest.mark.parametrize(
    "folder", ["config/sources", *(f"config/examples/{name}" for name in ("web_sessions", "cdnow", "subscriptions"))]
)
def test_sources_of_the_project_are_without_fault(folder: str) -> None:
    assert read_sources(PROJECT / folder)
