"""Holds the rows of a block against their feed's contract: good ones go on, the others get a reason.

Everything here works on whole columns; single rows are looked at only to say why they are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.blocks import RAW_LINE_LIMIT, VALUE_LIMIT, Block, FileError, Lines, Rejected, storable
from millibar.sources.columns import Mapped, file_stem, kept_rows, map_column
from millibar.sources.contracts import EARLIEST_BIRTH, EARLIEST_EVENT, LATEST_PLAN, Column, Kind
from millibar.sources.convert import Mask
from millibar.sources.definition import Source, feed_column, personal_columns

MICROS_A_DAY = 86_400 * 1_000_000
FUTURE_DAYS = 1  # clocks run ahead and zones differ: an event may be dated a day after its delivery


@dataclass
class Checked:
    """Good rows of a block by feed column, their lines, the refused rows, and how many the filter left out."""

    columns: dict[str, pa.Array]
    lines: Lines
    rejected: list[Rejected]
    filtered: int

    @property
    def rows(self) -> int:
        return len(self.lines)

    @property
    def read(self) -> int:
        return self.rows + len(self.rejected)


@dataclass(frozen=True)
class _Fault:
    column: str | None
    rows: Mask
    reason: Callable[[str], str]  # the reason, given the value as shown


class Checker:
    """Maps and checks the blocks of one file."""

    def __init__(self, source: Source, known_channels: Collection[str], delivered_on: date, file_name: str) -> None:
        self._source = source
        self._channels = frozenset(known_channels)
        self._delivered_on = delivered_on
        self._file_name = file_stem(file_name)

    def require_columns(self, present: Collection[str]) -> list[str]:
        """Mapped columns the file lacks; ``FileError`` where a required column or all identifiers depend on one."""
        missing: dict[str, str] = {}
        for entry in self._source.columns:
            if absent := [name for name in entry.columns if name not in present]:
                missing[entry.target] = ", ".join(absent)
        shown = ", ".join(present) if present else "none of the mapped ones"
        for target, names in missing.items():
            if feed_column(self._source.feed, target).required:
                raise FileError(
                    f"line 1: column {names} is missing, which {target} is made from; the file has {shown}. "
                    "Mend the export, or the mapping in the source's YAML"
                )
        identifiers = self._source.identifiers
        if identifiers and all(name in missing for name in identifiers):
            raise FileError(
                f"line 1: no identifier column: {', '.join(missing[name] for name in identifiers)} missing; "
                f"the file has {shown}"
            )
        return sorted(set(missing.values()))

    def check(self, block: Block) -> Checked:
        """Good and refused rows of a block; reader's faults are refused rows too."""
        filtered = 0
        if self._source.where is not None:
            kept = kept_rows(block, self._source.where)
            filtered = block.rows - len(kept)
            block = block.take(kept) if filtered else block
        mapped = self._mapped(block)
        faults = [fault for name, column in mapped.items() for fault in self._column_faults(name, column, block.rows)]
        faults += self._row_faults(mapped, block.rows)
        bad = np.zeros(block.rows, np.bool_)
        for fault in faults:
            bad |= fault.rows
        columns = {name: column.values for name, column in mapped.items()}
        if not bad.any():
            return Checked(columns, block.lines, list(block.faults), filtered)
        good = pa.array(np.flatnonzero(~bad))
        rejected = list(block.faults) + _rejections(
            block, mapped, faults, np.flatnonzero(bad), personal_columns(self._source.feed)
        )
        columns = {name: values.take(good) for name, values in columns.items()}
        return Checked(columns, block.lines[~bad], rejected, filtered)

    def _mapped(self, block: Block) -> dict[str, Mapped]:
        day = self._delivered_on.isoformat()
        found = {
            entry.target: map_column(self._source, entry, block, self._file_name, day) for entry in self._source.columns
        }
        return {name: column for name, column in found.items() if column is not None}

    def _column_faults(self, name: str, mapped: Mapped, rows: int) -> list[_Fault]:
        column = feed_column(self._source.feed, name)
        values = mapped.values
        faults = [_fault(name, mask, reason) for mask, reason in mapped.failed]
        if column.required and values.null_count:
            empty = values.is_null().to_numpy(zero_copy_only=False)
            for mask, _ in mapped.failed:
                empty = empty & ~mask
            faults.append(_Fault(name, empty, lambda value: f"{name} is empty; it is required"))
        if values.null_count < rows:
            faults += self._value_faults(column, values)
        return [fault for fault in faults if fault.rows.any()]

    def _value_faults(self, column: Column, values: pa.Array) -> list[_Fault]:
        if column.kind is Kind.TEXT:
            return self._text_faults(column, values)
        if column.kind in (Kind.TIMESTAMP, Kind.DATE):
            return self._time_faults(column, values)
        if column.kind is Kind.BOOLEAN:
            return []
        faults = []
        numbers = pc.cast(values, pa.float64())
        if column.minimum is not None:
            faults.append(_fault(column.name, _true(pc.less(numbers, column.minimum)), _below(column)))
        if column.maximum is not None:
            too_large = pc.greater_equal if column.kind is Kind.MONEY else pc.greater
            expected = f"is too large; expected {'less than' if column.kind is Kind.MONEY else 'at most'}"
            reason = f"{expected} {column.maximum:,.0f}"
            faults.append(_fault(column.name, _true(too_large(numbers, column.maximum)), reason))
        return faults

    def _text_faults(self, column: Column, values: pa.Array) -> list[_Fault]:
        faults = []
        name = column.name
        allowed = self._channels if name == "channel" else column.allowed
        if allowed:
            reason = f"is not known; expected one of {', '.join(sorted(allowed))}"
            if name == "channel":
                reason += ". Map it in the source's YAML, or add a row to dbt_project/seeds/channel_profiles.csv"
            known = pc.is_in(values, value_set=pa.array(sorted(allowed)))
            faults.append(_fault(name, _true(pc.and_(pc.invert(known), values.is_valid())), reason))
        if pc.max(pc.binary_length(values)).as_py() > column.max_length:
            length = pc.utf8_length(values)
            reason = f"is too long; expected at most {column.max_length} characters"
            faults.append(_fault(name, _true(pc.greater(length, column.max_length)), reason))
        if column.pattern:
            strange = pc.invert(pc.match_substring_regex(values, f"^(?:{column.pattern})$"))
            faults.append(_fault(name, _true(strange), f"has not the form expected: {column.meaning}"))
        if _holds_nul(values):
            reason = "holds a NUL byte, which no text may; remove it in the export"
            faults.append(_fault(name, _true(pc.match_substring(values, "\0")), reason))
        return faults

    def _time_faults(self, column: Column, values: pa.Array) -> list[_Fault]:
        """A date in 1970 or 2099 is a default of some software, no event."""
        days = values.cast(pa.int32()) if column.kind is Kind.DATE else pc.floor(
            pc.divide(pc.cast(values.cast(pa.int64()), pa.float64()), float(MICROS_A_DAY))
        )  # fmt: skip
        is_birth = column.name == "birth_date"
        earliest = EARLIEST_BIRTH if is_birth else EARLIEST_EVENT
        latest = LATEST_PLAN
        if is_birth or column.name == self._source.feed.event_time:
            latest = self._delivered_on + timedelta(days=0 if is_birth else FUTURE_DAYS)
        early = f"is too early; expected {earliest.isoformat()} or later"
        late = f"is too late; expected {latest.isoformat()} or earlier"
        if column.name == self._source.feed.event_time:
            late += f", for it was delivered on {self._delivered_on.isoformat()}"
        return [
            _fault(column.name, _true(pc.less(days, _day_number(earliest))), early),
            _fault(column.name, _true(pc.greater(days, _day_number(latest))), late),
        ]

    def _row_faults(self, mapped: dict[str, Mapped], rows: int) -> list[_Fault]:
        """Rows of an identifier-carrying feed without any identifier."""
        names = [name for name in self._source.feed.identifier_columns if name in mapped]
        if not names:
            return []
        nobody = np.ones(rows, np.bool_)
        for name in names:
            values = mapped[name].values
            if values.null_count == 0:
                return []
            nobody &= values.is_null().to_numpy(zero_copy_only=False)
            for mask, _ in mapped[name].failed:  # has its own reason
                nobody &= ~mask
        reason = f"no identifier; expected a value in at least one of {', '.join(names)}"
        return [_Fault(None, nobody, lambda value: reason)] if nobody.any() else []


