"""Refused rows on their way to pii.rejected_rows: kept on disk until it is known what becomes of their file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv

from millibar.sources.batches import Batch
from millibar.sources.blocks import Rejected
from millibar.sources.definition import Source
from millibar.warehouse.connect import Warehouse

IN_MEMORY_BYTES = 4 << 20
SHOWN_FAULTS = 3
COLUMNS = ("line", "column_name", "value", "reason", "raw_line")
WRITE_OPTIONS = pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid")


class Quarantine:
    """The refused rows of one file; memory use does not grow with their number."""

    def __init__(self) -> None:
        self._spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115 - closed by close()
        self.rows = 0
        self.first: list[Rejected] = []

    def close(self) -> None:
        self._spool.close()

    def add(self, rejected: Sequence[Rejected]) -> None:
        if not rejected:
            return
        self.rows += len(rejected)
        self.first = sorted((*self.first, *rejected[:SHOWN_FAULTS]), key=lambda row: row.line)[:SHOWN_FAULTS]
        table = pa.table(
            {
                "line": pa.array([row.line for row in rejected], pa.int64()),
                "column_name": pa.array([row.column for row in rejected], pa.string()),
                "value": pa.array([row.value for row in rejected], pa.string()),
                "reason": pa.array([row.reason for row in rejected], pa.string()),
                "raw_line": pa.array([row.raw_line for row in rejected], pa.string()),
            }
        )
        sink = pa.BufferOutputStream()
        pyarrow.csv.write_csv(table, sink, WRITE_OPTIONS)
        self._spool.write(sink.getvalue().to_pybytes())

    def write(self, warehouse: Warehouse, batch: Batch, source: Source) -> None:
        """Copy the rows to pii.rejected_rows, in the transaction that is open."""
        if not self.rows:
            return
        self._spool.seek(0)
        with warehouse.connection.cursor() as cursor:
            cursor.execute(
                "create temp table if not exists incoming_rejected (line bigint, column_name text, value text,"
                " reason text, raw_line text) on commit delete rows"
            )
            cursor.copy_expert("copy incoming_rejected from stdin with (format csv)", self._spool, size=1 << 20)
        warehouse.execute(
            "insert into pii.rejected_rows (batch_id, source, feed, file, line, column_name, value, reason, raw_line,"
            " delivered_on) select %(batch)s, %(source)s, %(feed)s, %(file)s, line, column_name, value, reason,"
            " raw_line, %(day)s from incoming_rejected",
            {
                "batch": batch.batch_id, "source": source.name, "feed": source.feed.name, "file": batch.label,
                "day": batch.delivered_on,
            },
        )  # fmt: skip

    def describe(self, label: str) -> str:
        """The first faults, each with file and line; without personal values, for it goes to logs and to ops."""
        shown = "; ".join(f"{label} line {row.line}: {row.public_reason or row.reason}" for row in self.first)
        more = self.rows - len(self.first)
        return shown + (f"; and {more:,} more in ops.rejected_rows" if more > 0 else "")
