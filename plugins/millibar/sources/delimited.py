"""Reads delimited text in blocks: each row keeps its line, and a faulty line costs only itself.

A block whose lines are its rows goes to Arrow's reader. Any other (a value over several lines, a wrong number of
columns, stray quotes, bytes that are not text) goes to ``broken_text``, line by line.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv

from millibar.sources.blocks import Block, FileError
from millibar.sources.broken_text import MAX_RECORD_BYTES, quoting, read_lines
from millibar.sources.definition import Dialect

BLOCK_BYTES = 8 << 20
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_delimited(stream: BinaryIO, dialect: Dialect, wanted: tuple[str, ...]) -> Iterator[Block]:
    """Blocks of the wanted columns, as text; nothing for a file without a byte.

    A wanted column that the file lacks is absent from the blocks. Raises ``FileError`` where the file as a whole
    cannot be read.
    """
    text = TextBlocks(stream, dialect)
    header = text.read_header()
    if header is None:
        return
    places = _places(header, wanted, text.line - 1)
    while (found := text.next_block()) is not None:
        block, first_line, is_last = found
        fast = None if dialect.join_broken_lines else _read_fast(block, first_line, dialect, len(header), places)
        if fast is not None:
            text.line += fast.rows
            yield fast
            continue
        slow, used_bytes, used_lines = read_lines(block, first_line, dialect, len(header), places, is_last)
        text.push_back(block[used_bytes:])
        text.line += used_lines
        if slow.rows or slow.faults:
            yield slow


def open_text(stream: BinaryIO, packed: bool) -> BinaryIO:
    """The stream, unpacked where it is gzip."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream, mode="rb")) if packed else stream


def read_bytes(stream: BinaryIO, size: int) -> bytes:
    """Bytes of a stream that may be gzip; ``FileError`` where the gzip is cut short or damaged."""
    try:
        return stream.read(size)
    except EOFError as fault:
        raise FileError("the gzip file is cut short: its end is missing; deliver it again") from fault
    except (gzip.BadGzipFile, zlib.error) as fault:
        raise FileError(f"the gzip file is damaged ({fault}); deliver it again") from fault


class TextBlocks:
    """The lines of a file as UTF-8 blocks that end at a line end; ``line`` is the number of the next line."""

    def __init__(self, stream: BinaryIO, dialect: Dialect) -> None:
        self._stream, self._dialect = stream, dialect
        self._rest = b""
        self._ended = False
        self._old_line_ends = False
        self._decoder = None if codecs.lookup(dialect.encoding).name == "utf-8" else self._make_decoder()
        self.line = 1

    def _make_decoder(self) -> codecs.IncrementalDecoder:
        return codecs.getincrementaldecoder(self._dialect.encoding)(errors="surrogateescape")

    def read_header(self) -> list[str] | None:
        """Column names; None where the file has no byte."""
        self._fill(BLOCK_BYTES)
        if not self._rest and self._ended:
            return None
        self._refuse_utf16()
        self._rest = self._rest.removeprefix(codecs.BOM_UTF8)
        if b"\n" not in self._rest and b"\r" in self._rest:
            self._old_line_ends = True
            self._rest = self._rest.replace(b"\r", b"\n")
        for _ in range(self._dialect.skip_lines):
            self._take_line()
        names = list(self._dialect.names)
        if self._dialect.header:
            line = self._take_line()
            names = names or _split(line, self._dialect)
        if not names:
            raise FileError(f"line {self.line - 1}: no header; name the columns with `csv: {{names: [...]}}`")
        return names

    def next_block(self) -> tuple[bytes, int, bool] | None:
        """(whole lines, number of the first, whether they are the last)."""
        wanted = max(BLOCK_BYTES, 2 * len(self._rest)) if self._carried else BLOCK_BYTES
        while True:
            self._fill(wanted)
            self._carried = False
            if not self._rest:
                return None
            if self._ended:
                block, self._rest = self._rest, b""
                return block, self.line, True
            cut = self._rest.rfind(b"\n") + 1
            if cut:
                block, self._rest = self._rest[:cut], self._rest[cut:]
                return block, self.line, False
            if len(self._rest) > 8 * MAX_RECORD_BYTES:
                raise FileError(
                    f"line {self.line}: no line end in {len(self._rest) >> 20} MB; the file is no delimited text, "
                    "or its encoding is not the one of `csv: {encoding: ...}`"
                )
            wanted = 2 * len(self._rest)

    _carried = False

    def push_back(self, unread: bytes) -> None:
        """Give back lines that are the begin of a row whose end is in the next block."""
        self._carried = bool(unread)
        self._rest = unread + self._rest

    def _fill(self, size: int) -> None:
        while len(self._rest) < size and not self._ended:
            block = read_bytes(self._stream, max(1 << 16, size - len(self._rest)))
            self._ended = not block
            if self._decoder is not None:
                text = self._decoder.decode(block, final=self._ended)
                block = text.encode("utf-8", "surrogateescape")
            self._rest += block.replace(b"\r", b"\n") if self._old_line_ends else block

    def _take_line(self) -> bytes:
        line, _, self._rest = self._rest.partition(b"\n")
        self.line += 1
        return line.rstrip(b"\r")

    def _refuse_utf16(self) -> None:
        if self._decoder is None and self._rest.startswith(UTF16_MARKS):
            raise FileError("the file is UTF-16; write `csv: {encoding: utf-16}` in the source's YAML")


