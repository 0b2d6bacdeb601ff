"""Writes one table as a file in the format and the habits of the tool it comes from; same table, same bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from millibar.simulation.draws import Array

_GZIP_LEVEL = 4


def write(table: pa.Table, path: Path, style: str) -> int:
    """Write ``table`` in a style (see ``STYLES``); returns the size in bytes."""
    if style == "parquet":
        pa.parquet.write_table(table, path, compression="zstd")
        return path.stat().st_size
    content = STYLES[style](table)
    if path.suffix == ".gz":
        content = gzip.compress(content, _GZIP_LEVEL, mtime=0)
    path.write_bytes(content)
    return len(content)


def _comma(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa.csv.write_csv(table, sink, pa.csv.WriteOptions(quoting_style="needed"))
    return sink.getvalue()


def _separated(table: pa.Table, delimiter: str, encoding: str, line_end: str) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end)
    writer.writerow(table.column_names)
    columns = [column.to_pylist() for column in table.columns]
    writer.writerows(zip(*columns, strict=True))
    return text.getvalue().encode(encoding, errors="replace")


def _french(table: pa.Table) -> bytes:
    """As a French spreadsheet or till writes: semicolons, Latin-1, CRLF."""
    return _separated(table, ";", "latin-1", "\r\n")


def _tabs(table: pa.Table) -> bytes:
    return _separated(table, "\t", "utf-8", "\n")


def _json_lines(table: pa.Table) -> bytes:
    names = table.column_names
    columns = [column.to_pylist() for column in table.columns]
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    lines = [
        encode({name: value for name, value in zip(names, row, strict=True) if value is not None})
        for row in zip(*columns, strict=True)
    ]
    return ("\n".join(lines) + "\n").encode() if lines else b""


STYLES = {"comma": _comma, "french": _french, "tabs": _tabs, "jsonl": _json_lines}


def table_of(columns: dict[str, Any]) -> pa.Table:
    """An Arrow table; lists and object arrays become text (an all-empty one too), typed arrays keep their type."""
    return pa.table({name: _column(values) for name, values in columns.items()})


def _column(values: Any) -> pa.Array:
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    array = np.asarray(values)
    if array.dtype.kind in "OUS" or (array.size == 0 and isinstance(values, list)):
        return pa.array(np.asarray(values, dtype=object), pa.string(), from_pandas=True)
    return pa.array(array)


def iso(seconds: Array) -> Array:
    """2025-03-30T01:59:00Z of UTC epoch seconds."""
    text = np.datetime_as_string(np.asarray(seconds, np.int64).astype("datetime64[s]"))
    return np.char.add(text, "Z").astype(object) if len(text) else text.astype(object)


def french_time(local_seconds: Array) -> Array:
    """30/03/2025 03:59:00 of wall-clock seconds."""
    text = np.datetime_as_string(np.asarray(local_seconds, np.int64).astype("datetime64[s]")).tolist()
    return np.array([f"{t[8:10]}/{t[5:7]}/{t[:4]} {t[11:]}" for t in text], object)


def plain_time(seconds: Array) -> Array:
    """2025-03-30 03:59:00, without a zone."""
    text = np.datetime_as_string(np.asarray(seconds, np.int64).astype("datetime64[s]")).tolist()
    return np.array([t.replace("T", " ") for t in text], object)


def money(amounts: Array, decimal: str = ".") -> Array:
    """Two decimals, with the tool's decimal sign."""
    text = [f"{amount:.2f}" for amount in np.asarray(amounts).tolist()]
    return np.array([t.replace(".", decimal) for t in text] if decimal != "." else text, object)
