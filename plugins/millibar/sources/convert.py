"""Values of a source, as text or typed, to the kinds of the feed contracts; whole columns at a time.

Every function returns a ``Converted``: the values (null where there was none or it could not be read), a mask of
those that could not be read, and what was expected of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.columnar import query
from millibar.sources.contracts import Kind
from millibar.sources.definition import EPOCH_MILLISECONDS, EPOCH_SECONDS, ISO, ColumnMap
from millibar.sources.zones import local_to_utc, utc_to_local

Mask = npt.NDArray[np.bool_]
UTC_MICROS = pa.timestamp("us", "UTC")
MONEY_TYPE = pa.decimal128(18, 4)
TRUE, FALSE = ("true", "t", "yes", "y", "1", "oui", "o"), ("false", "f", "no", "n", "0", "non")
BOOLEANS = TRUE + FALSE
EXACT_INTEGER = 2**53
LATEST_EPOCH_SECONDS = 4e9  # in 2096: a larger number is in milliseconds
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"
ISO_PATTERN = (
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|[+-]\d{2}(:?\d{2})?))?)?"  # to the nanosecond
)
ZONED_PATTERN = r".*:.*(Z|[+-]\d{2}(:?\d{2})?)"


class Converted(NamedTuple):
    """A converted column, the mask of values that could not be read (None: all could), what was expected."""

    values: pa.Array
    failed: Mask | None
    expected: str


def convert(values: pa.Array, kind: Kind, spec: ColumnMap) -> Converted:
    """The column as ``kind``; text and typed arrays are both taken."""
    return CONVERTERS[kind](values, spec)


def is_text(values: pa.Array) -> bool:
    return bool(pa.types.is_string(values.type))


def as_text(values: pa.Array) -> pa.Array:
    """Any scalar array as text; whole floats lose their ``.0``, for a nullable number column is often read as float."""
    kind = values.type
    if pa.types.is_string(kind):
        return values
    if pa.types.is_dictionary(kind):
        return as_text(values.dictionary_decode())
    if pa.types.is_floating(kind):
        whole = values.to_numpy(zero_copy_only=False)
        whole = whole[~np.isnan(whole)]
        if np.all(whole == np.trunc(whole)) and np.all(np.abs(whole) < EXACT_INTEGER):
            values = pc.cast(values, pa.int64())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pc.cast(values, pa.string(), safe=False)
    return pc.cast(values, pa.string())


def to_text(values: pa.Array, spec: ColumnMap) -> Converted:
    return Converted(as_text(values), None, "text")


def to_timestamp(values: pa.Array, spec: ColumnMap) -> Converted:
    """UTC microseconds; times without a zone are taken in the spec's zone (see zones.py for the two odd hours)."""
    expected = f"a time of the form {_listed(spec.formats)}"
    local, instants = _read_times(values, spec)
    micros = pc.if_else(
        pc.is_valid(instants), instants, _through(local, lambda known: local_to_utc(known, spec.timezone))
    )
    return Converted(micros.cast(UTC_MICROS), _lost(values, micros), expected)


def to_date(values: pa.Array, spec: ColumnMap) -> Converted:
    """The day; of a time with a zone, the day in the spec's zone."""
    expected = f"a date of the form {_listed(spec.formats)}"
    if pa.types.is_date32(values.type):
        return Converted(values, None, expected)
    if is_text(values) and ISO in spec.formats:
        try:
            return Converted(pc.cast(values, pa.date32()), None, expected)
        except pa.ArrowInvalid:
            pass
    local, instants = _read_times(values, spec)
    shown = pc.if_else(
        pc.is_valid(instants), _through(instants, lambda known: utc_to_local(known, spec.timezone)), local
    )
    days = shown.cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    return Converted(days, _lost(values, days), expected)


def to_number(values: pa.Array, spec: ColumnMap) -> Converted:
    """Doubles; NaN and infinities count as unreadable."""
    expected = "a finite number" + _number_form(spec)
    if not is_text(values):
        if pa.types.is_boolean(values.type) or pa.types.is_temporal(values.type):
            return Converted(pa.nulls(len(values), pa.float64()), _lost(values, None), expected)
        numbers = pc.cast(values, pa.float64(), safe=False)
    else:
        numbers = _parse_numbers(_plain_digits(values, spec))
    finite = pc.fill_null(pc.is_finite(numbers), False)
    if pc.sum(finite).as_py() != len(numbers):
        numbers = pc.if_else(finite, numbers, pa.scalar(None, pa.float64()))
    return Converted(numbers, _lost(values, numbers), expected)


