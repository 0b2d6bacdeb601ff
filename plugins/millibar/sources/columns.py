"""Source columns to feed columns: rename, constant, join, value map, prefix, then the kind of the contract."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.blocks import Block
from millibar.sources.contracts import Kind
from millibar.sources.convert import Mask, as_text, convert, is_text
from millibar.sources.definition import ColumnMap, RowFilter, Source, feed_column

DIGITS_OF_ROW = "{row_number}"


@dataclass
class Mapped:
    """A feed column of a block: its values, what the source held, and why values could not be taken."""

    values: pa.Array
    original: pa.Array
    failed: list[tuple[Mask, str]]  # rows, and the reason they share


def kept_rows(block: Block, where: RowFilter) -> npt.NDArray[np.int64]:
    """Places of the rows the source's ``where`` takes; a column the file lacks is empty everywhere."""
    values = block.columns.get(where.column)
    text = clean_text(as_text(values), ()) if values is not None else pa.nulls(block.rows, pa.string())
    if where.not_empty is not None:
        keep = text.is_valid() if where.not_empty else text.is_null()
    else:
        keep = pc.is_in(text, value_set=pa.array(where.one_of, pa.string()))
    return np.flatnonzero(keep.to_numpy(zero_copy_only=False))


def map_column(source: Source, entry: ColumnMap, block: Block, file_name: str, day: str) -> Mapped | None:
    """One feed column of the block; None where the file has none of its source columns."""
    kind = feed_column(source.feed, entry.target).kind
    if entry.constant is not None:
        return _constant(entry, kind, entry.constant, block.rows)
    if entry.row_template is not None:
        values = _row_keys(entry, block, file_name, day)
        return Mapped(values, values, [])
    present = [block.columns[name] for name in entry.columns if name in block.columns]
    if not present:
        return None
    original = _joined([as_text(values) for values in present], entry.join) if len(present) > 1 else present[0]
    values, failed = _transformed(entry, kind, original, source.dialect.null_values)
    converted = convert(values, kind, entry)
    if converted.failed is not None:
        failed.append((converted.failed, f"is not {converted.expected}"))
    return Mapped(converted.values, original, failed)


def clean_text(text: pa.Array, null_values: tuple[str, ...]) -> pa.Array:
    """Text without blanks around it; the empty text and ``null_values`` become null."""
    trimmed = pc.utf8_trim_whitespace(text)
    if null_values and (text_is_null := pc.is_in(trimmed, value_set=pa.array(null_values))).true_count:
        trimmed = pc.if_else(text_is_null, pa.scalar(None, pa.string()), trimmed)
    empty = pc.equal(trimmed, "")
    return pc.if_else(empty, pa.scalar(None, pa.string()), trimmed) if empty.true_count else trimmed


def _constant(entry: ColumnMap, kind: Kind, value: str, rows: int) -> Mapped:
    converted = convert(pa.array([value]), kind, entry)
    values = pa.repeat(converted.values[0], rows)
    failed: list[tuple[Mask, str]] = []
    if converted.failed is not None:
        failed.append((np.ones(rows, np.bool_), f"is not {converted.expected}"))
    return Mapped(values, pa.repeat(value, rows), failed)


def _row_keys(entry: ColumnMap, block: Block, file_name: str, day: str) -> pa.Array:
    template = (entry.row_template or "").replace("{file}", file_name).replace("{date}", day)
    before, after = template.split(DIGITS_OF_ROW, 1)
    numbers = pc.cast(pa.array(block.lines), pa.string())
    keys = pc.binary_join_element_wise(before, numbers, after.replace(DIGITS_OF_ROW, ""), "")
    return pc.binary_join_element_wise(entry.prefix, keys, "") if entry.prefix else keys


def _joined(parts: list[pa.Array], mark: str) -> pa.Array:
    """Parts with the mark between them; parts that are empty are left out."""
    cleaned = [clean_text(part, ()) for part in parts]
    joined = pc.binary_join_element_wise(*cleaned, mark, null_handling="skip")
    return pc.if_else(pc.equal(joined, ""), pa.scalar(None, pa.string()), joined)


def _transformed(
    entry: ColumnMap, kind: Kind, original: pa.Array, null_values: tuple[str, ...]
) -> tuple[pa.Array, list[tuple[Mask, str]]]:
    """The source's values before the conversion to the kind, and the values the map does not know."""
    values = original.dictionary_decode() if pa.types.is_dictionary(original.type) else original
    if pa.types.is_large_string(values.type) or pa.types.is_string_view(values.type):
        values = pc.cast(values, pa.string())
    failed: list[tuple[Mask, str]] = []
    if entry.values is not None or entry.prefix or entry.collapse_whitespace or kind is Kind.TEXT:
        values = as_text(values)
    if not is_text(values):
        return values, failed
    if entry.collapse_whitespace:
        values = pc.replace_substring_regex(values, r"\s+", " ")
    values = clean_text(values, null_values)
    if entry.values is not None:
        values, unknown = _replaced(entry, entry.values, values)
        if unknown is not None:
            failed.append((unknown, f"is not in the source's map for {entry.target}; expected one of "
                           f"{_some(tuple(entry.values))}; add it there, or set otherwise:"))  # fmt: skip
    if entry.prefix:
        values = pc.binary_join_element_wise(entry.prefix, values, "")
    return values, failed


def _replaced(entry: ColumnMap, known: Mapping[str, str], values: pa.Array) -> tuple[pa.Array, Mask | None]:
    """Values through the map, looked up once for each distinct one; the mask marks those it does not know."""
    encoded = values.dictionary_encode()
    rest = None if entry.otherwise in ("reject", "keep") else entry.otherwise
    targets, unknown = [], []
    for value in encoded.dictionary.to_pylist():
        found = known.get(value)
        unknown.append(found is None)
        targets.append(found if found is not None else value if entry.otherwise == "keep" else rest)
    replaced = pa.array(targets, pa.string()).take(encoded.indices) if targets else values
    if "" in known:
        replaced = pc.if_else(values.is_null(), known[""] or None, replaced)
    replaced = pc.if_else(pc.equal(replaced, ""), pa.scalar(None, pa.string()), replaced)
    if entry.otherwise != "reject" or not any(unknown):
        return replaced, None
    strange = pa.array(unknown).take(encoded.indices)
    return replaced, pc.fill_null(strange, False).to_numpy(zero_copy_only=False)


def _some(values: tuple[str, ...], most: int = 12) -> str:
    shown = ", ".join(repr(value) for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


@functools.cache
def file_stem(name: str) -> str:
    """A file's name without its endings: the same for a file packed or not."""
    return re.split(r"\.(?=[a-z])", name, maxsplit=1)[0]
