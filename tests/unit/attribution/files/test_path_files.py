"""Files of aggregated paths: every odd file has one outcome, an error that tells the line or a note, never a wrong number."""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.files.path_files import JourneyTable, PathColumns, read_paths
from millibar.attribution.paths import Paths, encode_paths
from millibar.sources.blocks import FileError
from millibar.sources.table_files import read_table

PLAIN = "path;conv;null;value\na > b;1;2;10\nb;0;5;0\n"


def read(
    folder: Path, content: str | bytes, encoding: str = "utf-8", delimiter: str | None = None, **told
) -> JourneyTable:
    path = folder / "paths.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_paths(read_table(path, encoding, delimiter), **told)


def encoded(table: JourneyTable) -> Paths:
    return encode_paths(table.rows, separator=table.separator)


def walked(table: JourneyTable) -> list[tuple[str, ...]]:
    """The steps of every path, by name."""
    paths = encoded(table)
    return [
        tuple(paths.channels[step] for step in paths.steps[first:last])
        for first, last in zip(paths.starts[:-1], paths.starts[1:], strict=True)
    ]


def test_a_plain_file(tmp_path: Path) -> None:
    table = read(tmp_path, PLAIN)
    assert walked(table) == [("a", "b"), ("b",)]
    assert table.rows["conversions"].to_pylist() == [1.0, 0.0]
    assert table.rows["non_conversions"].to_pylist() == [2.0, 5.0]
    assert table.rows["value_squared"].to_pylist() == [100.0, 0.0]
    assert table.has_value
    assert [note.split(" (")[0] for note in table.warnings] == ["no sum of squared values"]


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.encode("utf-8-sig"),
        PLAIN.replace("\n", "\r\n").encode(),
        PLAIN.replace("\n", "\r").encode(),
        PLAIN.rstrip("\n").encode(),
        PLAIN.replace(";", "\t").encode(),
        PLAIN.replace(";", ",").encode(),
        PLAIN.encode("utf-16"),
        gzip.compress(PLAIN.encode()),
        PLAIN.replace(";", " ; ").replace("a > b", "  a>b  ").encode(),
        PLAIN.replace("\nb;", "\n\nb;").encode(),
        PLAIN.replace("path;conv", '"path";"conv"').encode(),
        PLAIN.replace("path;conv;null;value", "Journey;Total Conversions;total_null;Total_Conversion_Value").encode(),
        PLAIN.replace("path;conv;null;value", "path;conv;null;value;note").replace("\nb;0;5;0", ";x\nb;0;5;0;").encode(),
    ],
    ids=["bom", "crlf", "cr", "no last line end", "tab", "comma", "utf-16", "gzip", "blanks", "blank line", "quoted header",
         "other names", "another column"],
)  # fmt: skip
def test_the_same_paths_however_they_are_written(tmp_path: Path, content: bytes) -> None:
    table = read(tmp_path, content)
    assert walked(table) == [("a", "b"), ("b",)]
    assert table.rows["conversions"].to_pylist() == [1.0, 0.0]
    assert table.rows["non_conversions"].to_pylist() == [2.0, 5.0]
    assert table.rows["value"].to_pylist() == [10.0, 0.0]


