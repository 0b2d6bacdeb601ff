"""CSV files of records, mappings and decisions: read as text only, with faults told by file, line, column and value."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

DELIMITERS = ",;\t|"
LONGEST_FIELD = 16 << 20
SHOWN = 60  # letters of a value in a message

DECISIONS = {"same": "must_link", "different": "cannot_link", "must_link": "must_link", "cannot_link": "cannot_link"}


class FileError(ValueError):
    """A file cannot be used; the message says where and how to mend it."""


def read_records(paths: Sequence[Path], encoding: str = "utf-8-sig") -> pd.DataFrame:
    """Rows of one or several files below each other, all texts, empty fields null.

    Further columns ``_file`` and ``_line`` say where a row came from. The delimiter is the one of ``, ; tab |`` the
    header has most of; blanks around values are dropped. Raises :class:`FileError` on a missing or empty file, bytes
    that are no text, a header with a name twice, and lines with more or fewer fields than the header.
    """
    frames = [_read(path, encoding) for path in paths]
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def read_mapping(path: Path) -> pd.DataFrame:
    """record_id, customer_id of an earlier mapping."""
    frame = read_records([path])
    _want(frame, path, ("record_id", "customer_id"))
    _refuse_repeated(frame, "record_id")
    return frame[["record_id", "customer_id"]]


def read_decisions(path: Path, records: pd.Series) -> pd.DataFrame:
    """left, right (positions in ``records``), decision (must_link, cannot_link) of an analyst's file.

    Columns left_record, right_record, decision: ``same`` or ``different``.
    """
    frame = read_records([path])
    _want(frame, path, ("left_record", "right_record", "decision"))
    places = pd.Series(range(len(records)), index=records.astype(str))
    rows = []
    for told in frame.to_dict("records"):
        where = f"{path}, line {told['_line']}"
        for column in ("left_record", "right_record"):
            if told[column] not in places.index:
                raise FileError(
                    f"{where}, column {column}: no record {_shown(told[column])} in the files: "
                    "correct the id or drop the line"
                )
        decision = DECISIONS.get(str(told["decision"]).lower())
        if decision is None:
            raise FileError(f"{where}, column decision: {_shown(told['decision'])} is neither same nor different")
        rows.append((int(places[told["left_record"]]), int(places[told["right_record"]]), decision))
    return pd.DataFrame(rows, columns=["left", "right", "decision"])


def named_records(frame: pd.DataFrame, column: str | None) -> pd.DataFrame:
    """The frame with ``record_id`` filled from ``column``, or with row numbers where there is none.

    Raises :class:`FileError` where ids are missing or repeated, with the lines.
    """
    if column is None:
        return frame.assign(record_id=[str(number) for number in range(1, len(frame) + 1)])
    missing = frame[frame[column].isna()]
    if len(missing):
        first = missing.iloc[0]
        raise FileError(
            f"{first['_file']}, line {first['_line']}, column {column}: empty, {len(missing)} such lines; "
            "every record needs an id: fill it in, or drop the column and records are named by row number"
        )
    _refuse_repeated(frame, column)
    return frame.assign(record_id=frame[column])


def _read(path: Path, encoding: str) -> pd.DataFrame:
    text = _text(path, encoding)
    first = text.split("\n", 1)[0]
    if not first.strip():
        raise FileError(f"{path}, line 1: no header; the first line must name the columns")
    delimiter = max(DELIMITERS, key=first.count)
    csv.field_size_limit(LONGEST_FIELD)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    header = [name.strip() for name in next(reader)]
    _check_header(path, header)
    rows: list[list[str]] = []
    lines: list[int] = []
    width = len(header)
    try:
        for row in reader:
            if len(row) != width:
                if not row or not any(field.strip() for field in row):
                    continue
                raise FileError(_ragged(path, reader.line_num, row, header, delimiter))
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as fault:
        raise FileError(f"{path}, line {reader.line_num}: {fault}; check the quotes of this line") from fault
    columns = [_cleaned([row[place] for row in rows]) for place in range(width)]
    rows.clear()
    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in zip(header, columns, strict=True)})
    return frame.assign(_file=str(path), _line=lines)


def _cleaned(values: Sequence[str]) -> list[str | None]:
    """Without blanks around, None where empty; equal texts are one object, which spares memory by the gigabyte."""
    known: dict[str, str] = {}
    return [known.setdefault(bare, bare) if (bare := value.strip()) else None for value in values]


def _text(path: Path, encoding: str) -> str:
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise FileError(f"{path}: cannot be read ({fault.strerror}); check the path") from fault
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        begin = content.rfind(b"\n", 0, fault.start) + 1
        value = content[max(begin, fault.start - 15) : fault.start + 15].decode("latin-1")
        raise FileError(
            f"{path}, line {line}, byte {fault.start - begin + 1}: {_shown(value)} is not "
            f"{encoding.removesuffix('-sig')} text; "
            "save the file as UTF-8, or name its encoding with --encoding latin-1"
        ) from fault
    except LookupError as fault:
        raise FileError(f"encoding {encoding} is unknown; try utf-8 or latin-1") from fault


def _check_header(path: Path, header: list[str]) -> None:
    for place, name in enumerate(header, 1):
        if not name:
            raise FileError(f"{path}, line 1, column {place}: no name; name every column")
        if header.index(name) != place - 1:
            raise FileError(f"{path}, line 1: column {name} comes twice; rename one of them")


def _ragged(path: Path, line: int, row: list[str], header: list[str], delimiter: str) -> str:
    if len(row) < len(header):
        return (
            f"{path}, line {line}: {len(row)} fields where the header has {len(header)}; "
            f"column {header[len(row)]} and those after it are missing"
        )
    return (
        f"{path}, line {line}: {len(row)} fields where the header has {len(header)}; {_shown(row[len(header)])} is too "
        f"many: put values that hold {delimiter!r} in double quotes"
    )


def _want(frame: pd.DataFrame, path: Path, columns: Sequence[str]) -> None:
    missing = [column for column in columns if column not in frame]
    if missing:
        raise FileError(
            f"{path}, line 1: no column {', '.join(missing)}; it has {', '.join(map(str, frame.columns[:-2]))}"
        )


def _refuse_repeated(frame: pd.DataFrame, column: str) -> None:
    repeated = frame[frame[column].duplicated(keep=False)]
    if repeated.empty:
        return
    value = repeated[column].iloc[0]
    same = repeated[repeated[column] == value]
    places = ", ".join(f"{row['_file']} line {row['_line']}" for row in same.head(3).to_dict("records"))
    raise FileError(
        f"column {column}: {_shown(value)} comes {len(same)} times ({places}); "
        f"{repeated[column].nunique()} such values: every record needs an id of its own"
    )


def _shown(value: object) -> str:
    text = str(value)
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
