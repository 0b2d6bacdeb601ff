"""Files of aggregated paths (path;conv;null;value): rows for `encode_paths`, and notes on what was filled in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millibar.attribution.paths import NO_CHANNEL, STEP_SEPARATOR, Floats
from millibar.sources.blocks import FileError
from millibar.sources.table_files import TableFile, find_column

UNIT_SEPARATOR = "\x1f"  # stands between steps once quoted names may hold the separator
QUOTE = '"'
KNOWN_NAMES = {
    "path": ("path", "paths", "journey", "channel_path"),
    "conversions": ("conversions", "conversion", "conv", "convs", "total_conversions"),
    "nulls": ("nulls", "null", "non_conversions", "nonconversions", "total_null", "total_nulls", "losses"),
    "value": ("value", "values", "revenue", "conv_value", "conversion_value", "total_conversion_value"),
    "value_squared": ("value_squared", "values_squared", "value_squares"),
}
WITHOUT_LOSSES = (
    " journeys that did not convert (--nulls): every journey counts as converted, and removal effects then tell "
    "which channels the paths cannot do without, not which ones win customers"
)
ROUNDING = 1e-6  # of a sum of squares that a file wrote with fewer digits


@dataclass(frozen=True)
class PathColumns:
    """Columns an analyst named; None: the one with a known name."""

    path: str | None = None
    conversions: str | None = None
    nulls: str | None = None
    value: str | None = None
    value_squared: str | None = None


@dataclass(frozen=True)
class JourneyTable:
    """Aggregated paths of a file.

    ``rows``: table of path, conversions, non_conversions, value, value_squared, for ``encode_paths`` with
    ``separator``. ``has_value``: whether the file tells values; without, revenue is unknown, not 0.
    ``inputs``: what was read, for the report. ``warnings``: what was filled in or looks odd.
    """

    rows: pa.Table
    separator: str
    has_value: bool
    inputs: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def read_paths(
    file: TableFile, wanted: PathColumns | None = None, separator: str = STEP_SEPARATOR, decimal: str = "."
) -> JourneyTable:
    """The aggregated paths of a file.

    A path is ``a > b > c``; ``"a > b" > c`` holds the channel ``a > b``. An empty path or step is ``(none)``. Without a
    column of nulls every journey converted; without values revenue is unknown; without squared values each
    conversion of a row counts as worth the row's mean. Rows of one path add up. Raises :class:`FileError` with
    line, column and value where a number or a quoted name cannot be read.
    """
    if not separator.strip() and not separator:
        raise FileError("--separator is empty; name what stands between the steps, as --separator '>'")
    if QUOTE in separator:
        raise FileError(f"--separator {separator}: a double quote cannot separate steps, it wraps names")
    places = _places(file, wanted or PathColumns())
    warnings: list[str] = []
    conversions = _figures(file, places["conversions"], decimal, warnings)
    losses = _figures(file, places["nulls"], decimal, warnings)
    value = _figures(file, places["value"], decimal, warnings)
    squared = _squared_values(file, places["value_squared"], decimal, conversions, value)
    if not losses.any():
        said = "no column of" if places["nulls"] is None else f"column {places['nulls']} knows no"
        warnings.append(said + WITHOUT_LOSSES)
    if places["value"] is None:
        warnings.append("no column of values (--value): revenue is left empty")
    elif places["value_squared"] is None:
        warnings.append(
            "no sum of squared values (--value-squared): conversions of one row count as worth their mean, "
            "so intervals of revenue are too narrow where values differ within a path"
        )
    texts, mark = _separated(file, str(places["path"]), separator)
    warnings += _odd_values(conversions, value, file) + _odd_paths(file, texts, mark, separator)
    rows = pa.table(
        {
            "path": texts,
            "conversions": conversions,
            "non_conversions": losses,
            "value": value,
            "value_squared": squared,
        }
    )
    inputs = {"file": str(file.path), "form": "paths", "rows": len(file)}
    return JourneyTable(rows, mark, places["value"] is not None, inputs, warnings)


def looks_like_paths(names: list[str]) -> bool:
    """Whether a header names a column of paths."""
    return any(name.strip().lower() in KNOWN_NAMES["path"] for name in names)


def _places(file: TableFile, wanted: PathColumns) -> dict[str, str | None]:
    names = list(file.columns)
    found = {
        role: find_column(names, getattr(wanted, role), role.replace("_", "-"), known, file.path)
        for role, known in KNOWN_NAMES.items()
    }
    for role in ("path", "conversions"):
        if found[role] is None:
            raise FileError(
                f"{file.path}, line 1: no column of {role} ({', '.join(KNOWN_NAMES[role])}); it has "
                f"{', '.join(names)}: name it with --{role} COLUMN"
            )
    return found


def _figures(file: TableFile, column: str | None, decimal: str, warnings: list[str]) -> Floats:
    if column is None:
        return np.zeros(len(file))
    values, empty = file.numbers(column, decimal)
    if empty:
        warnings.append(f"column {column}: {empty:,} empty fields count as 0")
    return values


def _squared_values(file: TableFile, column: str | None, decimal: str, conversions: Floats, value: Floats) -> Floats:
    """Sum of squared values of each row's conversions; at the least what equal values would give."""
    least = np.divide(value**2, conversions, out=value**2, where=conversions > 0)
    if column is None:
        return least
    squared, _ = file.numbers(column, decimal)
    file.refuse(
        squared < least * (1 - ROUNDING), column,
        "n values have a sum of squares of (their sum)^2 / n or more; write the sum of each conversion's value squared",
    )  # fmt: skip
    return np.maximum(squared, least)


