"""The gates file and suites: what is read, and how a malformed one is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millibar.quality.suites import LAYERS, SuiteFault, load_layer
from millibar.settings import PROJECT_ROOT

RULE: dict[str, Any] = {
    "type": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "amount"},
    "meta": {"rule": "amount_is_there"},
    "description": "Every order has an amount",
    "notes": "Ask the source",
    "severity": "critical",
}
QUERY: dict[str, Any] = RULE | {
    "type": "unexpected_rows_expectation",
    "kwargs": {"unexpected_rows_query": "select order_id from {batch} where amount < 0"},
    "meta": {"rule": "amount_is_not_negative"},
}
GATES = "layers: {raw: [{table: raw.orders, suite: orders.json, key: [order_id]}]}"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(gates: str = GATES, rules: Any = (RULE, QUERY)) -> Path:
        (tmp_path / "gates.yml").write_text(gates)
        (tmp_path / "orders.json").write_text(json.dumps({"name": "orders", "expectations": list(rules)}))
        return tmp_path

    return written


def test_a_layer_is_its_gates_and_their_rules(write: Write) -> None:
    layer = load_layer(write("recheck_days: 4\n" + GATES), "raw")
    (gate,) = layer.gates
    assert (layer.recheck_days, gate.table, gate.rows, gate.key) == (4, "raw.orders", "all", ("order_id",))
    assert [(rule.name, rule.columns) for rule in gate.rules] == [
        ("amount_is_there", ("amount",)),
        ("amount_is_not_negative", ()),
    ]
    assert gate.rules[1].query == "select order_id from {batch} where amount < 0"
    assert gate.columns == {"order_id", "amount"}


@pytest.mark.parametrize(
    ("gates", "told"),
    [
        ("layers: {raw: []}", "names no suite"),
        ("layers: {core: [{table: a.b, suite: orders.json, key: [x]}]}", "layer 'raw' names no suite"),
        ("layers: {raw: [{table: raw.orders, key: [x]}]}", "write table, suite, key"),
        (GATES.replace("key:", "rows: some, key:"), "rows is 'some'"),
        (GATES.replace("key:", "sev: x, key:"), "write table, suite, key"),
        (GATES.replace("raw.orders", "orders"), "schema.name"),
        (GATES.replace("orders.json", "lost.json"), "lost.json is missing"),
        ("layers: {raw: [", "is no YAML"),
    ],
)
def test_a_malformed_gates_file_is_told(write: Write, gates: str, told: str) -> None:
    with pytest.raises(SuiteFault, match=told):
        load_layer(write(gates), "raw")


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ([], "has no expectation"),
        ([RULE, RULE], "amount_is_there is there twice"),
        ([RULE | {"meta": {}}], "expectation 1: meta.rule is missing"),
        ([RULE, QUERY | {"description": ""}], r"expectation 2 \(amount_is_not_negative\): description is missing"),
        ([RULE | {"notes": None}], "notes is missing"),
        ([RULE | {"severity": "fatal"}], "severity is 'fatal'"),
        ([QUERY | {"kwargs": {"unexpected_rows_query": "select 1"}}], "does not read {batch}"),
    ],
)
def test_a_malformed_suite_is_told(write: Write, rules: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(SuiteFault, match=told):
        load_layer(write(rules=rules), "raw")


def test_a_suite_that_is_no_json_is_told_with_its_line(write: Write) -> None:
    folder = write()
    (folder / "orders.json").write_text('{\n "name": x\n}')
    with pytest.raises(SuiteFault, match=r"orders\.json, line 2"):
        load_layer(folder, "raw")


def test_a_missing_gates_file_and_an_unknown_layer_are_told(write: Write, tmp_path: Path) -> None:
    with pytest.raises(SuiteFault, match="no layer 'silver'"):
        load_layer(write(), "silver")
    with pytest.raises(SuiteFault, match=r"gates\.yml is missing"):
        load_layer(tmp_path / "nowhere", "raw")


def test_every_suite_file_of_the_project_is_under_a_gate() -> None:
    folder = PROJECT_ROOT / "expectations"
    gated = {gate.suite for layer in LAYERS for gate in load_layer(folder, layer).gates}
    assert gated == {path.relative_to(folder).as_posix() for path in folder.rglob("*.json")}