def to_integer(values: pa.Array, spec: ColumnMap) -> Converted:
    expected = "a whole number such as 1234"
    if pa.types.is_integer(values.type) and not pa.types.is_uint64(values.type):
        return Converted(pc.cast(values, pa.int64()), None, expected)
    numbers = to_number(values, spec).values
    raw = numbers.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        whole = (raw == np.trunc(raw)) & (np.abs(raw) < EXACT_INTEGER)
    integers = pa.array(np.where(whole, raw, 0).astype(np.int64), mask=~whole)
    return Converted(integers, _lost(values, integers), expected)


def to_money(values: pa.Array, spec: ColumnMap) -> Converted:
    """Decimals of 4 places, rounded; exact for amounts below 10 ** 9, beyond which the contract refuses them."""
    numbers, failed, expected = to_number(values, spec)
    raw = numbers.to_numpy(zero_copy_only=False)
    known = ~np.isnan(raw)
    # Beyond this the contract's maximum refuses the row: it only has to stay beyond it, and to fit.
    scaled = np.clip(np.rint(np.where(known, raw, 0.0) * 1e4), -9e17, 9e17).astype(np.int64)
    words = np.empty((len(scaled), 2), np.int64)
    words[:, 0] = scaled
    words[:, 1] = scaled >> 63
    bitmap = pa.array(known).buffers()[1]
    return Converted(pa.Array.from_buffers(MONEY_TYPE, len(scaled), [bitmap, pa.py_buffer(words)]), failed, expected)


def to_boolean(values: pa.Array, spec: ColumnMap) -> Converted:
    expected = "true or false, yes or no, 1 or 0"
    if pa.types.is_boolean(values.type):
        return Converted(values, None, expected)
    text = pc.utf8_lower(as_text(values))
    yes, no = (pc.is_in(text, value_set=pa.array(words)) for words in (TRUE, FALSE))
    known = pc.if_else(pc.or_(yes, no), yes, pa.scalar(None, pa.bool_()))
    return Converted(known, _lost(values, known), expected)


CONVERTERS: dict[Kind, Callable[[pa.Array, ColumnMap], Converted]] = {
    Kind.TEXT: to_text,
    Kind.TIMESTAMP: to_timestamp,
    Kind.DATE: to_date,
    Kind.MONEY: to_money,
    Kind.INTEGER: to_integer,
    Kind.NUMBER: to_number,
    Kind.BOOLEAN: to_boolean,
}


def pattern_fault(pattern: str) -> str | None:
    """What is wrong with a strptime pattern; None where it can be used."""
    if "%" not in pattern:
        return f"{pattern!r} is no date form; write iso8601, epoch_s, epoch_ms or a pattern such as %d/%m/%Y %H:%M"
    try:
        duckdb.execute("select try_strptime('', $pattern)", {"pattern": pattern})
    except duckdb.Error as fault:
        return f"{pattern!r} is no date pattern: {str(fault).splitlines()[0].rsplit(': ', 1)[-1]}"
    return None


# ---------------------------------------------------------------- times


