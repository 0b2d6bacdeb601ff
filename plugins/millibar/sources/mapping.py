"""Reads the YAML of every source in a folder; all faults are listed together, each with file and line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from millibar.sources.contracts import CHANNELS, FEEDS
from millibar.sources.definition import (
    DEFAULT_REJECTED_SHARE,
    ISO,
    ColumnMap,
    Dialect,
    Query,
    RowFilter,
    Source,
    SourceError,
    SourceFault,
)
from millibar.sources.definition_check import meaning_faults


def read_sources(folder: Path, known_channels: Collection[str] = CHANNELS) -> list[Source]:
    """The sources of a folder (``*.yml``, ``*.yaml``), by name.

    Raises ``SourceError`` with every fault of every file; ``FileNotFoundError`` where the folder is missing.
    """
    sources, faults = read_all(folder, known_channels)
    if faults:
        raise SourceError(faults)
    return sources


def read_all(folder: Path, known_channels: Collection[str] = CHANNELS) -> tuple[list[Source], list[SourceFault]]:
    """The sources without a fault and the faults of the others."""
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no folder {folder} to read sources from; set MILLIBAR_SOURCES to the one that has them"
        )
    sources: list[Source] = []
    faults: list[SourceFault] = []
    seen: dict[str, Path] = {}
    for path in sorted((*folder.glob("*.yml"), *folder.glob("*.yaml"))):
        try:
            source = read_source(path, known_channels)
        except SourceError as error:
            faults.extend(error.faults)
            continue
        if source.name in seen:
            message = f"source {source.name!r} is already defined in {seen[source.name].name}; give one another name"
            faults.append(SourceFault(path, _load(path).lc.value("source")[0] + 1, message))
            continue
        seen[source.name] = path
        sources.append(source)
    return sorted(sources, key=lambda source: source.name), faults


def read_source(path: Path, known_channels: Collection[str] = CHANNELS) -> Source:
    """One source; raises ``SourceError`` with all its faults."""
    document = _load(path)
    faults = list(_form_faults(path, document))
    if not faults:
        source = _build(path, document)
        faults = list(meaning_faults(source, lambda *keys: line_of(document, keys), known_channels))
    if faults:
        raise SourceError(sorted(faults, key=lambda fault: fault.line))
    return source


def line_of(document: CommentedMap, keys: tuple[str | int, ...]) -> int:
    """1-based line of the value at that path of keys, or of the deepest part of the path that exists."""
    line, node = document.lc.line, document
    for key in keys:
        try:
            position = node.lc.key(key) if isinstance(node, CommentedMap) else node.lc.item(key)
            line, node = position[0], node[key]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return int(line) + 1


def _load(path: Path) -> CommentedMap:
    try:
        document = YAML(typ="rt").load(path.read_text(encoding="utf-8-sig"))
    except MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise SourceError([SourceFault(path, line, f"not YAML: {fault.problem}")]) from fault
    except (YAMLError, UnicodeDecodeError) as fault:
        raise SourceError([SourceFault(path, 1, f"not YAML: {fault}")]) from fault
    if not isinstance(document, CommentedMap):
        raise SourceError([SourceFault(path, 1, "is empty or no mapping; begin with `source: <name>`")])
    return document


def _schema() -> dict[str, Any]:
    return dict(json.loads(files("millibar.sources").joinpath("source.schema.json").read_text()))


def _form_faults(path: Path, document: CommentedMap) -> Iterator[SourceFault]:
    """Faults against the JSON schema."""
    validator = jsonschema.Draft202012Validator(_schema())
    for error in validator.iter_errors(_plain(document)):
        keys = tuple(error.absolute_path)
        line = line_of(document, keys)
        if error.validator == "additionalProperties" and isinstance(error.instance, dict):
            unknown = [key for key in error.instance if key not in error.schema.get("properties", {})]
            for key in unknown:
                known = ", ".join(sorted(error.schema.get("properties", {})))
                yield SourceFault(path, line_of(document, (*keys, key)), f"unknown option {key!r}; known here: {known}")
            continue
        where = ".".join(str(key) for key in keys)
        yield SourceFault(path, line, f"{where + ': ' if where else ''}{error.message}")


def _plain(node: Any) -> Any:
    """The document as plain lists and dicts; keys as text, for ``map: {1: send}`` has a number for key."""
    if isinstance(node, CommentedMap):
        return {scalar_text(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    return node


def scalar_text(value: Any) -> str:
    """A YAML scalar as the text a source would hold: true and false in lower case, nothing as the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _build(path: Path, document: CommentedMap) -> Source:
    plain = _plain(document)
    location, sql = plain.get("location", {}), plain.get("sql")
    return Source(
        name=plain["source"],
        feed=FEEDS[plain["feed"]],
        format=plain["format"],
        columns=tuple(
            _column(target, entry, line_of(document, ("columns", target))) for target, entry in plain["columns"].items()
        ),
        path=location.get("path", ""),
        connection=location.get("connection"),
        dialect=_dialect(plain.get("csv", {}), plain["format"]),
        query=Query(sql["connection"], sql["query"], sql.get("cursor"), str(sql.get("start", "1970-01-01")))
        if sql
        else None,
        where=_filter(plain.get("where")),
        max_rejected_share=float(plain.get("limits", {}).get("max_rejected_share", DEFAULT_REJECTED_SHARE)),
        description=plain.get("description", ""),
        file=path,
    )


def _column(target: str, entry: str | dict[str, Any], line: int) -> ColumnMap:
    if isinstance(entry, str):
        return ColumnMap(target, (entry,), line=line)
    columns = entry.get("from", ())
    values = entry.get("map")
    return ColumnMap(
        target,
        (columns,) if isinstance(columns, str) else tuple(columns),
        constant=scalar_text(entry["value"]) if "value" in entry else None,
        row_template=entry.get("from_row"),
        join=entry.get("join", "-"),
        formats=tuple(entry.get("formats", (ISO,))),
        timezone=entry.get("timezone", "UTC"),
        values={key: scalar_text(value) for key, value in values.items()} if values else None,
        otherwise=scalar_text(entry.get("otherwise", "reject")),
        decimal=entry.get("decimal", "."),
        thousands=entry.get("thousands", ""),
        prefix=entry.get("prefix", ""),
        collapse_whitespace=entry.get("collapse_whitespace", False),
        line=line,
    )


def _dialect(csv: dict[str, Any], form: str) -> Dialect:
    delimiter = csv.get("delimiter", "\t" if form == "tsv" else ",")
    return Dialect(
        delimiter=None if delimiter == "whitespace" else delimiter,
        quote=csv.get("quote", '"') if delimiter != "whitespace" else "",
        encoding=csv.get("encoding", "utf-8"),
        header=csv.get("header", True),
        names=tuple(csv.get("names", ())),
        null_values=tuple(csv.get("null_values", ())),
        skip_lines=csv.get("skip_lines", 0),
        join_broken_lines=csv.get("join_broken_lines", False),
    )


def _filter(where: dict[str, Any] | None) -> RowFilter | None:
    if where is None:
        return None
    values = where.get("one_of", [where["equals"]] if "equals" in where else [])
    return RowFilter(where["column"], where.get("not_empty"), tuple(scalar_text(value) for value in values))


__all__ = ["Source", "SourceError", "SourceFault", "read_all", "read_source", "read_sources"]