def _separated(file: TableFile, column: str, separator: str) -> tuple[pa.Array, str]:
    """(texts of the paths, what separates their steps): separators inside quoted names separate nothing."""
    texts = pc.fill_null(file.columns[column], "")
    quoted = pc.match_substring(texts, QUOTE)
    if not pc.any(quoted).as_py():
        return texts, separator
    mark = separator.strip() or separator
    names = rf'(?:{QUOTE}[^"]*{QUOTE}|[^"]*)'
    step = rf"\s*{names}\s*"
    whole = _flags(pc.match_substring_regex(texts, rf"^{step}(?:{re.escape(mark)}{step})*$"))
    opens = _flags(pc.match_substring_regex(texts, rf"(?:^|{re.escape(mark)})\s*{QUOTE}"))
    # a lone quote inside a name, as in 5" screen, is a letter of it
    lone = ~opens & (pc.count_substring(texts, QUOTE).to_numpy(zero_copy_only=False) == 1)
    file.refuse(
        ~whole & ~lone, column,
        f"a double quote must wrap a whole name, as {QUOTE}a {mark} b{QUOTE} {mark} c; wrap the name or drop the quote",
    )  # fmt: skip
    wrapped = _unquoted(texts, mark)
    plain = pc.replace_substring(texts, mark, UNIT_SEPARATOR)
    return pc.if_else(pa.array(whole), wrapped, plain), UNIT_SEPARATOR


def _unquoted(texts: pa.Array, mark: str) -> pa.Array:
    """Without the quotes, and with the unit separator for every separator outside them."""
    split = pc.split_pattern(texts, QUOTE)
    pieces = split.flatten()
    offsets = split.offsets.to_numpy()
    place = np.arange(len(pieces)) - np.repeat(offsets[:-1] - offsets[0], np.diff(offsets))
    outside = pa.array(place % 2 == 0)
    marked = pc.if_else(outside, pc.replace_substring(pieces, mark, UNIT_SEPARATOR), pieces)
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets - offsets[0], pa.int32()), marked), "")


def _odd_values(conversions: Floats, value: Floats, file: TableFile) -> list[str]:
    odd = (conversions == 0) & (value > 0)
    if not odd.any():
        return []
    line = file.lines[int(np.argmax(odd))]
    return [f"{int(odd.sum()):,} rows have a value without a conversion (line {line}): it counts in revenue"]


def _odd_paths(file: TableFile, texts: pa.Array, mark: str, separator: str) -> list[str]:
    """Notes on steps without a name, and on a separator that seems to be another one."""
    bare = re.escape(mark.strip() or mark)
    unnamed = _flags(pc.match_substring_regex(texts, rf"^\s*$|^\s*{bare}|{bare}\s*{bare}|{bare}\s*$"))
    notes = []
    if unnamed.any():
        line = file.lines[int(np.argmax(unnamed))]
        notes.append(
            f"{int(unnamed.sum()):,} paths are empty or have a step without a name (line {line}): it is {NO_CHANNEL}"
        )
    if separator.strip() == STEP_SEPARATOR:
        for other, pattern in (("->", r"->"), ("=>", r"=>")):
            if pc.any(pc.match_substring(texts, pattern)).as_py():
                notes.append(f"some steps end in {other[0]}; if {other} separates them, say --separator '{other}'")
    if not pc.any(pc.match_substring(texts, mark.strip() or mark)).as_py():
        notes += [
            f"no path holds {separator!r}, so each is a single channel; if {other!r} separates steps, "
            f"say --separator '{other}'"
            for other in ("|", ",", ";", "/", "→", ">")
            if pc.any(pc.match_substring(texts, other)).as_py()
        ][:1]
    return notes


def _flags(mask: pa.Array) -> npt.NDArray[np.bool_]:
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)