def _read_times(values: pa.Array, spec: ColumnMap) -> tuple[pa.Array, pa.Array]:
    """(wall-clock microseconds, UTC microseconds): a value is in one of the two, in neither if unreadable."""
    nothing = pa.nulls(len(values), pa.int64())
    kind = values.type
    if pa.types.is_timestamp(kind):
        micros = pc.cast(values, pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        return (nothing, micros) if kind.tz else (micros, nothing)
    if pa.types.is_date(kind):
        return pc.cast(values, pa.timestamp("us")).cast(pa.int64()), nothing
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return nothing, _epochs(pc.cast(values, pa.float64(), safe=False), spec.formats)
    text = as_text(values)
    if spec.formats[0] == ISO:
        for zone in (None, "UTC"):
            try:
                micros = pc.cast(text, pa.timestamp("us", zone)).cast(pa.int64())
                return (nothing, micros) if zone else (micros, nothing)
            except pa.ArrowInvalid:
                continue
    return _read_patterns(text, spec.formats)


def _read_patterns(text: pa.Array, formats: tuple[str, ...]) -> tuple[pa.Array, pa.Array]:
    local = instants = pa.nulls(len(text), pa.int64())
    for pattern in formats:
        if pattern in (EPOCH_SECONDS, EPOCH_MILLISECONDS):
            read_local, read_instants = None, _epochs(_parse_numbers(text), (pattern,))
        elif pattern == ISO:
            read_local, read_instants = _read_iso(text)
        else:
            read_local, read_instants = _read_pattern(text, pattern)
        unread = pc.and_(pc.is_null(local), pc.is_null(instants))
        if read_local is not None:
            local = pc.if_else(unread, read_local, local)
        if read_instants is not None:
            instants = pc.if_else(unread, read_instants, instants)
        if pc.sum(pc.and_(pc.is_valid(text), pc.and_(pc.is_null(local), pc.is_null(instants)))).as_py() in (0, None):
            break
    return local, instants


def _read_iso(text: pa.Array) -> tuple[pa.Array, pa.Array]:
    """ISO 8601 value by value: DuckDB reads the clock part, and the instant where there is an offset."""
    table = _query(
        """
        with shaped as (
            select case when regexp_full_match(v, $iso) then replace(v, ',', '.') end as v from input
        )
        select
            case when not regexp_full_match(v, $zoned) then epoch_us(try_cast(v as timestamp)) end as local,
            case when regexp_full_match(v, $zoned) then epoch_us(try_cast(v as timestamptz)) end as instant
        from shaped
        """,
        text,
        {"iso": ISO_PATTERN, "zoned": ZONED_PATTERN},
    )
    return table["local"], table["instant"]


def _read_pattern(text: pa.Array, pattern: str) -> tuple[pa.Array | None, pa.Array | None]:
    zoned = "%z" in pattern or "%Z" in pattern
    # Without the digit DuckDB would also take words: infinity, epoch.
    sql = (
        "select epoch_us(case when regexp_matches(v, '[0-9]') then try_strptime(v, $pattern) end) as micros from input"
    )
    read = _query(sql, text, {"pattern": pattern})
    return (None, read["micros"]) if zoned else (read["micros"], None)


def _query(sql: str, text: pa.Array, parameters: dict[str, str]) -> dict[str, pa.Array]:
    table = query(sql, text, parameters)
    return {name: table[name].combine_chunks().cast(pa.int64()) for name in table.column_names}


def _epochs(numbers: pa.Array, formats: tuple[str, ...]) -> pa.Array:
    """Numbers as UTC microseconds; a number too large for seconds is in milliseconds where both forms are given."""
    raw = numbers.to_numpy(zero_copy_only=False)
    known = np.isfinite(raw)
    raw = np.where(known, raw, 0.0)
    seconds = np.full(len(raw), EPOCH_SECONDS in formats) & (np.abs(raw) < LATEST_EPOCH_SECONDS)
    millis = np.full(len(raw), EPOCH_MILLISECONDS in formats) & (np.abs(raw) < LATEST_EPOCH_SECONDS * 1e3) & ~seconds
    micros = np.rint(np.where(seconds, raw * 1e6, np.where(millis, raw * 1e3, 0.0))).astype(np.int64)
    return pa.array(micros, mask=~(known & (seconds | millis)))


def _through(values: pa.Array, change: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.int64]]) -> pa.Array:
    """Apply a numpy function to the integers of an array that may hold nulls."""
    if values.null_count == len(values):
        return values
    missing = values.is_null().to_numpy(zero_copy_only=False)
    return pa.array(change(pc.fill_null(values, 0).to_numpy()), mask=missing)


def _listed(formats: tuple[str, ...]) -> str:
    shown = {
        ISO: "2025-03-31T14:30:00 (iso8601)",
        EPOCH_SECONDS: "seconds since 1970",
        EPOCH_MILLISECONDS: "milliseconds since 1970",
    }
    return " or ".join(shown.get(pattern, pattern) for pattern in formats)


# ---------------------------------------------------------------- numbers


def _plain_digits(text: pa.Array, spec: ColumnMap) -> pa.Array:
    if spec.thousands:
        marks = "[  \u00a0\u202f]" if spec.thousands == " " else f"[{spec.thousands}]"
        text = pc.replace_substring_regex(text, marks, "")
    if spec.decimal == ",":
        # A point left over would be read as the decimal mark, a thousandfold error: make it unreadable instead.
        text = pc.replace_substring(pc.replace_substring(text, ".", "?"), ",", ".")
    return text


def _parse_numbers(text: pa.Array) -> pa.Array:
    try:
        return pc.cast(text, pa.float64())
    except pa.ArrowInvalid:
        shaped = pc.match_substring_regex(text, NUMBER)
        return pc.cast(pc.if_else(shaped, text, pa.scalar(None, pa.string())), pa.float64())


def _number_form(spec: ColumnMap) -> str:
    if spec.decimal == "," or spec.thousands:
        return f" such as 1{spec.thousands}234{spec.decimal}56"
    return " such as 1234.56 (for other forms set decimal: and thousands: in the source's YAML)"


def _lost(before: pa.Array, after: pa.Array | None) -> Mask | None:
    """Mask of values that were there before the conversion and are not after it."""
    missing_before = before.null_count
    if after is not None and after.null_count == missing_before:
        return None
    there = before.is_valid().to_numpy(zero_copy_only=False)
    if after is None:
        return there if there.any() else None
    mask: Mask = there & after.is_null().to_numpy(zero_copy_only=False)
    return mask
