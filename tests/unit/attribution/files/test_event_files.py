"""Files of events: journeys as a plain loop would cut them, and one outcome for every odd row."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.files.event_files import EventColumns, read_events
from millibar.attribution.files.path_files import UNIT_SEPARATOR, JourneyTable
from millibar.sources.blocks import FileError
from millibar.sources.table_files import read_table

HEAD = "customer,time,channel,conversion,value\n"
Journeys = dict[tuple[str, ...], tuple[float, float, float]]


def read(folder: Path, content: str, **told) -> JourneyTable:
    path = folder / "events.csv"
    path.write_text(content)
    return read_events(read_table(path), **told)


def journeys(table: JourneyTable) -> Journeys:
    """Steps -> conversions, non-conversions, value."""
    return {
        tuple(row["path"].split(UNIT_SEPARATOR)): (row["conversions"], row["non_conversions"], row["value"])
        for row in table.rows.to_pylist()
    }


def test_journeys_are_cut_at_conversions_and_reach_back_over_the_lookback(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        HEAD
        + "c1,2026-01-01T10:00:00,old,0,\n"  # 40 days before the conversion: a lost journey
        + "c1,2026-02-01T10:00:00,mail,0,\n"
        + "c1,2026-02-05,ads,0,\n"
        + "c1,2026-02-10T10:00:00,,1,50\n"
        + "c1,2026-02-11T10:00:00,push,0,\n"  # after the last conversion
        + "c2,2026-02-01 09:00:00,mail,true,20\n"  # a conversion in a channel is its own last touch
        + "c3,2026-02-01 09:00:00,,1,5\n",  # nobody saw it coming
    )
    assert journeys(table) == {
        ("old",): (0, 1, 0),
        ("mail", "ads"): (1, 0, 50),
        ("push",): (0, 1, 0),
        ("mail",): (1, 0, 20),
        ("(none)",): (1, 0, 5),
    }
    assert {
        name: table.inputs[name]
        for name in ("rows", "customers", "touches", "touches_before_lookback", "conversions_without_touch")
    } == {"rows": 7, "customers": 3, "touches": 5, "touches_before_lookback": 1, "conversions_without_touch": 1}
    assert table.has_value


def test_rows_out_of_order_and_of_one_moment(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        HEAD
        + "c,2026-01-03,late,0,\n"
        + "c,2026-01-02,b,0,\n"
        + "c,2026-01-02,a,0,\n"
        + "c,2026-01-02,,1,9\n"
        + "c,2026-01-01,first,0,\n",
    )
    assert journeys(table) == {("first", "b", "a"): (1, 0, 9), ("late",): (0, 1, 0)}


def test_the_lookback_includes_its_end(tmp_path: Path) -> None:
    content = HEAD + "c,2026-01-01T08:00:00.000,in,0,\nc,2026-01-01T07:59:59.999,out,0,\nc,2026-01-31T08:00:00,,1,\n"
    assert journeys(read(tmp_path, content)) == {("in",): (1, 0, 0), ("out",): (0, 1, 0)}


def test_milliseconds_count(tmp_path: Path) -> None:
    content = HEAD + "c,2026-01-01T08:00:00.900,b,0,\nc,2026-01-01T08:00:00.100,a,0,\nc,2026-01-01T08:00:01,,1,\n"
    assert journeys(read(tmp_path, content)) == {("a", "b"): (1, 0, 0)}


def test_zones_are_told_apart(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        HEAD
        + "c,2026-01-01T12:00:00+02:00,a,0,\n"
        + "c,2026-01-01T11:00:00Z,b,0,\n"
        + "c,2026-01-01T10:30:00.5,between,0,\n"
        + "c,2026-01-01T11:00:01+0000,,1,\n",
    )
    assert list(journeys(table)) == [("a", "between", "b")]
    assert "column time: 1 times have no zone (line 4): taken as UTC" in table.warnings


def test_windows_of_what_never_converted(tmp_path: Path) -> None:
    days = (1, 2, 9, 15, 16)
    rows = "".join(f"c,2026-01-{day:02},d{day},0,\n" for day in days)
    table = read(tmp_path, HEAD + rows, lookback_days=7)
    assert journeys(table) == {("d1", "d2"): (0, 1, 0), ("d9",): (0, 1, 0), ("d15", "d16"): (0, 1, 0)}


def test_weights_and_words_of_conversions(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        HEAD
        + "a,2026-01-01,x,2.5,10\nb,2026-01-01,y,TRUE,4\nc,2026-01-01,z,no,\nd,2026-01-01,w,,\ne,2026-01-01,v,0.0,\n",
    )
    assert journeys(table) == {
        ("x",): (2.5, 0, 10), ("y",): (1, 0, 4), ("z",): (0, 1, 0), ("w",): (0, 1, 0), ("v",): (0, 1, 0),
    }  # fmt: skip
    squared = {row["path"]: row["value_squared"] for row in table.rows.to_pylist()}
    assert (squared["x"], squared["y"]) == (40.0, 16.0)


def test_repeats_are_kept_and_told_or_dropped(tmp_path: Path) -> None:
    content = HEAD + "c,2026-01-01,a,0,\nc,2026-01-01,a,0,\nc,2026-01-02,,1,5\nc,2026-01-02,,1,5\n"
    kept = read(tmp_path, content)
    assert journeys(kept) == {("a", "a"): (1, 0, 5), ("(none)",): (1, 0, 5)}
    assert "2 rows repeat an earlier one wholly (line 3): kept; --drop-repeats counts each once" in kept.warnings
    dropped = read(tmp_path, content, drop_repeats=True)
    assert journeys(dropped) == {("a",): (1, 0, 5)}
    assert "2 rows repeat an earlier one wholly (line 3): dropped" in dropped.warnings


def test_touches_without_a_name_and_values_without_a_conversion(tmp_path: Path) -> None:
    table = read(tmp_path, HEAD + "c,2026-01-01,,0,\nc,2026-01-02,a,0,7\nc,2026-01-03,,1,5\n")
    assert journeys(table) == {("(none)", "a"): (1, 0, 5)}
    assert "1 events have neither channel nor conversion (line 2): touches of (none)" in table.warnings
    assert "1 events have a value and are no conversion (line 3): not counted" in table.warnings


def test_without_values_revenue_is_unknown(tmp_path: Path) -> None:
    table = read(tmp_path, "user_id;Timestamp;Channel;converted\nc;2026-01-01;a > b;1\n")
    assert journeys(table) == {("a > b",): (1, 0, 0)}
    assert not table.has_value
    assert "no column of values (--event-value): revenue is left empty" in table.warnings


def test_named_columns(tmp_path: Path) -> None:
    content = "who,at,via,sold,eur\nc,2026-01-01,a,1,3\n"
    named = EventColumns("who", "at", "via", "sold", "eur")
    assert journeys(read(tmp_path, content, wanted=named)) == {("a",): (1, 0, 3)}
    with pytest.raises(
        FileError, match=r"no column of customer .*it has who, at, via, sold, eur: name it with --customer"
    ):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",2026-01-01,a,0,", r"line 3, column customer: empty; every event needs its customer"),
        ("c,,a,0,", r"line 3, column time: empty; write it as 2026-01-31T18:05:00"),
        ("c,yesterday,a,0,", r"line 3, column time: 'yesterday'"),
        ("c,now,a,0,", r"line 3, column time: 'now'"),
        ("c,01/02/2026,a,0,", r"line 3, column time: '01/02/2026'"),
        ("c,1767225600,a,0,", r"line 3, column time: '1767225600'"),
        ("c,2026-02-30,a,0,", r"line 3, column time: '2026-02-30'; no such day"),
        ("c,2026-01-01T25:00,a,0,", r"line 3, column time: '2026-01-01T25:00'; no such day or time"),
        ("c,2026-01-01,a,maybe,", r"line 3, column conversion: 'maybe' is no number"),
        ("c,2026-01-01,a,-1,", r"line 3, column conversion: '-1'; a number below 0"),
        ("c,2026-01-01,a,nan,", r"line 3, column conversion: 'nan'"),
        ("c,2026-01-01,a,1,x", r"line 3, column value: 'x'"),
        ("c,2026-01-01,a,1,-4", r"line 3, column value: '-4'"),
        ("c,2026-01-01,a,1", r"line 3: the row has 4 columns; expected 5"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(FileError, match=message) as told:
        read(tmp_path, f"{HEAD}b,2026-01-01,a,0,\n{row}\n")
    assert "events.csv" in str(told.value)


@pytest.mark.parametrize("days", [0, -3, float("nan"), float("inf"), 1e9])
def test_a_lookback_is_above_zero(tmp_path: Path, days: float) -> None:
    with pytest.raises(FileError, match="--lookback-days"):
        read(tmp_path, HEAD + "c,2026-01-01,a,0,\n", lookback_days=days)


START = datetime(2026, 1, 1, tzinfo=UTC)
events = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2", "c3"]),
        st.integers(0, 400),  # hours
        st.sampled_from(["", "a", "b", "c"]),
        st.sampled_from([0, 0, 0, 1, 2]),
        st.integers(0, 9),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(rows=events, lookback=st.sampled_from([1.0, 2.5, 7.0]))
def test_journeys_are_those_of_a_plain_loop(
    rows: list[tuple[str, int, str, int, int]], lookback: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    lines = [
        f"{customer},{(START + timedelta(hours=hour)).isoformat()},{channel},{weight},{value}"
        for customer, hour, channel, weight, value in rows
    ]
    table = read(tmp_path_factory.mktemp("events"), HEAD + "\n".join(lines) + "\n", lookback_days=lookback)
    assert journeys(table) == _by_loop(rows, lookback * 24)
    assert sum(table.rows["conversions"].to_pylist()) == sum(row[3] for row in rows)
    assert sum(table.rows["value"].to_pylist()) == sum(row[4] for row in rows if row[3])


def _by_loop(rows: list[tuple[str, int, str, int, int]], lookback: float) -> Journeys:
    """The same, one event after another."""
    found: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for customer in sorted({row[0] for row in rows}):
        waiting: list[tuple[int, str]] = []
        for _, hour, channel, weight, value in sorted(
            (row for row in rows if row[0] == customer), key=lambda row: row[1]
        ):
            if channel or not weight:
                waiting.append((hour, channel or "(none)"))
            if weight:
                taken = tuple(name for at, name in waiting if at >= hour - lookback) or ("(none)",)
                found[taken][0] += weight
                found[taken][2] += value
                _lose([touch for touch in waiting if touch[0] < hour - lookback], lookback, found)
                waiting = []
        _lose(waiting, lookback, found)
    return {path: (figures[0], figures[1], figures[2]) for path, figures in found.items()}


def _lose(touches: list[tuple[int, str]], lookback: float, found: dict[tuple[str, ...], list[float]]) -> None:
    windows: dict[int, list[str]] = defaultdict(list)
    for at, name in touches:
        windows[int((at - touches[0][0]) // lookback)].append(name)
    for names in windows.values():
        found[tuple(names)][1] += 1
