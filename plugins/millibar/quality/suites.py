"""The gates file and the suites under expectations/: which suite holds for which table, read and checked for form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

GATES_FILE = "gates.yml"
LAYERS = ("raw", "core", "reporting")
SEVERITIES = ("critical", "warning", "info")
ROWS = ("all", "new")
BATCH_COLUMN = "_batch_id"
QUERY_TYPE = "unexpected_rows_expectation"
COLUMN_ARGUMENTS = ("column", "column_A", "column_B")


class SuiteFault(ValueError):
    """The gates file or a suite is malformed; the message names the file, the place and the mend."""


@dataclass(frozen=True)
class Rule:
    """One expectation of a suite, in the words its file gives it."""

    name: str
    type: str
    severity: str
    says: str
    mend: str
    columns: tuple[str, ...]
    query: str | None
    configuration: Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """One suite held against one table (``schema.name``).

    ``rows`` is ``all``, or ``new`` for the rows of the batches this gate has not passed yet; ``key`` names the
    columns by which an offending row is told.
    """

    layer: str
    table: str
    suite: str
    rows: str
    key: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def columns(self) -> frozenset[str]:
        """Every column the suite names outside its SQL, and the key's."""
        return frozenset(self.key).union(*(rule.columns for rule in self.rules))


@dataclass(frozen=True)
class Layer:
    """The gates of one layer, and the days of deliveries that are checked again although they passed before."""

    name: str
    recheck_days: int
    gates: tuple[Gate, ...]


def load_layer(folder: Path, name: str) -> Layer:
    """The gates of one layer of ``folder``/gates.yml with their suites; :class:`SuiteFault` where one is malformed."""
    path = folder / GATES_FILE
    if name not in LAYERS:
        raise SuiteFault(f"there is no layer {name!r}; the layers with a gate are {', '.join(LAYERS)}")
    try:
        written = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise SuiteFault(f"{path} is missing: it says which suite holds for which table") from None
    except yaml.YAMLError as fault:
        raise SuiteFault(f"{path} is no YAML: {fault}") from fault
    entries = (written.get("layers") or {}).get(name) if isinstance(written, dict) else None
    if not entries:
        raise SuiteFault(f"{path}: layer {name!r} names no suite; a gate that checks nothing would always be green")
    gates = tuple(_gate(folder, path, name, entry) for entry in entries)
    return Layer(name, int(written.get("recheck_days", 0)), gates)


def _gate(folder: Path, path: Path, layer: str, entry: Any) -> Gate:
    where = f"{path}, layer {layer}, entry {entry!r}"
    known = {"table", "suite", "rows", "key"}
    if not isinstance(entry, dict) or not {"table", "suite", "key"} <= entry.keys() or entry.keys() - known:
        raise SuiteFault(f"{where}: write table, suite, key and, if wanted, rows")
    if str(entry["table"]).count(".") != 1:
        raise SuiteFault(f"{where}: table is schema.name")
    rows = entry.get("rows", "all")
    if rows not in ROWS:
        raise SuiteFault(f"{where}: rows is {rows!r}; it is one of {', '.join(ROWS)}")
    key = tuple(entry["key"])
    return Gate(layer, entry["table"], entry["suite"], rows, key, _rules(folder / entry["suite"]))


def _rules(path: Path) -> tuple[Rule, ...]:
    try:
        suite = json.loads(path.read_text())
    except FileNotFoundError:
        raise SuiteFault(f"{path} is missing, though {GATES_FILE} names it") from None
    except json.JSONDecodeError as fault:
        raise SuiteFault(f"{path}, line {fault.lineno}: no JSON: {fault.msg}") from fault
    rules = tuple(_rule(path, number, entry) for number, entry in enumerate(suite.get("expectations") or (), 1))
    if not rules:
        raise SuiteFault(f"{path}: the suite has no expectation; it would always pass")
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SuiteFault(f"{path}: rule {', '.join(twice)} is there twice; a rule's name is its own within a suite")
    return rules


def _rule(path: Path, number: int, entry: Mapping[str, Any]) -> Rule:
    where = f"{path}, expectation {number}"
    name = (entry.get("meta") or {}).get("rule")
    if not name:
        raise SuiteFault(f"{where}: meta.rule is missing, the name the rule has in ops.quality_results")
    for field in ("type", "description", "notes"):
        if not entry.get(field):
            raise SuiteFault(f"{where} ({name}): {field} is missing; description says what holds, notes what to do")
    if entry.get("severity") not in SEVERITIES:
        raise SuiteFault(f"{where} ({name}): severity is {entry.get('severity')!r}, not one of {', '.join(SEVERITIES)}")
    arguments = entry.get("kwargs") or {}
    query = arguments.get("unexpected_rows_query") if entry["type"] == QUERY_TYPE else None
    if entry["type"] == QUERY_TYPE and "{batch}" not in (query or ""):
        raise SuiteFault(f"{where} ({name}): the query does not read {{batch}}, the table under its gate")
    columns = [arguments[key] for key in COLUMN_ARGUMENTS if key in arguments]
    columns += arguments.get("column_list") or []
    return Rule(
        name, entry["type"], entry["severity"], entry["description"], entry["notes"], tuple(columns), query, entry
    )
