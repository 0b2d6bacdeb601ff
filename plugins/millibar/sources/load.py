"""Loads a source: each of its files that is new, changed or failed before, one transaction a file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TypeVar

import psycopg2

from millibar.privacy.tombstones import ERASED, Tombstones
from millibar.settings import Settings
from millibar.sources.batches import Batch, Book, Counts, close_batch, open_batches, plan_files
from millibar.sources.blocks import Block, FileError, Rejected
from millibar.sources.checking import Checked, Checker
from millibar.sources.contracts import CHANNELS
from millibar.sources.definition import Source
from millibar.sources.load_query import CursorState, query_blocks, query_label
from millibar.sources.locate import LandedFile, find_files
from millibar.sources.merge import RawWriter, prepare_session
from millibar.sources.personal import IdentifierHasher
from millibar.sources.quarantine import Quarantine
from millibar.sources.reading import read_file
from millibar.sources.rows import Encoded, RowEncoder
from millibar.warehouse.connect import Warehouse

T = TypeVar("T")
HOPELESS_ROWS = 50_000  # refused rows after which a file above its limit is not read to its end


@dataclass(frozen=True)
class FileReport:
    """What became of one file: ``loaded`` or ``failed``, its counts, and what there is to say."""

    file: str
    batch_id: int
    status: str
    counts: Counts
    message: str | None


@dataclass
class LoadReport:
    """What became of a source. ``files`` are those this call read; ``known`` were loaded before."""

    source: str
    feed: str
    files: list[FileReport] = field(default_factory=list)
    known: int = 0

    @property
    def failed(self) -> list[FileReport]:
        return [file for file in self.files if file.status == "failed"]

    def total(self, count: str) -> int:
        """Sum of a count (read, loaded, duplicate, rejected, filtered) over the files loaded."""
        return sum(int(getattr(file.counts, count)) for file in self.files if file.status == "loaded")

    @property
    def message(self) -> str:
        """One line for people; the faults of failed files follow, one line each."""
        if not self.files and not self.known:
            return f"{self.source}: no file delivered so far"
        counts = ", ".join(f"{self.total(name):,} {name}" for name in ("read", "loaded", "duplicate", "rejected"))
        head = f"{self.source}: {len(self.files) - len(self.failed)} files loaded, {len(self.failed)} failed; {counts}"
        return "\n".join([head, *(f"{file.file}: {file.message}" for file in self.failed)])


def load_source(
    warehouse: Warehouse,
    settings: Settings,
    source: Source,
    run_id: str,
    as_of: date,
    known_channels: Collection[str] = CHANNELS,
) -> LoadReport:
    """Load what the source delivered on or before ``as_of`` and is not loaded yet.

    A file at fault fails alone: it is in the report and in ops.load_batches, nothing of it is in raw. Two calls for
    one source wait for each other. Raises what the database raises where it cannot be reached.
    """
    report = LoadReport(source.name, source.feed.name)
    with warehouse.lock(f"load:{source.name}"), ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
        prepare_session(warehouse)
        book = Book.read(warehouse, source.name)
        tombstones = Tombstones.read(warehouse, settings)
        loader = _Loader(warehouse, source, settings.hash_key, known_channels, reader, tombstones)
        if source.format == "sql":
            report.files.append(loader.load_query(run_id, as_of, book))
            return report
        found = find_files(source, settings.landing, as_of)
        planned = plan_files(warehouse, book, found)
        report.known = len(found) - len(planned)
        wanted = [(file.label, file.delivered_on, checksum) for file, checksum in planned]
        batches = open_batches(warehouse, source, run_id, book, wanted) if wanted else []
        for (file, _), batch in zip(planned, batches, strict=True):
            report.files.append(loader.load_file(file, batch))
    return report


class _Loader:
    """Loads the files of one source over one connection; reading and checking run a block ahead of the copying."""

    def __init__(
        self,
        warehouse: Warehouse,
        source: Source,
        key: bytes,
        known_channels: Collection[str],
        reader: ThreadPoolExecutor,
        tombstones: Tombstones | None,
    ) -> None:
        self._warehouse, self._source, self._key, self._reader = warehouse, source, key, reader
        self._tombstones = tombstones
        self._channels = known_channels
        self._hasher = IdentifierHasher(key)

    def load_file(self, file: LandedFile, batch: Batch) -> FileReport:
        if file.size == 0 and batch.replaces:
            fault = FileError("was loaded before and is now empty (0 bytes); deliver it whole, or with its header only")
            return self._failed(batch, Counts(), Quarantine(), fault)
        blocks = read_file(self._source, file) if file.size else iter(())
        checker = Checker(self._source, self._channels, batch.delivered_on, file.name)
        note = "the file is empty (0 bytes)" if not file.size else None
        return self.load_blocks(blocks, checker, batch, note)

    def load_query(self, run_id: str, as_of: date, book: Book) -> FileReport:
        """One extraction; the cursor moves on in the transaction of its rows."""
        query = self._source.query
        if query is None:
            raise ValueError(f"source {self._source.name} of format sql has no query")
        state = CursorState(self._warehouse, self._source, query)
        book.loaded.clear()  # extractions add to each other, none replaces another
        label = query_label(query)
        (batch,) = open_batches(self._warehouse, self._source, run_id, book, [(label, as_of, None)])
        checker = Checker(self._source, self._channels, as_of, label)
        blocks = query_blocks(self._source, query, state, as_of)
        return self.load_blocks(blocks, checker, batch, note=f"since {state.since}", before_commit=state.advance)

    def load_blocks(
        self,
        blocks: Iterator[Block],
        checker: Checker,
        batch: Batch,
        note: str | None = None,
        before_commit: Callable[[], None] = lambda: None,
    ) -> FileReport:
        """One batch in one transaction."""
        counts, quarantine = Counts(), Quarantine()
        try:
            with self._warehouse.transaction():
                notes = self._write(blocks, checker, batch, counts, quarantine)
                message = "; ".join(text for text in (note, *notes) if text) or None
                self._refuse_above_limit(counts, quarantine, batch)
                quarantine.write(self._warehouse, batch, self._source)
                before_commit()
                counts.assert_reconciled(batch.label)
                close_batch(self._warehouse, batch, "loaded", counts, message)
            return FileReport(batch.label, batch.batch_id, "loaded", counts, message)
        except (FileError, OSError, UnicodeError, psycopg2.DataError) as fault:
            return self._failed(batch, counts, quarantine, fault)
        finally:
            quarantine.close()

    def _write(
        self, blocks: Iterator[Block], checker: Checker, batch: Batch, counts: Counts, quarantine: Quarantine
    ) -> list[str]:
        writer = RawWriter(self._warehouse, self._source.feed, batch, counts)
        encoder = RowEncoder(self._source, batch, self._hasher, self._key, datetime.now(UTC), self._tombstones)
        notes: list[str] = []
        for checked, encoded in self._ahead(_prepared(blocks, checker, encoder, notes)):
            rejected = self._with_erased(checked.rejected, encoded.erased)
            counts.read += checked.read
            counts.filtered += checked.filtered
            counts.rejected += len(rejected)
            counts.erased += sum(row.reason == ERASED for row in rejected)
            quarantine.add(rejected)
            if counts.rejected > HOPELESS_ROWS:
                self._refuse_above_limit(counts, quarantine, batch, "; reading was given up here")
            writer.write(encoded)
        writer.finish()
        return notes

    def _with_erased(self, rejected: Sequence[Rejected], erased: Sequence[int]) -> Sequence[Rejected]:
        """Refused rows, and those of erased persons: nothing of these is kept but their number."""
        if self._tombstones is None:
            return rejected
        return [*self._tombstones.blank(rejected), *(Rejected(line, None, None, ERASED, None) for line in erased)]

    def _ahead(self, items: Iterator[T]) -> Iterator[T]:
        """The items, each made in the reader thread while the one before is being copied."""
        nothing = object()
        pending = self._reader.submit(next, items, nothing)
        try:
            while (item := pending.result()) is not nothing:
                pending = self._reader.submit(next, items, nothing)
                yield item  # type: ignore[misc]
        finally:
            pending.exception()  # the thread is free again, whatever happened here
            self._reader.submit(getattr(items, "close", lambda: None)).result()

    def _refuse_above_limit(self, counts: Counts, quarantine: Quarantine, batch: Batch, note: str = "") -> None:
        if counts.rejected_share > self._source.max_rejected_share:
            raise FileError(
                f"{counts.rejected:,} of {counts.read:,} rows are refused ({counts.rejected_share:.1%}; limit "
                f"{self._source.max_rejected_share:.1%} in {self._source.file.name}){note}. First: "
                f"{quarantine.describe(batch.label)}"
            )

    def _failed(self, batch: Batch, counts: Counts, quarantine: Quarantine, fault: Exception) -> FileReport:
        """Record why nothing of a file was kept, with the rows refused until then."""
        self._hasher.forget()
        kept = Counts(read=counts.read, rejected=counts.rejected, filtered=counts.filtered)
        message = str(fault).strip() or type(fault).__name__
        with self._warehouse.transaction():
            quarantine.write(self._warehouse, batch, self._source)
            close_batch(self._warehouse, batch, "failed", kept, message)
        return FileReport(batch.label, batch.batch_id, "failed", kept, message)


def _prepared(
    blocks: Iterator[Block], checker: Checker, encoder: RowEncoder, notes: list[str]
) -> Iterator[tuple[Checked, Encoded]]:
    first = True
    for block in blocks:
        if first and (missing := checker.require_columns(block.columns)):
            notes.append(f"columns not in the file, so empty: {', '.join(missing)}")
        first = False
        checked = checker.check(block)
        yield checked, encoder.encode(checked)
