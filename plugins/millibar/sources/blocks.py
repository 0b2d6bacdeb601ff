"""What a reader hands on: some thousand rows of a source, with their lines, and the lines it could not read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Lines = npt.NDArray[np.int64]
RAW_LINE_LIMIT = 10_000
VALUE_LIMIT = 500


class FileError(ValueError):
    """A fault of a whole file: nothing of it can be loaded. The message says what, where and the mend."""


@dataclass(frozen=True)
class Rejected:
    """A row that is not loaded, with what was wrong, for pii.rejected_rows.

    ``public_reason`` is the reason without personal values, for places outside schema pii; None: the same.
    """

    line: int
    column: str | None
    value: str | None
    reason: str
    raw_line: str | None
    public_reason: str | None = None


@dataclass
class Block:
    """Rows read together: source column -> array, the line of each row in the file, the lines that are no rows."""

    columns: dict[str, pa.Array]
    lines: Lines
    raw_line: Callable[[int], str]  # text of a row, by its place in the block
    faults: list[Rejected] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return len(self.lines)

    def take(self, wanted: npt.NDArray[np.int64]) -> Block:
        """The rows at these places; the faults stay."""
        columns = {name: values.take(pa.array(wanted)) for name, values in self.columns.items()}
        return Block(columns, self.lines[wanted], lambda place: self.raw_line(int(wanted[place])), self.faults)


def storable(text: str, limit: int) -> str:
    """Text as PostgreSQL can keep it, cut at ``limit``: NUL shown as its symbol, stray bytes as question marks."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return cut.replace("\0", "␀").encode("utf-8", "replace").decode()
