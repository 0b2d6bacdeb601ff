"""Reads delimited text line by line, for blocks that are not plainly one row a line; faults cost one line each.

A row over several lines that does not work out (a quote never closed, text after a closing quote, a wrong number of
columns) is a fault of its first line; reading goes on with the next line, so the rows it would have swallowed live.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from millibar.sources.blocks import RAW_LINE_LIMIT, Block, Rejected, storable
from millibar.sources.definition import Dialect

MAX_RECORD_BYTES = 8 << 20
STRAY_BYTES = re.compile("[\udc80-\udcff]")


class _Row(NamedTuple):
    first: int  # place of its first line in the block
    lines: int
    fields: list[str] | None  # None: the row is at fault
    reason: str = ""


def read_lines(
    block: bytes, first_line: int, dialect: Dialect, width: int, places: dict[str, int], is_last: bool
) -> tuple[Block, int, int]:
    """(rows, bytes used, lines used); the rest is the begin of a row that goes on in the next block."""
    csv.field_size_limit(1 << 30)  # the contract's lengths decide, not the csv module
    lines, clean = _decode(block)
    rows: list[_Row] = []
    faults: list[Rejected] = []
    used = len(lines)
    for row in _rows(lines, dialect, width, is_last):
        raw = "\n".join(lines[row.first : row.first + row.lines]) if row.fields is None or not clean else ""
        if row.reason == _UNFINISHED:
            used = row.first
        elif not clean and (stray := STRAY_BYTES.search(raw)):
            faults.append(_encoding_fault(first_line + row.first, raw, stray, dialect))
        elif row.fields is None:
            faults.append(Rejected(first_line + row.first, None, None, row.reason, storable(raw, RAW_LINE_LIMIT)))
        else:
            rows.append(row)
    columns = {name: _column(rows, place, dialect) for name, place in places.items()}
    numbers = np.array([first_line + row.first for row in rows], dtype=np.int64)
    used_bytes = len(block) if used == len(lines) else _offset(block, used)

    def raw_line(place: int) -> str:
        row = rows[place]
        return "\n".join(lines[row.first : row.first + row.lines])

    return Block(columns, numbers, raw_line, faults), used_bytes, used


_UNFINISHED = "goes on in the next block"


def _decode(block: bytes) -> tuple[list[str], bool]:
    """Lines without their ends, and whether all bytes were text; stray bytes become lone surrogates."""
    try:
        text, clean = block.decode(), True
    except UnicodeDecodeError:
        text, clean = block.decode("utf-8", "surrogateescape"), False
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines], clean


def _rows(lines: list[str], dialect: Dialect, width: int, is_last: bool) -> Iterator[_Row]:
    start = 0
    while start < len(lines):
        done = start
        reader = _reader(lines, start, dialect)
        try:
            for fields in reader:
                first, done = done, start + reader.line_num
                if not fields:  # a blank line
                    continue
                row = _Row(first, done - first, fields)
                if len(fields) != width:
                    row = _join_broken(lines, row, dialect, width, is_last) if dialect.join_broken_lines else row
                    row = _counted(row, width)
                yield row
                if row.reason == _UNFINISHED:
                    return
                if first + row.lines != done:
                    done = first + row.lines
                    break
            else:
                return
        except csv.Error as fault:
            open_quote = "unexpected end of data" in str(fault)
            size = sum(len(line) for line in lines[done:]) if open_quote else 0
            if open_quote and not is_last and size < MAX_RECORD_BYTES:
                yield _Row(done, len(lines) - done, None, _UNFINISHED)
                return
            yield _Row(done, 1, None, _quote_reason(str(fault), dialect))
            done += 1
        start = done


def _reader(lines: list[str], start: int, dialect: Dialect) -> Any:
    options: dict[str, Any] = {"delimiter": dialect.delimiter or "\t", "strict": True}
    options.update(quoting(dialect))
    if dialect.delimiter is None:
        return csv.reader(("\t".join(lines[place].split()) + "\n" for place in range(start, len(lines))), **options)
    return csv.reader((lines[place] + "\n" for place in range(start, len(lines))), **options)


def quoting(dialect: Dialect) -> dict[str, Any]:
    """Options of the csv module for the dialect's quotes."""
    return {"quotechar": dialect.quote} if dialect.quote else {"quoting": csv.QUOTE_NONE}


def _counted(row: _Row, width: int) -> _Row:
    if row.fields is None or len(row.fields) == width:
        return row
    reason = f"the row has {len(row.fields)} columns; expected {width} as in the header"
    if row.lines > 1:
        reason += f" (read over {row.lines} lines, because of a quote that opens here)"
    return _Row(row.first, 1, None, reason)


def _join_broken(lines: list[str], row: _Row, dialect: Dialect, width: int, is_last: bool) -> _Row:
    """The row with the lines after it, where its last value was broken over them; the row itself where not."""
    fields, after = list(row.fields or ()), row.first + row.lines
    while len(fields) < width:
        if after >= len(lines):
            return row if is_last else _Row(row.first, after - row.first, None, _UNFINISHED)
        try:
            more = next(_reader(lines, after, dialect), [""]) or [""]
        except csv.Error:
            return row
        # A line that is a row by itself is no continuation.
        if len(more) == width or len(fields) + len(more) - 1 > width:
            return row
        fields = [*fields[:-1], f"{fields[-1]}\n{more[0]}", *more[1:]]
        after += 1
    return _Row(row.first, after - row.first, fields)


def _quote_reason(fault: str, dialect: Dialect) -> str:
    if "unexpected end of data" in fault:
        return f"a quote {dialect.quote} opens in this line and is never closed; close it, or double it inside a value"
    if "new-line character" in fault:
        return "a carriage return stands inside a value; put the value in quotes"
    return (
        f"malformed quoting: text follows a closing {dialect.quote}; expected the delimiter "
        f"{dialect.delimiter!r} or the line's end. Double quotes inside a quoted value"
    )


def _encoding_fault(line: int, raw: str, stray: re.Match[str], dialect: Dialect) -> Rejected:
    byte = ord(stray.group()) - 0xDC00
    shown = raw.encode("utf-8", "surrogateescape").decode("latin-1")
    reason = (
        f"byte 0x{byte:02X} at character {stray.start() + 1} is no {dialect.encoding}; if the file is in another "
        "encoding, write it in the source's YAML, as `csv: {encoding: latin-1}`"
    )
    return Rejected(line, None, None, reason, storable(shown, RAW_LINE_LIMIT))


def _column(rows: list[_Row], place: int, dialect: Dialect) -> pa.Array:
    nothing = {"", *dialect.null_values}
    values = [row.fields[place] for row in rows if row.fields is not None]
    return pa.array([None if value in nothing else value for value in values], pa.string())


def _offset(block: bytes, line: int) -> int:
    offset = 0
    for _ in range(line):
        offset = block.index(b"\n", offset) + 1
    return offset
