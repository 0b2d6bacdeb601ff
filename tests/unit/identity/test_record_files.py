"""Files of records: text stays text, and every fault says file, line, column, value and the mend."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from millibar.identity.record_files import FileError, named_records, read_decisions, read_mapping, read_records


def _file(folder: Path, content: str | bytes, name: str = "records.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", "])
def test_delimiters_and_leading_zeros(tmp_path: Path, delimiter: str) -> None:
    path = _file(tmp_path, f"id{delimiter}code{delimiter}name\n1{delimiter}01000{delimiter}Zoé\n")
    row = read_records([path]).iloc[0]
    assert (row["id"], row["code"], row["name"], row["_line"]) == ("1", "01000", "Zoé", 2)


def test_quotes_newlines_nul_and_byte_order_mark(tmp_path: Path) -> None:
    path = _file(tmp_path, b'\xef\xbb\xbfid,note\n1,"a ""b""\nc"\n2,x\x00y\n\n')
    frame = read_records([path])
    assert frame["note"].tolist() == ['a "b"\nc', "x\x00y"]
    assert frame["_line"].tolist() == [3, 4]


def test_utf_16_of_a_spreadsheet(tmp_path: Path) -> None:
    assert read_records([_file(tmp_path, "id;nom\n1;Zoé\n".encode("utf-16"))])["nom"].tolist() == ["Zoé"]


def test_several_files_below_each_other(tmp_path: Path) -> None:
    frame = read_records([_file(tmp_path, "id,a\n1,x\n"), _file(tmp_path, "id,b\n2,y\n", "more.csv")])
    assert frame["id"].tolist() == ["1", "2"]
    assert pd.isna(frame["b"].iloc[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "line 1: no header"),
        ("id,,b\n1,2,3\n", "line 1, column 2: no name"),
        ("id,a,a\n1,2,3\n", "column a comes twice"),
        ("id,a\n1,2\n2,3,4\n", "line 3: 3 fields where the header has 2; '4' is too many"),
        ("id,a\n1,2\n2\n", "line 3: 1 fields where the header has 2; column a"),
        (b"id,a\n1,caf\xe9\n", r"line 2, byte 6: .*--encoding latin-1"),
    ],
)
def test_faults_say_where(tmp_path: Path, content: str | bytes, words: str) -> None:
    path = _file(tmp_path, content)
    with pytest.raises(FileError, match=words) as fault:
        read_records([path])
    assert str(path) in str(fault.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"nowhere\.csv: cannot be read"):
        read_records([tmp_path / "nowhere.csv"])


def test_repeated_and_missing_record_ids_are_told_with_their_lines(tmp_path: Path) -> None:
    frame = read_records([_file(tmp_path, "record_id,a\n1,x\n2,y\n1,z\n")])
    with pytest.raises(FileError, match=r"'1' comes 2 times \(.*line 2, .*line 4\)"):
        named_records(frame, "record_id")
    frame = read_records([_file(tmp_path, "record_id,a\n1,x\n,y\n")])
    with pytest.raises(FileError, match="line 3, column record_id: empty"):
        named_records(frame, "record_id")


def test_records_without_ids_have_row_numbers(tmp_path: Path) -> None:
    frame = read_records([_file(tmp_path, "a\nx\nx\n")])
    assert named_records(frame, None)["record_id"].tolist() == ["1", "2"]


def test_decisions(tmp_path: Path) -> None:
    records = pd.Series(["r1", "r2", "r3"])
    path = _file(tmp_path, "left_record,right_record,decision\nr1,r3,same\nr2,r3,different\n")
    assert read_decisions(path, records).to_numpy().tolist() == [[0, 2, "must_link"], [1, 2, "cannot_link"]]
    with pytest.raises(FileError, match="line 2, column right_record: no record 'r9'"):
        read_decisions(_file(tmp_path, "left_record,right_record,decision\nr1,r9,same\n"), records)
    with pytest.raises(FileError, match="line 2, column decision: 'perhaps' is neither"):
        read_decisions(_file(tmp_path, "left_record,right_record,decision\nr1,r2,perhaps\n"), records)
    with pytest.raises(FileError, match="no column right_record, decision"):
        read_decisions(_file(tmp_path, "left_record\nr1\n"), records)


def test_a_mapping_needs_its_columns(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no column customer_id"):
        read_mapping(_file(tmp_path, "record_id,id\n1,2\n"))
