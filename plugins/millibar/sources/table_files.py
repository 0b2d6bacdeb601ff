"""Delimited files no source definition describes, as columns of text; faults of numbers are told by line."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from millibar.sources.blocks import Block, FileError
from millibar.sources.definition import Dialect
from millibar.sources.delimited import UTF16_MARKS, TextBlocks, open_text, read_delimited

Floats = npt.NDArray[np.float64]

DELIMITERS = ",;\t|"
TABS = {"tab": "\t", "\\t": "\t"}
GZIP_MARK = b"\x1f\x8b"
SHOWN = 60  # letters of a value in a message
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
GROUPED = re.compile(r"[+-]?\d{1,3}([ ,.'\u00a0\u202f]\d{3})+([.,]\d+)?")


@dataclass(frozen=True)
class TableFile:
    """A file's columns as text: empty fields null, blanks around values gone.

    ``columns``: arrays of R rows by name; ``lines``: line of each row in the file, shape (R,).
    """

    path: Path
    columns: dict[str, pa.Array]
    lines: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lines)

    def take(self, mask: npt.NDArray[np.bool_]) -> TableFile:
        """The rows where ``mask``, shape (R,), is true."""
        kept = pa.array(mask)
        return TableFile(
            self.path, {name: texts.filter(kept) for name, texts in self.columns.items()}, self.lines[mask]
        )

    def where(self, row: int, column: str) -> str:
        """Where a value stands, for a message."""
        return f"{self.path}, line {self.lines[row]}, column {column}"

    def refuse(self, mask: npt.NDArray[np.bool_], column: str, expected: str) -> None:
        """Raise :class:`FileError` on the first row of ``mask``, shape (R,), with its line and value."""
        if not mask.any():
            return
        row = int(np.argmax(mask))
        value = self.columns[column][row].as_py()
        said = "empty" if value is None else shown(value)
        more = f" ({int(mask.sum()):,} such lines)" if mask.sum() > 1 else ""
        raise FileError(f"{self.where(row, column)}: {said}{more}; {expected}")

    def numbers(self, column: str, decimal: str = ".", signed: bool = False) -> tuple[Floats, int]:
        """(numbers of a column, shape (R,), how many fields were empty and count as 0).

        Raises :class:`FileError` on text, nan, infinity and, unless ``signed``, a number below 0.
        """
        texts = self.columns[column]
        if decimal != ".":
            pointed = _mask(pc.match_substring(texts, "."))
            self.refuse(pointed, column, f"with --decimal {decimal} a point cannot stand in a number; drop it")
            texts = pc.replace_substring(texts, decimal, ".")
        try:
            values = pc.fill_null(pc.cast(texts, pa.float64()), 0.0).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            self._refuse_text(column, texts, decimal)
            values = np.array([float(text or 0) for text in texts.to_pylist()])
        self.refuse(~np.isfinite(values), column, "write a finite number" + ("" if signed else " of 0 or more"))
        if not signed:
            self.refuse(values < 0, column, "a number below 0 has no meaning here; write 0 or more")
        return np.asarray(values, dtype=np.float64), texts.null_count

    def _refuse_text(self, column: str, texts: pa.Array, decimal: str) -> None:
        for row, text in enumerate(texts.to_pylist()):
            if text is None or NUMBER.fullmatch(text):
                continue
            written = str(self.columns[column][row].as_py())
            raise FileError(
                f"{self.where(row, column)}: {shown(written)} is no number; {_number_mend(written, decimal)}"
            )


def read_table(path: Path, encoding: str = "utf-8", delimiter: str | None = None) -> TableFile:
    """Every column of a delimited file, gzip or not, as text.

    ``delimiter`` None: the one of ``, ; tab |`` the header has most of. Raises :class:`FileError` on a missing or
    empty file, bytes that are no text, a header with a name twice, a line that does not fit the header, no row.
    """
    try:
        with path.open("rb") as stream:
            start = stream.read(2)
            packed = start == GZIP_MARK
            if not start:
                raise FileError(f"{path}: the file is empty; its first line must name the columns")
        with path.open("rb") as stream:
            head = open_text(stream, packed).read(4)
        if head.startswith(UTF16_MARKS):
            encoding = "utf-16"
        return _read(path, packed, _known_encoding(encoding), delimiter)
    except OSError as fault:
        raise FileError(f"{path}: cannot be read ({fault.strerror or fault}); check the path") from fault
    except FileError as fault:
        raise fault if str(path) in str(fault) else FileError(f"{path}: {fault}") from fault


def delimiter_of(written: str | None) -> str | None:
    """The character an option ``--delimiter`` means, None where it is not given; :class:`FileError` on other text."""
    if written is None:
        return None
    delimiter = TABS.get(written, written)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise FileError(f"--delimiter {written}: give one character, as ';', or tab")
    return delimiter


def shown(value: object) -> str:
    """A value for a message, cut where long."""
    text = str(value)
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def _read(path: Path, packed: bool, encoding: str, delimiter: str | None) -> TableFile:
    header, delimiter = _header(path, packed, encoding, delimiter)
    dialect = Dialect(delimiter=delimiter, encoding=encoding)
    blocks: list[Block] = []
    with path.open("rb") as stream:
        for block in read_delimited(open_text(stream, packed), dialect, tuple(header)):
            if block.faults:
                first = min(block.faults, key=lambda fault: fault.line)
                raise FileError(
                    f"{path}, line {first.line}: {_reason(first.reason)}; the line: {shown(first.raw_line)}"
                )
            blocks.append(block)
    if not any(block.rows for block in blocks):
        raise FileError(f"{path}: a header and no row below it; there is nothing to read")
    columns = {}
    for name in header:
        parts = [block.columns.pop(name) for block in blocks]
        texts = pc.utf8_trim_whitespace(pa.chunked_array(parts, pa.string()))
        joined = pc.if_else(pc.equal(texts, ""), None, texts).combine_chunks()
        columns[name] = joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
    return TableFile(path, columns, np.concatenate([block.lines for block in blocks]))


def _header(path: Path, packed: bool, encoding: str, delimiter: str | None) -> tuple[list[str], str]:
    """(names of the columns, delimiter)."""
    unsplit = Dialect(delimiter=delimiter or ",", encoding=encoding, header=False, names=("line",))
    with path.open("rb") as stream:
        blocks = TextBlocks(open_text(stream, packed), unsplit)
        blocks.read_header()
        found = blocks.next_block()
    text = found[0].split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r") if found else ""
    if not text.strip():
        raise FileError(f"{path}, line 1: no header; the first line must name the columns")
    bare = re.sub(r'"[^"]*"', "", text)
    delimiter = delimiter or max(DELIMITERS, key=bare.count)
    header = [name.strip() for name in next(csv.reader([text], delimiter=delimiter))]
    for place, name in enumerate(header, 1):
        if not name:
            raise FileError(f"{path}, line 1, column {place}: no name; name every column")
        if header.index(name) != place - 1:
            raise FileError(f"{path}, line 1: column {name} comes twice; rename one of them")
    return header, delimiter


def _reason(reason: str) -> str:
    """The readers' reason, with the mend of a file that no source definition describes."""
    said, found, _ = reason.partition("; if the file is in another encoding")
    return f"{said}; name the encoding of the file, as --encoding latin-1" if found else reason


