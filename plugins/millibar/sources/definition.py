"""What a source is: where its data is, which feed it fills, how its columns map to the feed's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from millibar.sources.contracts import IDENTIFIER_TYPES, Column, Feed

DEFAULT_REJECTED_SHARE = 0.05
ISO, EPOCH_SECONDS, EPOCH_MILLISECONDS = "iso8601", "epoch_s", "epoch_ms"
NAMED_FORMATS = (ISO, EPOCH_SECONDS, EPOCH_MILLISECONDS)
IDENTIFIER_COLUMNS = {name: Column(name, max_length=500) for name in IDENTIFIER_TYPES}


@dataclass(frozen=True)
class SourceFault:
    """One fault of a source file: where it is and what mends it."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class SourceError(ValueError):
    """Source files that cannot be used; ``faults`` lists every fault with its file and line."""

    def __init__(self, faults: list[SourceFault]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


@dataclass(frozen=True)
class ColumnMap:
    """How one feed column is made from a row of the source."""

    target: str
    columns: tuple[str, ...] = ()  # of the source, joined where several
    constant: str | None = None
    row_template: str | None = None
    join: str = "-"
    formats: tuple[str, ...] = (ISO,)
    timezone: str = "UTC"
    values: Mapping[str, str] | None = None
    otherwise: str = "reject"
    decimal: str = "."
    thousands: str = ""
    prefix: str = ""
    collapse_whitespace: bool = False
    line: int = 0


@dataclass(frozen=True)
class Dialect:
    """How delimited text is written; ``delimiter`` None means any run of blanks."""

    delimiter: str | None = ","
    quote: str = '"'
    encoding: str = "utf-8"
    header: bool = True
    names: tuple[str, ...] = ()
    null_values: tuple[str, ...] = ()
    skip_lines: int = 0
    join_broken_lines: bool = False


@dataclass(frozen=True)
class Query:
    """A select on an Airflow connection, incremental by ``cursor`` where it has one."""

    connection: str
    text: str
    cursor: str | None = None
    start: str = "1970-01-01"


@dataclass(frozen=True)
class RowFilter:
    """Which rows of the source are taken; exactly one of the three conditions is set."""

    column: str
    not_empty: bool | None = None
    one_of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """One source, as its YAML says; made by :func:`millibar.sources.mapping.read_sources`."""

    name: str
    feed: Feed
    format: str
    columns: tuple[ColumnMap, ...]
    path: str = ""
    connection: str | None = None
    dialect: Dialect = field(default_factory=Dialect)
    query: Query | None = None
    where: RowFilter | None = None
    max_rejected_share: float = DEFAULT_REJECTED_SHARE
    description: str = ""
    file: Path = Path()

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Identifier columns the source carries."""
        return tuple(entry.target for entry in self.columns if entry.target in self.feed.identifier_columns)

    @property
    def source_columns(self) -> tuple[str, ...]:
        """Columns of the source that the mapping or the filter reads, each once."""
        wanted = [name for entry in self.columns for name in entry.columns]
        return tuple(dict.fromkeys(wanted + ([self.where.column] if self.where else [])))


def feed_column(feed: Feed, name: str) -> Column:
    """Contract of a feed column or of an identifier the feed carries; ``KeyError`` where it has neither."""
    if name in feed.identifier_columns:
        return IDENTIFIER_COLUMNS[name]
    return feed.column(name)


def personal_columns(feed: Feed) -> frozenset[str]:
    """Columns whose values may not leave schema pii: personal ones and clear identifiers."""
    links = ("left_value", "right_value") if feed.name == "identity_links" else ()
    return frozenset((*(column.name for column in feed.personal), *feed.identifier_columns, *links))
