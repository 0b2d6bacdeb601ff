"""Bookkeeping of loads in ops.load_batches: which file is new, which was loaded, which failed and is tried again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from psycopg2.extras import execute_values

from millibar.sources.definition import Source
from millibar.sources.locate import LandedFile
from millibar.warehouse.connect import Warehouse


@dataclass
class Counts:
    """Rows of one file; what is read is loaded, a duplicate or rejected."""

    read: int = 0
    loaded: int = 0
    duplicate: int = 0
    rejected: int = 0
    filtered: int = 0
    erased: int = 0  # of the rejected: rows of erased persons, which are no fault of the file

    @property
    def rejected_share(self) -> float:
        return (self.rejected - self.erased) / self.read if self.read else 0.0

    def assert_reconciled(self, where: str) -> None:
        """Raises ``AssertionError`` where a row went missing: a fault of the loader, never of the data."""
        if self.read != self.loaded + self.duplicate + self.rejected:
            raise AssertionError(
                f"{where}: read {self.read} rows, but loaded {self.loaded} + duplicate {self.duplicate} "
                f"+ rejected {self.rejected}; nothing of it was kept, please report this"
            )


@dataclass(frozen=True)
class Batch:
    """One file (or extraction) being loaded; ``replaces`` are batches of the same file with other contents."""

    batch_id: int
    label: str
    delivered_on: date
    checksum: str | None
    replaces: tuple[int, ...] = ()


@dataclass
class Book:
    """What ops.load_batches says of one source."""

    loaded: dict[str, list[tuple[int, str]]] = field(default_factory=dict)  # label -> batch ids and checksums
    open: dict[str, int] = field(default_factory=dict)  # label -> batch that failed or was cut off

    @classmethod
    def read(cls, warehouse: Warehouse, source: str) -> Book:
        """Call it under the source's lock: a batch still ``loading`` was then left by a killed process."""
        book = cls()
        rows = warehouse.rows(
            "select batch_id, file, checksum, status from ops.load_batches"
            " where source = %(source)s and status <> 'replaced' order by batch_id",
            {"source": source},
        )
        for row in rows:
            if row["status"] == "loaded":
                book.loaded.setdefault(row["file"], []).append((row["batch_id"], row["checksum"] or ""))
            else:
                book.open[row["file"]] = row["batch_id"]
        return book


def plan_files(warehouse: Warehouse, book: Book, files: Iterable[LandedFile]) -> list[tuple[LandedFile, str]]:
    """Files to load, with their checksums: those never loaded, changed since, or whose load failed.

    A file whose size and time of change are those of its load is not read again.
    """
    wanted = []
    touched: list[tuple[int, str]] = []
    for file in files:
        known = book.loaded.get(file.label, [])
        if any(checksum.endswith(f":{file.stamp}") for _, checksum in known):
            continue
        checksum = f"{_digest(file)}:{file.stamp}"
        same = [batch for batch, before in known if before.split(":")[0] == checksum.split(":")[0]]
        if same:
            touched.append((same[0], checksum))
        else:
            wanted.append((file, checksum))
    for batch, checksum in touched:
        warehouse.execute(
            "update ops.load_batches set checksum = %(checksum)s where batch_id = %(batch)s",
            {"checksum": checksum, "batch": batch},
        )
    return wanted


def _digest(file: LandedFile) -> str:
    """Hash of the contents; empty where the file cannot be read, which its load will then say."""
    try:
        return file.digest()
    except OSError:
        return ""


def open_batches(
    warehouse: Warehouse, source: Source, run_id: str, book: Book, wanted: Sequence[tuple[str, date, str | None]]
) -> list[Batch]:
    """One batch ``loading`` for each (label, day, checksum); one that failed or was cut off is used again."""
    fresh = [entry for entry in wanted if entry[0] not in book.open]
    again = [book.open[label] for label, _, _ in wanted if label in book.open]
    ids = dict(book.open)
    with warehouse.transaction(), warehouse.connection.cursor() as cursor:
        if again:
            cursor.execute("delete from pii.rejected_rows where batch_id = any(%s)", (again,))
            cursor.execute(
                "update ops.load_batches set status = 'loading', run_id = %s, rows_read = 0, rows_loaded = 0,"
                " rows_duplicate = 0, rows_rejected = 0, rows_filtered = 0, started_at = clock_timestamp(),"
                " finished_at = null, message = null where batch_id = any(%s)",
                (run_id, again),
            )
        if fresh:
            rows = [
                (run_id, source.name, source.feed.name, label, checksum, day, "loading")
                for label, day, checksum in fresh
            ]
            made = execute_values(
                cursor,
                "insert into ops.load_batches (run_id, source, feed, file, checksum, delivered_on, status)"
                " values %s returning batch_id, file",
                rows, page_size=max(len(rows), 1), fetch=True,
            )  # fmt: skip
            ids |= {label: batch_id for batch_id, label in made}
    return [
        Batch(ids[label], label, day, checksum, tuple(batch for batch, _ in book.loaded.get(label, [])))
        for label, day, checksum in wanted
    ]


def close_batch(warehouse: Warehouse, batch: Batch, status: str, counts: Counts, message: str | None) -> None:
    """Write what became of a batch; for a loaded one, in the transaction of its rows."""
    values: dict[str, Any] = {
        "status": status, "read": counts.read, "loaded": counts.loaded, "duplicate": counts.duplicate,
        "rejected": counts.rejected, "filtered": counts.filtered, "message": message, "batch": batch.batch_id,
        "checksum": batch.checksum, "day": batch.delivered_on,
    }  # fmt: skip
    warehouse.execute(
        "update ops.load_batches set status = %(status)s, rows_read = %(read)s, rows_loaded = %(loaded)s,"
        " rows_duplicate = %(duplicate)s, rows_rejected = %(rejected)s, rows_filtered = %(filtered)s,"
        " checksum = %(checksum)s, delivered_on = %(day)s, finished_at = clock_timestamp(), message = %(message)s"
        " where batch_id = %(batch)s",
        values,
    )
    if status == "loaded" and batch.replaces:
        warehouse.execute(
            "update ops.load_batches set status = 'replaced' where batch_id = any(%(old)s)",
            {"old": list(batch.replaces)},
        )
