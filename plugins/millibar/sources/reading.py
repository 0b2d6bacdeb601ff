"""One way to read every form of source: the file or query as blocks of source columns."""

from __future__ import annotations

import io
from collections.abc import Iterator

from millibar.sources.blocks import Block
from millibar.sources.definition import Source
from millibar.sources.delimited import open_text, read_delimited
from millibar.sources.json_lines import read_json_lines
from millibar.sources.locate import LandedFile
from millibar.sources.tables import read_parquet

READ_AHEAD = 1 << 20


def read_file(source: Source, file: LandedFile) -> Iterator[Block]:
    """Blocks of the columns the source's mapping reads. Raises ``FileError`` where the file cannot be read."""
    with file.open() as stream:
        if source.format == "parquet":
            yield from read_parquet(stream, source.source_columns)
            return
        buffered = io.BufferedReader(stream, READ_AHEAD) if isinstance(stream, io.RawIOBase) else stream
        text = open_text(buffered, packed=file.name.endswith(".gz"))
        if source.format == "jsonl":
            yield from read_json_lines(text, source.source_columns)
        else:
            yield from read_delimited(text, source.dialect, source.source_columns)
