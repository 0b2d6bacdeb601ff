"""Every suite passes sound data; every rule has a broken state of it on which that rule, and no other, is red."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from expectations.sound_ground import PROJECT, Ground, all_gates, breaks, contracts
from millibar.quality.suites import Gate
from millibar.sources.contracts import FEEDS
from millibar.warehouse import schema

GATES = {gate.table: gate for gate in all_gates()}
BREAKS = breaks()
CASES = [pytest.param(table, rule, id=f"{table}-{rule}") for table, rules in BREAKS.items() for rule in rules]


@pytest.mark.parametrize("gate", GATES.values(), ids=GATES.keys())
def test_a_suite_passes_sound_data(ground: Ground, gate: Gate) -> None:
    outcomes = ground.check(gate)
    assert [(o.rule.name, o.observed, o.sample) for o in outcomes if not o.success] == []
    assert [outcome.rule.name for outcome in outcomes] == [rule.name for rule in gate.rules]


@pytest.mark.parametrize(("table", "rule"), CASES)
def test_a_broken_state_makes_exactly_that_rule_red(ground: Ground, table: str, rule: str) -> None:
    told: str | Mapping[str, Any] = BREAKS[table][rule]
    sql, also = (told, []) if isinstance(told, str) else (told["sql"], told.get("also", []))
    with ground.broken(sql):
        outcomes = {outcome.rule.name: outcome for outcome in ground.check(GATES[table])}
    red = {name for name, outcome in outcomes.items() if not outcome.success}
    assert red == {rule, *also}, {name: outcomes[name].observed for name in red}
    assert "could not be evaluated" not in (outcomes[rule].observed or "")


def test_the_ground_is_sound_again_after_a_break(ground: Ground) -> None:
    gate = GATES["raw.touchpoints"]
    with ground.broken("update raw.touchpoints set event_type = 'nonsense'"):
        assert not all(outcome.success for outcome in ground.check(gate))
    assert all(outcome.success for outcome in ground.check(gate))


def test_every_rule_has_a_break_and_every_break_a_rule() -> None:
    rules = {(gate.table, rule.name) for gate in GATES.values() for rule in gate.rules}
    assert rules == {(table, rule) for table, broken in BREAKS.items() for rule in broken}


def test_a_break_of_personal_data_does_not_show_it(ground: Ground) -> None:
    with ground.broken("update raw.touchpoints set phone = '+33601020304', theme = 'for jean.dupont@example.org'"):
        outcomes = ground.check(GATES["raw.touchpoints"])
    told = " ".join(f"{outcome.observed} {outcome.sample}" for outcome in outcomes)
    assert "touchpoints_1.csv" in told  # where the rows are is told
    assert "33601020304" not in told
    assert "dupont" not in told


def test_every_column_a_suite_names_is_in_the_contract_of_its_table() -> None:
    known = {f"raw.{feed.name}": set(schema.raw_columns(feed)) for feed in FEEDS.values()}
    known |= {table: set(columns) for table, columns in contracts().items()}
    known["ops.load_batches"] = {"batch_id", "source"}
    lost = {gate.table: sorted(gate.columns - known[gate.table]) for gate in GATES.values()}
    assert {table: columns for table, columns in lost.items() if columns} == {}


def test_the_files_are_as_great_expectations_writes_them(ground: Ground) -> None:
    from great_expectations.core.expectation_suite import ExpectationSuite  # imported once, by the ground

    for gate in GATES.values():
        written = json.loads((PROJECT / "expectations" / gate.suite).read_text())
        assert ExpectationSuite(**written).to_json_dict() == written, gate.suite


def test_every_feed_has_a_suite() -> None:
    assert {f"raw.{name}" for name in FEEDS} <= GATES.keys()


def test_the_vocabularies_of_the_suites_are_those_of_the_contracts() -> None:
    for feed in FEEDS.values():
        sets = {
            rule.configuration["kwargs"]["column"]: tuple(rule.configuration["kwargs"]["value_set"])
            for rule in GATES[f"raw.{feed.name}"].rules
            if rule.type == "expect_column_values_to_be_in_set"
        }
        assert sets == {column.name: column.allowed for column in feed.stored if column.allowed}
