"""Carries rows from the tools to the landing folder, on each tool's days, with late, doubled and broken rows."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from millibar.simulation.clock import Clock
from millibar.simulation.draws import Draws
from millibar.simulation.formats import write
from millibar.simulation.parameters import NoiseParameters

# When a tool delivers: days of the week, Monday is 0. A feed delivered as it changes may use any day.
DAILY: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
MONDAY_TO_SATURDAY: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
TWICE_A_WEEK: tuple[int, ...] = (0, 3)
WEEKLY: tuple[int, ...] = (0,)
_LATE_DAYS = 3


@dataclass(frozen=True)
class Tool:
    """A source as the market knows it: file, style, rhythm, and which columns noise may strike."""

    name: str
    feed: str
    file: str  # file name in the day's folder
    style: str  # see formats.STYLES
    rhythm: tuple[int, ...] = DAILY
    key: str = ""  # column that names the row
    time: str = ""  # column a broken date is put into
    kind: str = ""  # column an unknown word is put into
    amount: str = ""  # column 'abc' is put into
    typed: bool = False  # columns have types (Parquet): a text cannot stand where a date should
    noisy: bool = True
    first_version: Callable[[dict[str, Any]], dict[str, Any]] | None = None  # how a row read before its correction


@dataclass
class Counts:
    """What one tool delivered. rows = events + duplicates + redelivered + versions + broken (less undelivered)."""

    files: int = 0
    rows: int = 0
    events: int = 0  # true rows handed over
    late: int = 0
    duplicates: int = 0  # exact copies in the same file
    redelivered: int = 0  # exact copies in a later file
    versions: int = 0  # first versions, corrected later
    broken: int = 0
    undelivered: int = 0  # still on the way on the last day


@dataclass
class Outbox:
    """Rows on their way, by tool and delivery day."""

    landing: Path
    clock: Clock
    draws: Draws
    noise: NoiseParameters
    days: int
    counts: dict[str, Counts] = field(default_factory=lambda: defaultdict(Counts))
    _waiting: dict[str, dict[int, list[pa.Table]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )

    def hand_over(self, tool: Tool, day: int, table: pa.Table) -> None:
        """Take the day's rows of a tool; decide when each is delivered."""
        if table.num_rows == 0:
            return
        self.counts[tool.name].events += table.num_rows
        if not tool.noisy:
            self._wait(tool, day, table)
            return
        rows = np.arange(table.num_rows, dtype=np.uint64)
        place = (zlib.crc32(tool.name.encode()), day)
        late = self.draws.uniform("late", rows, *place) < self.noise.late
        again = self.draws.uniform("redelivered", rows, *place) < self.noise.redelivered
        changed = np.zeros(len(rows), dtype=bool)
        if tool.first_version is not None:
            changed = ~late & (self.draws.uniform("changed", rows, *place) < self.noise.changed)
        lag = 1 + self.draws.integers("lag", rows, _LATE_DAYS, *place)
        if tool.first_version is not None and changed.any():
            first = [tool.first_version(row) for row in table.filter(pa.array(changed)).to_pylist()]
            self._wait(tool, day, pa.Table.from_pylist(first, schema=table.schema))
            self.counts[tool.name].versions += len(first)
        self.counts[tool.name].late += int(late.sum())
        self.counts[tool.name].redelivered += int(again.sum())
        self._wait(tool, day, table.filter(pa.array(~late & ~changed)))
        for held, after in ((late, None), (changed, day)):
            for days_late in range(1, _LATE_DAYS + 1):
                delayed = held & (lag == days_late)
                if delayed.any():
                    self._wait(tool, day + days_late, table.filter(pa.array(delayed)), after)
        if again.any():
            self._wait(tool, day + _LATE_DAYS + 1, table.filter(pa.array(again)))

    def _wait(self, tool: Tool, day: int, table: pa.Table, after: int | None = None) -> None:
        """Queue rows for the tool's next delivery on or after ``day`` (and in a later file than that of ``after``)."""
        target = self._delivery_day(tool, day)
        if after is not None and target == self._delivery_day(tool, after):
            target = self._delivery_day(tool, target + 1)
        if table.num_rows:
            self._waiting[tool.name][target].append(table)

    def _delivery_day(self, tool: Tool, day: int) -> int:
        day = max(day, 0)
        if day == 0:
            return 0  # the first delivery brings what was there
        while self.clock.date(day).weekday() not in tool.rhythm:
            day += 1
        return day

    def deliver(self, tool: Tool, day: int) -> int:
        """Write the tool's file of the day, if it has one; returns the rows written."""
        parts = self._waiting[tool.name].pop(day, [])
        if not parts:
            return 0
        table = pa.concat_tables(parts)
        counts = self.counts[tool.name]
        if tool.noisy:
            table = self._spoil(tool, day, table)
        folder = self.landing / self.clock.date(day).isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        write(table, folder / tool.file, tool.style)
        counts.files += 1
        counts.rows += table.num_rows
        return int(table.num_rows)

    def _spoil(self, tool: Tool, day: int, table: pa.Table) -> pa.Table:
        """Double some rows and add broken ones."""
        size = table.num_rows
        place = (zlib.crc32(tool.name.encode()), day)
        rows = np.arange(size, dtype=np.uint64)
        doubled = np.flatnonzero(self.draws.uniform("doubled", rows, *place) < self.noise.duplicate)
        wanted = int((self.draws.uniform("broken", rows, *place) < self.noise.broken).sum())
        broken = min(wanted, int(size * self.noise.broken_most))
        parts = [table, table.take(pa.array(doubled))]
        if broken:
            models = self.draws.integers("broken_model", np.arange(broken), size, *place)
            faults = self.draws.integers("fault", np.arange(broken), 5, *place)
            rows_broken = [
                _break(tool, row, int(fault), f"{day}-{number}")
                for number, (row, fault) in enumerate(
                    zip(table.take(pa.array(models)).to_pylist(), faults.tolist(), strict=True)
                )
            ]
            parts.append(pa.Table.from_pylist(rows_broken, schema=table.schema))
        counts = self.counts[tool.name]
        counts.duplicates += len(doubled)
        counts.broken += broken
        return pa.concat_tables(parts)

    def close(self) -> None:
        """Count what is still on the way after the last day."""
        for name, by_day in self._waiting.items():
            self.counts[name].undelivered = sum(t.num_rows for tables in by_day.values() for t in tables)


def _break(tool: Tool, row: dict[str, Any], fault: int, mark: str) -> dict[str, Any]:
    """A copy of a row under a key of its own, with one fault that its feed's contract refuses."""
    if tool.key:
        row[tool.key] = f"broken-{mark}"
    if fault == 1 and tool.kind:
        row[tool.kind] = "UNKNOWN_TYPE"
    elif fault == 2 and tool.amount:
        row[tool.amount] = "abc"
    elif fault == 3 and tool.key:
        row[tool.key] = None
    else:
        row[tool.time] = _bad_date(tool, row[tool.time], fault)
    return row


def _bad_date(tool: Tool, good: Any, fault: int) -> Any:
    """A date that is none, or one in 1970 or 2099, in the way the tool writes dates."""
    far = fault % 2 == 0
    if isinstance(good, int):
        return 4_083_955_200_000 if far else 0  # 2099-06-01 and 1970-01-01 in milliseconds
    if tool.typed:
        return good.replace(year=2099, day=1) if far else good.replace(year=1970, day=1)
    if fault == 4:
        return "not a date"
    text = str(good)
    if text[2:3] == "/":
        return text[:6] + ("2099" if far else "1970") + text[10:]
    return ("2099" if far else "1970") + text[4:]