def _known_encoding(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError as fault:
        raise FileError(f"--encoding {encoding}: no such encoding; try utf-8, latin-1 or cp1252") from fault


def _number_mend(written: str, decimal: str) -> str:
    if decimal == "." and NUMBER.fullmatch(written.replace(",", ".")) and not GROUPED.fullmatch(written):
        return "if the comma is a decimal one, say --decimal ,"
    if GROUPED.fullmatch(written):
        return "write it without marks between thousands (1234.5; with a decimal comma say --decimal ,)"
    return "write a number, as 12 or 0.5; an empty field counts as 0"


def _mask(flags: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.fill_null(flags, False).to_numpy(zero_copy_only=False), dtype=bool)


def find_column(names: Sequence[str], given: str | None, option: str, known: Sequence[str], path: Path) -> str | None:
    """The column of the header that an option names, else the one with a known name; None where there is none.

    Raises :class:`FileError` where the named one is missing, or two have known names.
    """
    if given is not None:
        if given not in names:
            raise FileError(f"{path}, line 1: no column {given} (--{option}); it has {', '.join(names)}")
        return given
    found = [name for name in names if name.strip().lower().replace(" ", "_") in known]
    if len(found) > 1:
        raise FileError(f"{path}, line 1: {' and '.join(found)} could each be it; say which with --{option} COLUMN")
    return found[0] if found else None
