"""`millibar sources check`: are the source files right, what would load, what would be refused and why."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import TextIO

import numpy as np

from millibar.settings import Settings
from millibar.sources.blocks import Block, FileError, Rejected
from millibar.sources.channels import known_channels
from millibar.sources.checking import Checked, Checker
from millibar.sources.contracts import CHANNELS
from millibar.sources.definition import Source
from millibar.sources.load_query import query_label
from millibar.sources.locate import LandedFile, find_files
from millibar.sources.mapping import read_all
from millibar.sources.reading import read_file
from millibar.sources.tables import read_query

SAMPLE_ROWS = 10_000
SHOWN_ROWS = 5


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    sources = commands.add_parser("sources", help="the source definitions and what they would load")
    actions = sources.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="check every source file and a sample of its newest data")
    check.add_argument("--sources", type=Path, metavar="FOLDER", help="default: MILLIBAR_SOURCES")
    check.add_argument("--landing", type=Path, metavar="FOLDER", help="default: MILLIBAR_LANDING")
    check.add_argument("--as-of", type=date.fromisoformat, metavar="DATE", help="look at files up to this day only")
    check.add_argument("--sample-rows", type=int, default=SAMPLE_ROWS, metavar="N", help="rows read of each source")
    check.set_defaults(run=main)


def main(arguments: argparse.Namespace) -> int:
    """1 where a source is at fault, 0 otherwise."""
    settings = Settings.from_environment()
    return check_sources(
        arguments.sources or settings.sources,
        arguments.landing or settings.landing,
        arguments.as_of,
        arguments.sample_rows,
        sys.stdout,
        known_channels(settings),
    )


def check_sources(
    folder: Path,
    landing: Path,
    as_of: date | None,
    sample_rows: int,
    out: TextIO,
    channels: Collection[str] = CHANNELS,
) -> int:
    """Check the sources of a folder and a sample of each one's data, newest files first; prints what it finds.

    Nothing is written to the warehouse. Returns 1 where a source definition or a sample is at fault: a file that
    cannot be read, or more refused rows in it than the source's limit. No file at all is no fault. Raises
    ``FileNotFoundError`` where the folder of sources is missing.
    """
    sources, faults = read_all(folder, channels)
    for fault in faults:
        print(f"FAULT  {fault}", file=out)
    failed = len(faults) > 0
    for source in sources:
        failed |= not _check_source(source, landing, as_of, sample_rows, out, channels)
    if not sources and not faults:
        print(f"no source in {folder}: a source is a file <name>.yml, see docs/ADD_A_SOURCE.md", file=out)
    print(f"{len(sources)} sources read, {len(faults)} faults in source files", file=out)
    return 1 if failed else 0


def _check_source(
    source: Source, landing: Path, as_of: date | None, sample_rows: int, out: TextIO, channels: Collection[str]
) -> bool:
    carried = f", identifiers {', '.join(source.identifiers)}" if source.identifiers else ""
    print(f"\n{source.name} -> feed {source.feed.name} ({source.format}{carried})", file=out)
    parts: list[tuple[str, Callable[[], Iterator[Block]], Checker]] = []
    if source.query is not None:
        query, day, label = source.query, as_of or date.today(), query_label(source.query)
        checker = Checker(source, channels, day, label)
        parts.append((label, lambda: read_query(query, query.start, day, source.source_columns), checker))
    else:
        files = find_files(source, landing, as_of)
        if not files:
            print(f"  no file so far: nothing matches {source.path} in {landing}", file=out)
            return True
        print(f"  {len(files)} files, the newest {files[-1].label}, delivered on {files[-1].delivered_on}", file=out)
        for file in reversed(files):
            checker = Checker(source, channels, file.delivered_on, file.name)
            parts.append((file.label, partial(_blocks, source, file), checker))
    return _check_parts(source, parts, sample_rows, out)


def _check_parts(
    source: Source, parts: list[tuple[str, Callable[[], Iterator[Block]], Checker]], rows: int, out: TextIO
) -> bool:
    """Samples of the parts, one after the other until there are enough rows; false where one is at fault."""
    checked: list[Checked] = []
    rejected: list[tuple[str, Rejected]] = []
    fine = True
    for label, blocks, checker in parts:
        try:
            sample = list(_sample(blocks(), checker, rows, out))
        except (FileError, OSError, UnicodeError) as fault:
            print(f"  FAULT  {label}: {fault}", file=out)
            fine = False
            continue
        checked += sample
        refused = sorted((row for part in sample for row in part.rejected), key=lambda row: row.line)
        rejected += [(label, row) for row in refused]
        read = sum(part.read for part in sample)
        if read and len(refused) / read > source.max_rejected_share:
            limit = f"limit {source.max_rejected_share:.1%}"
            print(f"  FAULT  {label}: {len(refused):,} of {read:,} rows are bad ({limit}); it would not load", file=out)
            fine = False
        rows -= sum(part.read + part.filtered for part in sample)
        if rows <= 0:
            break
    _print_sample(checked, rejected, out)
    return fine


def _blocks(source: Source, file: LandedFile) -> Iterator[Block]:
    return read_file(source, file) if file.size else iter(())


def _sample(blocks: Iterator[Block], checker: Checker, rows: int, out: TextIO) -> Iterator[Checked]:
    first = True
    for block in blocks:
        if first and (missing := checker.require_columns(block.columns)):
            print(f"  not in the file, so empty: {', '.join(missing)}", file=out)
        first = False
        yield checker.check(_head(block, rows))
        rows -= block.rows + len(block.faults)
        if rows <= 0:
            break


def _head(block: Block, rows: int) -> Block:
    """The first rows of a block, and the lines at fault among them."""
    if block.rows <= rows:
        return block
    head = block.take(np.arange(rows))
    head.faults = [fault for fault in block.faults if fault.line <= head.lines[-1]]
    return head


def _print_sample(checked: list[Checked], rejected: list[tuple[str, Rejected]], out: TextIO) -> None:
    read = sum(part.read for part in checked)
    filtered = sum(part.filtered for part in checked)
    left_out = f", {filtered:,} more left out by where" if filtered else ""
    print(
        f"  sample of {read:,} rows: {read - len(rejected):,} would load, {len(rejected):,} would be refused{left_out}",
        file=out,
    )
    for column, count in Counter(row.column or "row" for _, row in rejected).most_common():
        print(f"    {column}: {count:,} refused", file=out)
    for label, row in rejected[:SHOWN_ROWS]:
        print(f"    {label}:{row.line}: {row.reason}", file=out)