def test_latin_1_needs_its_name(tmp_path: Path) -> None:
    content = "path;conv\nté > b;1\n".encode("latin-1")
    assert walked(read(tmp_path, content, "latin-1")) == [("té", "b")]
    with pytest.raises(FileError, match=r"paths\.csv, line 2: byte 0xE9 .* is no utf-8; .*--encoding latin-1"):
        read(tmp_path, content)
    with pytest.raises(FileError, match="--encoding klingon: no such encoding"):
        read(tmp_path, content, "klingon")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"paths\.csv: the file is empty"),
        ("\n", r"line 1: no header"),
        ("path;conv\n", "a header and no row below it"),
        ("path;conv;conv\na;1;1\n", "line 1: column conv comes twice"),
        ("path;;conv\na;1;1\n", "line 1, column 2: no name"),
        ("path;null\na;1\n", r"no column of conversions .*it has path, null: name it with --conversions COLUMN"),
        ("conv;null\n1;1\n", r"no column of path .*--path COLUMN"),
        ("path;conv;conversions\na;1;1\n", "conv and conversions could each be it; say which with --conversions COLUMN"),
        ("path;conv\na;1\nb;-2\n", r"line 3, column conv: '-2'; a number below 0"),
        ("path;conv;null\na;1;1\nb;1;-0.5\n", r"line 3, column null: '-0.5'"),
        ("path;conv;value\na;1;1\n\n\nb;1;-3\n", r"line 5, column value: '-3'"),
        ("path;conv\na;nan\n", r"line 2, column conv: 'nan'.*finite"),
        ("path;conv\na;inf\n", r"line 2, column conv: 'inf'.*finite"),
        ("path;conv\na;1\nb;two\n", r"line 3, column conv: 'two' is no number; write a number, as 12"),
        ("path;conv\na;NA\n", r"line 2, column conv: 'NA' is no number"),
        ("path;conv\na;1,5\n", r"line 2, column conv: '1,5' is no number; if the comma is a decimal one, say --decimal ,"),
        ("path;conv\na;1,500\n", r"'1,500' is no number; write it without marks between thousands"),
        ("path;conv\na;1 500,5\n", r"'1 500,5' is no number; write it without marks between thousands"),
        ("path;conv\na;1\nb;1;1\n", r"line 3: the row has 3 columns; expected 2 as in the header"),
        ("path;conv\na;1\nb\n", r"line 3: the row has 1 columns; expected 2"),
        ('path;conv\n"a > b;1\n', r'line 2: a quote " opens in this line and is never closed'),
        ('path;conv\n"a > b" > c;1\n', r"line 2: malformed quoting: text follows a closing"),
        ('path;conv\n"""a > b"" c > d";1\n', r"line 2, column path: .*a double quote must wrap a whole name"),
        ('path;conv\n"a ""x > y"" > b";1\n', r"line 2, column path: .*a double quote must wrap a whole name"),
        ("path;conv;value;value_squared\na;2;10;49\n", r"line 2, column value_squared: '49'.*sum of squares"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(FileError, match=message) as told:
        read(tmp_path, content)
    assert "paths.csv" in str(told.value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nowhere\.csv: cannot be read \(No such file"):
        read_table(tmp_path / "nowhere.csv")
    with pytest.raises(FileError, match="cannot be read"):
        read_table(tmp_path)


def test_named_columns(tmp_path: Path) -> None:
    content = "way,yes,no,money,path\nx > y,1,2,3,zzz\n"
    table = read(tmp_path, content, wanted=PathColumns("way", "yes", "no", "money"))
    assert walked(table) == [("x", "y")]
    assert [table.rows[name].to_pylist() for name in ("conversions", "non_conversions", "value")] == [[1], [2], [3]]
    with pytest.raises(FileError, match=r"no column nope \(--nulls\); it has way, yes, no, money, path"):
        read(tmp_path, content, wanted=PathColumns("way", "yes", "nope"))


def test_quoted_names_hold_the_separator(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(["path", "conv"])
    for path in ('"a > b" > c', 'c > "a > b"', '"a > b"', "plain > c", '"c" > ""', '"x;y" > c', '5" screen > c'):
        writer.writerow([path, 1])
    table = read(tmp_path, out.getvalue())
    assert walked(table) == [
        ("a > b", "c"), ("c", "a > b"), ("a > b",), ("plain", "c"), ("c", "(none)"), ("x;y", "c"), ('5" screen', "c"),
    ]  # fmt: skip


names = st.text(
    st.characters(codec="utf-8", exclude_characters='"\x00', exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8
)


@settings(max_examples=80, deadline=None)
@given(
    paths=st.lists(st.lists(names, min_size=1, max_size=5), min_size=1, max_size=6),
    separator=st.sampled_from([">", "|", "->", " > ", "::"]),
)
def test_any_names_survive_in_quotes(
    paths: list[list[str]], separator: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["path", "conv"])
    writer.writerows([[separator.join(f'"{name}"' for name in path), 1] for path in paths])
    table = read(tmp_path_factory.mktemp("names"), out.getvalue(), separator=separator)
    assert walked(table) == [tuple(name.strip() or "(none)" for name in path) for path in paths]


@pytest.mark.parametrize(
    ("separator", "path"),
    [("|", "a | b"), ("->", "a -> b"), ("=>", "a=>b"), (" ", "a b"), (" > ", "a > b"), (".", "a.b")],
)
def test_other_separators(tmp_path: Path, separator: str, path: str) -> None:
    table = read(tmp_path, f"path;conv\n{path};1\n", separator=separator)
    assert walked(table) == [("a", "b")]


@pytest.mark.parametrize(
    ("path", "note"),
    [
        ("a | b", r"no path holds '>', .* say --separator '\|'"),
        ("a -> b", r"some steps end in -; if -> separates them, say --separator '->'"),
    ],
)
def test_a_separator_that_seems_to_be_another(tmp_path: Path, path: str, note: str) -> None:
    warnings = read(tmp_path, f"path;conv;null\n{path};1;1\n").warnings
    assert sum(bool(re.search(note, told)) for told in warnings) == 1


@pytest.mark.parametrize("separator", ["", '"'])
def test_no_separator_at_all(tmp_path: Path, separator: str) -> None:
    with pytest.raises(FileError, match="--separator"):
        read(tmp_path, PLAIN, separator=separator)


def test_empty_paths_and_steps_are_a_channel_without_a_name(tmp_path: Path) -> None:
    table = read(tmp_path, "path;conv;null\na > b;1;1\n;2;0\na > > b;3;0\nb >;1;0\n")
    assert walked(table) == [("a", "b"), ("(none)",), ("a", "(none)", "b"), ("b", "(none)")]
    assert "3 paths are empty or have a step without a name (line 3): it is (none)" in table.warnings


def test_without_nulls_or_values(tmp_path: Path) -> None:
    table = read(tmp_path, "path;conv\na > b;1\n")
    assert table.rows["non_conversions"].to_pylist() == [0.0]
    assert not table.has_value
    assert [note for note in table.warnings if note.startswith("no column of journeys that did not convert (--nulls)")]
    assert [note for note in table.warnings if note.startswith("no column of values (--value): revenue is left empty")]
    zeros = read(tmp_path, "path;conv;null\na > b;1;0\n").warnings
    assert [note for note in zeros if note.startswith("column null knows no journeys that did not convert")]


def test_fractions_empty_fields_and_values_without_a_conversion(tmp_path: Path) -> None:
    table = read(tmp_path, "path,conv,null,value\na,0.25,1e2,\nb,,.5,7\n")
    assert table.rows["conversions"].to_pylist() == [0.25, 0.0]
    assert table.rows["non_conversions"].to_pylist() == [100.0, 0.5]
    assert table.rows["value"].to_pylist() == [0.0, 7.0]
    assert "column conv: 1 empty fields count as 0" in table.warnings
    assert "1 rows have a value without a conversion (line 3): it counts in revenue" in table.warnings


def test_decimal_commas(tmp_path: Path) -> None:
    content = "path;conv;null;value\na;1,5;2;10,25\n"
    table = read(tmp_path, content, decimal=",")
    assert [table.rows[name][0].as_py() for name in ("conversions", "value")] == [1.5, 10.25]
    with pytest.raises(FileError, match=r"line 2, column value: '1\.000,5'.*with --decimal , a point cannot stand"):
        read(tmp_path, "path;conv;value\na;1,5;1.000,5\n", decimal=",")


def test_squared_values_are_taken_or_the_mean_is_told(tmp_path: Path) -> None:
    told = read(tmp_path, "path;conv;null;value;value_squared\na;2;0;10;68\n")
    assert told.rows["value_squared"].to_pylist() == [68.0]
    assert not [note for note in told.warnings if "squared" in note]
    assert read(tmp_path, "path;conv;null;value\na;2;0;10\n").rows["value_squared"].to_pylist() == [50.0]


def test_four_hundred_steps_and_five_hundred_channels(tmp_path: Path) -> None:
    long = [f"c{place % 500}" for place in range(400)]
    other = [f"c{place}" for place in range(499, -1, -1)]
    table = read(tmp_path, f"path;conv;null\n{' > '.join(long)};1;0\n{'>'.join(other)};0;1\n")
    assert walked(table) == [tuple(long), tuple(other)]
    assert len(encoded(table).channels) == 500


def test_lines_over_a_block_and_a_fault_at_its_end(tmp_path: Path) -> None:
    rows = [f"channel {place % 7} > channel {place % 11};1;{place % 3}" for place in range(400_000)]
    text = "path;conv;null\n" + "\n".join(rows) + "\n"
    paths = encoded(read(tmp_path, text))
    assert len(paths) == 400_000
    np.testing.assert_array_equal(paths.losses, np.arange(400_000) % 3)
    with pytest.raises(FileError, match=r"line 400002, column conv: 'x'"):
        read(tmp_path, text + "a;x;1\n")