def _rejections(
    block: Block, mapped: dict[str, Mapped], faults: list[_Fault], places: Lines, hidden: frozenset[str]
) -> list[Rejected]:
    """Why each of the rows at these places is refused: its first fault, and the reasons of the others behind it."""
    found: dict[int, list[_Fault]] = {place: [] for place in places.tolist()}
    for fault in faults:
        for place in np.flatnonzero(fault.rows).tolist():
            found[place].append(fault)
    rejected = []
    for place, row_faults in found.items():
        values = [_shown(mapped, fault.column, place) for fault in row_faults]
        reasons = [fault.reason(_quoted(value)) for fault, value in zip(row_faults, values, strict=True)]
        public = [
            fault.reason("(a personal value)") if fault.column in hidden else reason
            for fault, reason in zip(row_faults, reasons, strict=True)
        ]
        first = row_faults[0]
        raw = storable(block.raw_line(place), RAW_LINE_LIMIT)
        line = int(block.lines[place])
        rejected.append(Rejected(line, first.column, values[0], "; ".join(reasons), raw, "; ".join(public)))
    return rejected


def _shown(mapped: dict[str, Mapped], column: str | None, place: int) -> str | None:
    if column is None:
        return None
    value = mapped[column].original[place].as_py()
    return None if value is None else storable(str(value), VALUE_LIMIT)


def _quoted(value: str | None, most: int = 60) -> str:
    text = value or ""
    return repr(text if len(text) <= most else text[: most - 1] + "…")


def _fault(name: str, rows: Mask, reason: str) -> _Fault:
    return _Fault(name, rows, lambda value: f"{name} {value} {reason}")


def _true(mask: pa.Array) -> Mask:
    if mask.true_count == 0:
        return np.zeros(len(mask), np.bool_)
    flat: Mask = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
    return flat


def _below(column: Column) -> str:
    reason = f"is too small; expected {column.minimum:,.0f} or more"
    if column.kind is Kind.MONEY and column.minimum == 0:
        reason += "; money given back belongs in feed returns"
    return reason


def _holds_nul(values: pa.Array) -> bool:
    buffer = values.buffers()[2]
    return buffer is not None and b"\0" in memoryview(buffer).tobytes()


def _day_number(day: date) -> int:
    return (day - date(1970, 1, 1)).days
