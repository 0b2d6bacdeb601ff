"""Reads JSON lines in blocks; a line that is no JSON object costs only itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.json

from millibar.sources.blocks import RAW_LINE_LIMIT, Block, Rejected, storable
from millibar.sources.definition import Dialect
from millibar.sources.delimited import BlockLines, TextBlocks

SAMPLE_LINES = 200
KINDS = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


def read_json_lines(stream: BinaryIO, wanted: tuple[str, ...]) -> Iterator[Block]:
    """Blocks of the wanted keys. Text, numbers and booleans keep their type where a key has one type throughout."""
    text = TextBlocks(stream, Dialect())
    schema: pa.Schema | None = None
    while (found := text.next_block()) is not None:
        block, first_line, _ = found
        schema = schema or _sampled_schema(block, wanted)
        parsed = _read_fast(block, first_line, schema) or _read_lines(block, first_line, wanted)
        text.line += block.count(b"\n") + (not block.endswith(b"\n"))
        if parsed.rows or parsed.faults:
            yield parsed


def _sampled_schema(block: bytes, wanted: tuple[str, ...]) -> pa.Schema:
    """Type of each wanted key in the first lines; only keys of one scalar type are listed."""
    seen: dict[str, set[type]] = {name: set() for name in wanted}
    for line in block.split(b"\n", SAMPLE_LINES)[:SAMPLE_LINES]:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            for name in wanted:
                if entry.get(name) is not None:
                    seen[name].add(type(entry[name]))
    kinds = {name: next(iter(found)) if len(found) == 1 else str for name, found in seen.items()}
    return pa.schema([(name, KINDS.get(kind, pa.string())) for name, kind in kinds.items()])


def _read_fast(block: bytes, first_line: int, schema: pa.Schema) -> Block | None:
    """The block read by Arrow; None where a line is not what the schema says, or lines and rows differ."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(block),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(block) + 1),
            pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != lines:
        return None
    columns = {name: table[name].combine_chunks() for name in schema.names}
    numbers = np.arange(first_line, first_line + lines, dtype=np.int64)
    return Block(columns, numbers, BlockLines(block))


def _read_lines(block: bytes, first_line: int, wanted: tuple[str, ...]) -> Block:
    rows: list[dict[str, Any]] = []
    places: list[int] = []
    faults: list[Rejected] = []
    lines = BlockLines(block)
    for place, line in enumerate(block.split(b"\n")):
        if not line.strip():
            continue
        entry, reason = _entry(line)
        if entry is None:
            faults.append(Rejected(first_line + place, None, None, reason, storable(lines(place), RAW_LINE_LIMIT)))
        else:
            rows.append(entry)
            places.append(place)
    columns = {name: pa.array([_text(row.get(name)) for row in rows], pa.string()) for name in wanted}
    numbers = np.array(places, dtype=np.int64)
    return Block(columns, numbers + first_line, lambda row: lines(places[row]), faults)


def _entry(line: bytes) -> tuple[dict[str, Any] | None, str]:
    try:
        entry = json.loads(line)
    except UnicodeDecodeError as fault:
        return None, f"byte 0x{line[fault.start]:02X} at character {fault.start + 1} is no utf-8; JSON must be utf-8"
    except (ValueError, RecursionError) as fault:
        return None, f"the line is not JSON: {fault}; expected one object a line"
    if not isinstance(entry, dict):
        return None, f"the line holds a {type(entry).__name__}; expected an object with one key for each column"
    return entry, ""


def _text(value: Any) -> str | None:
    """A JSON value as text; nested ones stay JSON, for the contract to judge."""
    if value is None or isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if value else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == value and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