def _split(line: bytes, dialect: Dialect) -> list[str]:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("latin-1")  # good enough for a name; the rows say what is wrong
    if dialect.delimiter is None:
        return text.split()
    fields = next(csv.reader([text], delimiter=dialect.delimiter, **quoting(dialect)), [])
    return [name.strip().lstrip("\ufeff") for name in fields]


def _places(header: list[str], wanted: tuple[str, ...], line: int) -> dict[str, int]:
    places = {}
    for name in wanted:
        count = header.count(name)
        if count > 1:
            raise FileError(f"line {line}: column {name!r} stands {count} times in the header; it must be there once")
        if count:
            places[name] = header.index(name)
    return places


def _read_fast(block: bytes, first_line: int, dialect: Dialect, width: int, places: dict[str, int]) -> Block | None:
    """The block read by Arrow; None unless it is certain that each of its lines is one row."""
    text = _single_delimiter(block) if dialect.delimiter is None else block
    delimiter = dialect.delimiter or "\t"
    lines = text.count(b"\n") + (not text.endswith(b"\n"))
    if not _is_regular(text, dialect.quote, delimiter, lines):
        return None
    names = [str(place) for place in range(width)]
    included = [str(place) for place in places.values()] or names[:1]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(text),
            pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=len(text) + 1),
            pyarrow.csv.ParseOptions(
                delimiter=delimiter, quote_char=dialect.quote or False, newlines_in_values=True,
                ignore_empty_lines=False,
            ),
            pyarrow.csv.ConvertOptions(
                include_columns=included, column_types=dict.fromkeys(included, pa.string()),
                null_values=["", *dialect.null_values], strings_can_be_null=True, quoted_strings_can_be_null=True,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid:
        return None
    if table.num_rows != lines:
        return None
    columns = {name: table[str(place)].combine_chunks() for name, place in places.items()}
    numbers = np.arange(first_line, first_line + lines, dtype=np.int64)
    return Block(columns, numbers, BlockLines(block))


def _is_regular(text: bytes, quote: str, delimiter: str, lines: int) -> bool:
    """No blank line, no stray carriage return, no text after a closing quote, no quote left open at the end."""
    if text.startswith((b"\n", b"\r\n")) or b"\n\n" in text or b"\n\r\n" in text:
        return False
    if b"\r" in text:
        returns = text.count(b"\r\n") + text.endswith(b"\r")
        if (returns != lines and returns != lines - 1) or text.count(b"\r") != returns:
            return False
    mark = quote.encode()
    if not mark or mark not in text:
        return True
    last = text.rstrip(b"\r\n").rpartition(b"\n")[2]
    return last.count(mark) % 2 == 0 and not _text_after_quote(text, mark, delimiter.encode())


def _text_after_quote(text: bytes, mark: bytes, delimiter: bytes) -> bool:
    """Whether a quote stands between two characters neither of which is a quote, a delimiter or a line end."""
    plain = np.ones(256, np.bool_)
    plain[list(mark + delimiter + b"\r\n")] = False
    characters = np.frombuffer(text, np.uint8)
    quotes = np.flatnonzero(characters[1:-1] == mark[0])
    return bool(np.any(plain[characters[quotes]] & plain[characters[quotes + 2]]))


def _single_delimiter(block: bytes) -> bytes:
    """Runs of blanks as one tab each, none at the ends of a line."""
    text = re.sub(rb"[ \t]+", b"\t", block)
    text = text.replace(b"\n\t", b"\n").replace(b"\t\n", b"\n").replace(b"\t\r\n", b"\r\n")
    return text.strip(b"\t")


class BlockLines:
    """The text of single lines of a block; where lines begin is looked up once, and only if one is asked for."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._ends: np.ndarray | None = None

    def __call__(self, place: int) -> str:
        if self._ends is None:
            self._ends = np.flatnonzero(np.frombuffer(self._block, np.uint8) == ord("\n"))
        start = int(self._ends[place - 1]) + 1 if place else 0
        end = int(self._ends[place]) if place < len(self._ends) else len(self._block)
        return self._block[start:end].rstrip(b"\r").decode("utf-8", "replace")
