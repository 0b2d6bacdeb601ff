"""What the JSON schema of a source cannot say: names, targets, formats and zones that do not exist."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Collection, Iterator
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from millibar.sources.contracts import Kind
from millibar.sources.convert import BOOLEANS, pattern_fault
from millibar.sources.definition import (
    IDENTIFIER_COLUMNS,
    NAMED_FORMATS,
    ColumnMap,
    Source,
    SourceFault,
    feed_column,
)
from millibar.sources.locate import DATE_FIELD

LineOf = Callable[..., int]
Fault = tuple[int, str]
ORIGINS = ("from", "value", "from_row")


def meaning_faults(source: Source, line: LineOf, known_channels: Collection[str]) -> Iterator[SourceFault]:
    """Faults of a source whose form is right; ``line`` gives the line of a path of keys."""
    for number, message in (
        *_place_faults(source, line),
        *_dialect_faults(source, line),
        *_coverage_faults(source, line),
        *(fault for entry in source.columns for fault in _column_faults(source, entry, line, known_channels)),
    ):
        yield SourceFault(source.file, number, message)


def _place_faults(source: Source, line: LineOf) -> Iterator[Fault]:
    if source.format == "sql":
        if source.query is None:
            yield line("format"), "format sql needs a section `sql:` with connection and query"
        elif source.query.cursor and "%(cursor)s" not in source.query.text:
            yield line("sql", "query"), "the query must use %(cursor)s, for `cursor:` is set; or drop `cursor:`"
        if source.path:
            yield line("location"), "format sql takes no `location:`"
        return
    if source.query is not None:
        yield line("sql"), f"format {source.format} takes no section `sql:`"
    if not source.path:
        yield line("format"), f"format {source.format} needs `location: {{path: ...}}`"
    yield from _path_faults(source, line("location", "path"))


def _path_faults(source: Source, here: int) -> Iterator[Fault]:
    fields = DATE_FIELD.findall(source.path)
    if len(fields) > 1:
        yield here, "{date} may stand once in a path"
    for pattern in fields:
        if fault := pattern_fault(pattern or "%Y-%m-%d"):
            yield here, fault
    if unknown := re.findall(r"\{(?!date[:}])[^}]*\}", source.path):
        yield here, f"{unknown[0]} is unknown in a path; only {{date}} or {{date:%Y%m%d}} is"


def _dialect_faults(source: Source, line: LineOf) -> Iterator[Fault]:
    dialect = source.dialect
    if source.format not in ("csv", "tsv") and line("csv") != line():
        yield line("csv"), f"format {source.format} takes no section `csv:`"
    try:
        codecs.lookup(dialect.encoding)
    except LookupError:
        yield (
            line("csv", "encoding"),
            f"unknown encoding {dialect.encoding!r}; write one such as utf-8, latin-1, cp1252",
        )
    if not dialect.header and not dialect.names:
        yield line("csv", "header"), "without a header `names:` must list the columns"
    if dialect.names:
        missing = [name for name in source.source_columns if name not in dialect.names]
        if missing:
            yield line("csv", "names"), f"`names:` lacks {', '.join(missing)}, which the mapping reads"


def _coverage_faults(source: Source, line: LineOf) -> Iterator[Fault]:
    feed, mapped = source.feed, {entry.target for entry in source.columns}
    for column in feed.columns:
        if column.required and column.name not in mapped:
            yield line("columns"), f"feed {feed.name} requires column {column.name}; say where it comes from"
    if feed.identifiers and not source.identifiers:
        yield (
            line("columns"),
            f"feed {feed.name} needs at least one identifier; map one of {', '.join(feed.identifier_columns)}",
        )


def _column_faults(source: Source, entry: ColumnMap, line: LineOf, known_channels: Collection[str]) -> Iterator[Fault]:
    here = line("columns", entry.target)
    try:
        column = feed_column(source.feed, entry.target)
    except KeyError:
        known = [item.name for item in source.feed.columns] + list(source.feed.identifier_columns)
        yield here, f"feed {source.feed.name} has no column {entry.target!r}; it has {', '.join(known)}"
        return
    origins = [bool(entry.columns), entry.constant is not None, entry.row_template is not None]
    if sum(origins) != 1:
        yield here, f"{entry.target}: give exactly one of {', '.join(ORIGINS)}"
    try:
        ZoneInfo(entry.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        zone = f"{entry.timezone!r} is no IANA time zone; write one such as Europe/Paris"
        yield line("columns", entry.target, "timezone"), zone
    for pattern in entry.formats:
        if pattern not in NAMED_FORMATS and (fault := pattern_fault(pattern)):
            yield line("columns", entry.target, "formats"), fault
    if entry.thousands == entry.decimal:
        yield line("columns", entry.target, "thousands"), "thousands and decimal cannot be the same mark"
    yield from _row_template_faults(source, entry, line)
    allowed = _allowed(entry.target, column.kind, column.allowed, known_channels)
    if allowed is not None:
        yield from _target_faults(entry, allowed, line)


def _row_template_faults(source: Source, entry: ColumnMap, line: LineOf) -> Iterator[Fault]:
    if entry.row_template is None:
        return
    here = line("columns", entry.target, "from_row")
    unknown = set(re.findall(r"\{([^}]*)\}", entry.row_template)) - {"row_number", "file", "date"}
    if unknown:
        yield here, f"{{{unknown.pop()}}} is unknown in from_row; it knows {{row_number}}, {{file}} and {{date}}"
    if source.format == "sql":
        yield here, "rows of a query have no lasting place; make the key from columns with `from: [a, b]`"
    several = bool(DATE_FIELD.search(source.path)) or any(mark in source.path for mark in "*?[")
    if several and "{file}" not in entry.row_template and "{date}" not in entry.row_template:
        yield here, "the source has several files, whose rows would get the same keys; add {file} or {date}"


def _allowed(target: str, kind: Kind, allowed: tuple[str, ...], channels: Collection[str]) -> Collection[str] | None:
    if target == "channel":
        return channels
    if kind is Kind.BOOLEAN:
        return BOOLEANS
    return allowed or None


def _target_faults(entry: ColumnMap, allowed: Collection[str], line: LineOf) -> Iterator[Fault]:
    listed = ", ".join(sorted(allowed))
    if entry.constant is not None and entry.constant not in allowed and entry.target not in IDENTIFIER_COLUMNS:
        here = line("columns", entry.target, "value")
        yield here, f"{entry.target} cannot be {entry.constant!r}; known: {listed}"
    for key, value in (entry.values or {}).items():
        if value and value not in allowed:
            here = line("columns", entry.target, "map", key)
            yield here, f"{entry.target} cannot be {value!r} (for {key!r}); known: {listed}"
    if entry.otherwise not in ("reject", "keep") and entry.otherwise not in allowed:
        here = line("columns", entry.target, "otherwise")
        yield here, f"{entry.target} cannot be {entry.otherwise!r}; known: {listed}, or reject, keep"
