"""Files of events (customer, time, channel, conversion, value): cut into journeys, aggregated to paths."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from millibar.attribution.files.path_files import UNIT_SEPARATOR, JourneyTable
from millibar.attribution.paths import NO_CHANNEL, Floats
from millibar.sources.blocks import FileError
from millibar.sources.table_files import TableFile, find_column

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LOOKBACK_DAYS = 30.0
LONGEST_LOOKBACK_DAYS = 36_525
DAY_MICROSECONDS = 86_400 * 1_000_000
TIME = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|z|[+-]\d{2}(:?\d{2})?))?)?$"
ZONED = r":.*(Z|z|[+-]\d{2}(:?\d{2})?)$"
WORDS = {"true": "1", "t": "1", "yes": "1", "y": "1", "false": "0", "f": "0", "no": "0", "n": "0"}
KNOWN_NAMES = {
    "customer": ("customer", "customer_id", "user", "user_id", "visitor", "visitor_id", "client_id", "cookie"),
    "time": ("time", "timestamp", "datetime", "occurred_at", "event_time", "event_at", "date"),
    "channel": ("channel", "touchpoint", "channel_name"),
    "conversion": ("conversion", "conversions", "converted", "is_conversion", "conv"),
    "event_value": ("value", "event_value", "conversion_value", "revenue", "amount"),
}


@dataclass(frozen=True)
class EventColumns:
    """Columns an analyst named; None: the one with a known name."""

    customer: str | None = None
    time: str | None = None
    channel: str | None = None
    conversion: str | None = None
    event_value: str | None = None


@dataclass(frozen=True)
class _Events:
    """Events by customer and time; all arrays of shape (E,). ``channel``: place in the names, -1 where not a touch."""

    customer: Integers
    moment: Integers  # microseconds since 1970, UTC
    channel: Integers
    weight: Floats  # conversions of the event
    value: Floats


def read_events(
    file: TableFile,
    wanted: EventColumns | None = None,
    lookback_days: float = LOOKBACK_DAYS,
    decimal: str = ".",
    drop_repeats: bool = False,
) -> JourneyTable:
    """The journeys of a file of events, aggregated to paths.

    A customer's events in order of time, those of one moment in the file's order, are cut at each conversion. A
    conversion takes the touches of its piece that lie within ``lookback_days``; what no conversion takes is cut into
    windows of that length, each a journey that did not convert. A conversion with a channel is its own last touch; one
    without any touch is the path ``(none)``. Raises :class:`FileError` with line, column and value.
    """
    if not 0 < lookback_days <= LONGEST_LOOKBACK_DAYS:
        raise FileError(
            f"--lookback-days {lookback_days:g}: give a number of days above 0, at most {LONGEST_LOOKBACK_DAYS:,}"
        )
    places = _places(file, wanted or EventColumns())
    warnings: list[str] = []
    repeated = _repeats(file, [column for column in places.values() if column is not None])
    if repeated.any():
        what = "dropped" if drop_repeats else "kept; --drop-repeats counts each once"
        line = file.lines[int(np.argmax(repeated))]
        warnings.append(f"{int(repeated.sum()):,} rows repeat an earlier one wholly (line {line}): {what}")
        if drop_repeats:
            file = file.take(~repeated)
    events, names = _events(file, places, decimal, warnings)
    rows, counts = _journeys(events, names, int(lookback_days * DAY_MICROSECONDS))
    if places["event_value"] is None:
        warnings.append("no column of values (--event-value): revenue is left empty")
    inputs = {"file": str(file.path), "form": "events", "rows": len(file), "lookback_days": lookback_days} | counts
    return JourneyTable(rows, UNIT_SEPARATOR, places["event_value"] is not None, inputs, warnings)


def looks_like_events(names: list[str]) -> bool:
    """Whether a header names customers, times and channels."""
    bare = {name.strip().lower().replace(" ", "_") for name in names}
    return all(bare & set(KNOWN_NAMES[role]) for role in ("customer", "time", "channel"))


def _places(file: TableFile, wanted: EventColumns) -> dict[str, str | None]:
    names = list(file.columns)
    found = {
        role: find_column(names, getattr(wanted, role), role.replace("_", "-"), known, file.path)
        for role, known in KNOWN_NAMES.items()
    }
    for role in ("customer", "time", "channel", "conversion"):
        if found[role] is None:
            raise FileError(
                f"{file.path}, line 1: no column of {role} ({', '.join(KNOWN_NAMES[role])}); it has "
                f"{', '.join(names)}: name it with --{role} COLUMN"
            )
    return found


def _repeats(file: TableFile, columns: list[str]) -> Flags:
    coded = {
        column: file.columns[column].dictionary_encode().indices.to_numpy(zero_copy_only=False) for column in columns
    }
    return np.asarray(pd.DataFrame(coded).duplicated().to_numpy())


def _events(
    file: TableFile, places: dict[str, str | None], decimal: str, warnings: list[str]
) -> tuple[_Events, list[str]]:
    """(events by customer and time, names of channels)."""
    customer = str(places["customer"])
    file.refuse(_flags(pc.is_null(file.columns[customer])), customer, "every event needs its customer; fill it in")
    moment = _moments(file, str(places["time"]), warnings)
    weight = _weights(file, str(places["conversion"]), decimal)
    value = np.zeros(len(file))
    if places["event_value"] is not None:
        value, _ = file.numbers(places["event_value"], decimal)
        stray = (value > 0) & (weight == 0)
        if stray.any():
            line = file.lines[int(np.argmax(stray))]
            warnings.append(
                f"{int(stray.sum()):,} events have a value and are no conversion (line {line}): not counted"
            )
    channel, names = _channels(file, str(places["channel"]), weight, warnings)
    codes = file.columns[customer].dictionary_encode().indices.to_numpy(zero_copy_only=False).astype(np.int64)
    order = np.lexsort((moment, codes))  # stable: events of one moment keep the file's order
    return _Events(codes[order], moment[order], channel[order], weight[order], value[order]), names


def _moments(file: TableFile, column: str, warnings: list[str]) -> Integers:
    texts = file.columns[column]
    read = _flags(pc.match_substring_regex(texts, TIME))
    expected = "write it as 2026-01-31T18:05:00, with or without a zone (Z, +01:00)"
    file.refuse(~read, column, expected)
    known = pd.to_datetime(texts.to_pandas(), format="ISO8601", utc=True, errors="coerce")
    file.refuse(known.isna().to_numpy(), column, f"no such day or time; {expected}")
    zoned = _flags(pc.match_substring_regex(texts, ZONED))
    if zoned.any() and not zoned.all():
        line = file.lines[int(np.argmin(zoned))]
        warnings.append(f"column {column}: {int((~zoned).sum()):,} times have no zone (line {line}): taken as UTC")
    return np.asarray(known.dt.tz_localize(None).to_numpy().astype("datetime64[us]"), dtype=np.int64)


def _weights(file: TableFile, column: str, decimal: str) -> Floats:
    """Conversions of each event: 0, 1, true, false, or a number; empty is 0."""
    texts = file.columns[column]
    coded = texts.dictionary_encode()
    plain = pa.array([WORDS.get(word.lower(), word) for word in coded.dictionary.to_pylist()], pa.string())
    words = pa.DictionaryArray.from_arrays(coded.indices, plain).dictionary_decode()
    told = TableFile(file.path, {column: words}, file.lines)
    return told.numbers(column, decimal)[0]


def _channels(file: TableFile, column: str, weight: Floats, warnings: list[str]) -> tuple[Integers, list[str]]:
    """(place of each event's channel, -1 where it is a conversion without one; names)."""
    unnamed = _flags(pc.is_null(file.columns[column])) & (weight == 0)
    if unnamed.any():
        line = file.lines[int(np.argmax(unnamed))]
        warnings.append(
            f"{int(unnamed.sum()):,} events have neither channel nor conversion (line {line}): touches of {NO_CHANNEL}"
        )
    coded = file.columns[column].dictionary_encode()
    names = [*coded.dictionary.to_pylist(), NO_CHANNEL]
    places = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(unnamed, len(names) - 1, places), names


def _journeys(events: _Events, names: list[str], lookback: int) -> tuple[pa.Table, dict[str, int]]:
    """(aggregated paths, counts of what was found)."""
    piece = _pieces(events)
    last = np.r_[np.flatnonzero(np.diff(piece)), len(piece) - 1]  # of each piece: its conversion, if it has one
    touches = np.flatnonzero(events.channel >= 0)
    of_piece = piece[touches]
    end = last[of_piece]
    moment = events.moment[touches]
    taken = (events.weight[end] > 0) & (moment >= events.moment[end] - lookback)
    window = np.where(taken, -1, _windows(of_piece, moment, ~taken, lookback))
    begins = np.r_[True, (np.diff(of_piece) != 0) | (np.diff(window) != 0)] if len(touches) else np.zeros(0, bool)
    starts = np.flatnonzero(begins)
    converted = np.where(taken[starts], end[starts], -1)
    untouched = np.setdiff1d(np.flatnonzero(events.weight > 0), converted)
    steps = pa.array(names, pa.string()).take(pa.array(events.channel[touches]))
    lists = pa.ListArray.from_arrays(pa.array(np.r_[starts, len(touches)], pa.int32()), steps)
    paths = pa.concat_arrays(
        [pc.binary_join(lists, UNIT_SEPARATOR), pa.array([NO_CHANNEL] * len(untouched), pa.string())]
    )
    ends = np.r_[converted, untouched]
    found = {
        "customers": len(np.unique(events.customer)),
        "touches": len(touches),
        "touches_before_lookback": int(((events.weight[end] > 0) & ~taken).sum()),
        "conversions_without_touch": len(untouched),
    }
    return _aggregated(paths, ends, events), found


def _pieces(events: _Events) -> Integers:
    """Number of what lies between two conversions of a customer; the conversion ends it."""
    after_conversion = np.r_[False, events.weight[:-1] > 0]
    other_customer = np.r_[False, np.diff(events.customer) != 0]
    return np.cumsum(after_conversion | other_customer)


def _windows(of_piece: Integers, moment: Integers, lost: Flags, lookback: int) -> Integers:
    """Number of the window each lost touch lies in, counted from its piece's first lost touch."""
    first = np.full(of_piece.max() + 1 if len(of_piece) else 0, np.iinfo(np.int64).max)
    np.minimum.at(first, of_piece[lost], moment[lost])
    return (moment - np.where(lost, first[of_piece], moment)) // lookback


def _aggregated(paths: pa.Array, ends: Integers, events: _Events) -> pa.Table:
    """Sums by path; ``ends``: the event each journey converts with, -1 where it does not."""
    converts = ends >= 0
    weight = np.where(converts, events.weight[ends], 0.0)
    value = np.where(converts, events.value[ends], 0.0)
    squared = np.divide(value**2, weight, out=np.zeros(len(value)), where=weight > 0)
    table = pa.table(
        {
            "path": paths,
            "conversions": weight,
            "non_conversions": np.where(converts, 0.0, 1.0),
            "value": value,
            "value_squared": squared,
        }
    )
    names = table.column_names[1:]
    summed = table.group_by("path").aggregate([(name, "sum") for name in names])
    return summed.select(["path", *(f"{name}_sum" for name in names)]).rename_columns(["path", *names]).sort_by("path")


def _flags(mask: pa.Array) -> Flags:
    return np.asarray(pc.fill_null(mask, False).to_numpy(zero_copy_only=False), dtype=bool)
