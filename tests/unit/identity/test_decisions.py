"""An analyst's word on two records: kept once a pair, refused where words contradict each other, taken back."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.identity import decisions_command
from millibar.identity.decisions import (
    CANNOT_LINK,
    MUST_LINK,
    DecisionError,
    decide,
    decision_of,
    kept_decisions,
    read_decisions,
    undecide,
    waiting_pairs,
)
from millibar.pipeline.context import RunInProgress
from millibar.privacy.masking import masked
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

HEADER = "left_record,right_record,decision,decided_by,note\n"


@pytest.fixture
def records(warehouse: Warehouse) -> Warehouse:
    """Records crm:1 to crm:5 and one whose id holds a quote and a colon."""
    for number, record in enumerate(("1", "2", "3", "4", "5", "o'b:9")):
        warehouse.execute(
            "insert into raw.customers (record_id, updated_at, _source, _batch_id, _file, _row_number, _loaded_at,"
            " _delivered_on, _row_hash, _row_key) values (%(id)s, now(), 'crm', 1, 'f', %(n)s, now(), now(), 'h',"
            " gen_random_uuid())",
            {"id": record, "n": number},
        )
    return warehouse


def pairs(warehouse: Warehouse) -> set[tuple[str, str, str]]:
    return {(row["left_record"], row["right_record"], row["decision"]) for row in kept_decisions(warehouse)}


def touched(warehouse: Warehouse) -> set[str]:
    rows = warehouse.rows("select node_hash from scores.identity_touched where node_type = 'record'")
    return {row["node_hash"] for row in rows}


def test_a_decision_is_kept_in_one_order_and_touches_both_records(records: Warehouse) -> None:
    assert decide(records, [decision_of("crm:2", "crm:1", "same", "ann", "twins? no: same birth place")]) == 1
    assert pairs(records) == {("crm:1", "crm:2", MUST_LINK)}
    assert touched(records) == {"crm:1", "crm:2"}
    (row,) = kept_decisions(records)
    assert (row["decided_by"], row["note"]) == ("ann", "twins? no: same birth place")


def test_a_later_word_replaces_the_earlier_one_and_the_same_word_changes_nothing(records: Warehouse) -> None:
    decide(records, [decision_of("crm:1", "crm:2", "same", "ann")])
    assert decide(records, [decision_of("crm:1", "crm:2", "same", "bob")]) == 0
    assert kept_decisions(records)[0]["decided_by"] == "ann"
    assert decide(records, [decision_of("crm:1", "crm:2", "different", "bob")]) == 1
    assert pairs(records) == {("crm:1", "crm:2", CANNOT_LINK)}


def test_a_contradiction_is_refused_with_its_chain_and_nothing_is_kept(records: Warehouse) -> None:
    decide(records, [decision_of("crm:1", "crm:2", "same", "ann"), decision_of("crm:2", "crm:3", "same", "bob")])
    with pytest.raises(DecisionError) as refusal:
        decide(
            records, [decision_of("crm:4", "crm:5", "same", "eve"), decision_of("crm:1", "crm:3", "different", "eve")]
        )
    told = str(refusal.value)
    assert "crm:1 same crm:2 (by ann), crm:2 same crm:3 (by bob)" in told
    assert "crm:1 different crm:3 (by eve)" in told
    assert pairs(records) == {("crm:1", "crm:2", MUST_LINK), ("crm:2", "crm:3", MUST_LINK)}


def test_a_must_link_that_closes_a_chain_around_a_refusal_is_refused(records: Warehouse) -> None:
    decide(records, [decision_of("crm:1", "crm:3", "different", "ann"), decision_of("crm:1", "crm:2", "same", "ann")])
    with pytest.raises(DecisionError, match=r"crm:1 same crm:2 .*crm:2 same crm:3 .*crm:1 different crm:3"):
        decide(records, [decision_of("crm:2", "crm:3", "same", "bob")])
    undecide(records, "crm:3", "crm:1")
    assert decide(records, [decision_of("crm:2", "crm:3", "same", "bob")]) == 1


def test_a_decision_is_taken_back_once(records: Warehouse) -> None:
    decide(records, [decision_of("crm:1", "crm:2", "different", "ann")])
    records.execute("delete from scores.identity_touched")
    assert undecide(records, "crm:2", "crm:1")
    assert not undecide(records, "crm:2", "crm:1")
    assert pairs(records) == set()
    assert touched(records) == {"crm:1", "crm:2"}, "the next run must cluster them again"


def test_an_unknown_record_is_refused(records: Warehouse) -> None:
    with pytest.raises(DecisionError, match="no CRM record 'crm:99'"):
        decide(records, [decision_of("crm:1", "crm:99", "same", "ann")])
    assert pairs(records) == set()


@pytest.mark.parametrize(
    ("one", "other", "word", "by", "message"),
    [
        ("crm:1", "crm:1", "same", "ann", "twice"),
        ("crm1", "crm:2", "same", "ann", "no record"),
        (":1", "crm:2", "same", "ann", "no record"),
        ("crm:", "crm:2", "same", "ann", "no record"),
        ("crm:1\0", "crm:2", "same", "ann", "no record"),
        ("crm:1", "crm:2", "maybe", "ann", "write same or different"),
        ("crm:1", "crm:2", "same", " ", "who decided"),
        ("crm:1", "crm:2", "same", "a\0", "NUL"),
        ("crm:1", "crm:2", "same", "a" * 3000, "longer than"),
    ],
)
def test_what_is_no_decision_is_refused(one: str, other: str, word: str, by: str, message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        decision_of(one, other, word, by)


def test_hostile_words_are_values_and_nothing_else(records: Warehouse) -> None:
    hostile = "x'); drop table ops.identity_decisions; --"
    decide(records, [decision_of("crm:o'b:9", "crm:1", "same", hostile, hostile)])
    assert kept_decisions(records)[0]["note"] == hostile
    with pytest.raises(DecisionError, match="no CRM record"):
        decide(records, [decision_of(f"crm:{hostile}", "crm:1", "same", "ann")])
    assert pairs(records) == {("crm:1", "crm:o'b:9", MUST_LINK)}


# ---------------------------------------------------------------- files


def test_a_file_of_decisions(records: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(
        "\ufeff" + HEADER + 'crm:2,crm:1,same,ann,"a note, with\na line break"\ncrm:3,crm:1,cannot_link,,\n', "utf-8"
    )
    found = read_decisions(path, "bob")
    assert [(d.pair, d.decision, d.decided_by) for d in found] == [
        (("crm:1", "crm:2"), MUST_LINK, "ann"),
        (("crm:1", "crm:3"), CANNOT_LINK, "bob"),
    ]
    assert decide(records, found) == 2


def test_every_fault_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(
        HEADER + "crm:1,crm:2,same,ann,\ncrm:1,crm:2,different,ann,\ncrm:1,,same,ann,\ncrm:3,crm:4,perhaps,ann,\n"
        "crm:3,crm:4,same,ann,a,b\n"
    )
    with pytest.raises(DecisionError) as refusal:
        read_decisions(path)
    told = str(refusal.value).splitlines()
    assert [line.split("decisions.csv ")[1].split(":")[0] for line in told] == ["line 3", "line 4", "line 5", "line 6"]
    assert "line 2 says the opposite" in told[0]
    assert "more fields" in told[3]


def test_contradictions_of_a_file_name_their_lines(records: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(HEADER + "crm:1,crm:2,same,ann,\ncrm:2,crm:3,same,ann,\ncrm:3,crm:1,different,ann,\n")
    with pytest.raises(DecisionError, match=r"csv line 2\).*csv line 3\).*csv line 4\)"):
        decide(records, read_decisions(path))


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "no column left_record"),
        (b"left_record,right_record\ncrm:1,crm:2\n", "no column decision"),
        ("left_record,right_record,decision,décidé\n".encode("latin-1"), "not UTF-8"),
        (HEADER.encode() + b"crm:1,crm\x00:2,same,ann,\n", "line 2"),
    ],
)
def test_a_file_that_is_no_file_of_decisions(tmp_path: Path, contents: bytes, message: str) -> None:
    path = tmp_path / "decisions.csv"
    path.write_bytes(contents)
    with pytest.raises(DecisionError, match=message):
        read_decisions(path)


# ---------------------------------------------------------------- what waits


def test_pairs_wait_until_they_are_decided_and_show_masked_values(records: Warehouse) -> None:
    for left, right, probability in (("crm:1", "crm:2", 0.45), ("crm:3", "crm:4", 0.62)):
        records.execute(
            "insert into scores.identity_review (left_record, right_record, probability, reason, left_customer_id,"
            " right_customer_id, as_of, run_id) values (%(l)s, %(r)s, %(p)s, 'near the threshold', 'ca', 'cb', now(), 'r')",
            {"l": left, "r": right, "p": probability},
        )
    for record, mail in (("crm:1", "zoe.durand@example.org"), ("crm:2", "z.durand@example.org")):
        records.execute(
            "insert into pii.identity_features (record_key, row_key, features_version, family_name, email, city)"
            " values (%(r)s, gen_random_uuid(), 1, 'durand', %(m)s, null)",
            {"r": record, "m": mail},
        )
    waiting = waiting_pairs(records, 10)
    assert [row["left_record"] for row in waiting] == ["crm:1", "crm:3"], "the least certain first"
    assert waiting[0]["fields"] == {
        "family_name": ("du***d",),
        "email": ("zo***d@example.org", "z.***d@example.org"),
    }
    assert waiting_pairs(records, 1) == waiting[:1]
    decide(records, [decision_of("crm:2", "crm:1", "same", "ann")])
    assert [row["left_record"] for row in waiting_pairs(records, 10)] == ["crm:3"]


@given(st.text(alphabet=st.characters(exclude_characters="@*"), max_size=60))
def test_a_masked_value_shows_three_characters_at_most(value: str) -> None:
    assert len(masked(value).replace("*", "")) <= (3 if len(value) > 4 else 0)
    if value:
        assert masked(f"{value}@example.org") == f"{masked(value)}@example.org"


def test_the_command_from_words_to_list(
    records: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Settings, "from_environment", classmethod(lambda cls: settings))
    parser = argparse.ArgumentParser()
    decisions_command.add_actions(parser.add_subparsers())

    def run(*words: str) -> int:
        arguments = parser.parse_args(words)
        return int(arguments.run(arguments))

    assert run("decide", "crm:1", "crm:2", "same", "--by", "ann", "--note", "phoned her") == 0
    assert run("decisions") == 0
    assert "crm:1  same  crm:2  by ann  phoned her" in capsys.readouterr().out
    assert run("undecide", "crm:1", "crm:2") == 0
    assert run("undecide", "crm:1", "crm:2") == 1
    assert run("review") == 0
    assert "0 pairs" in capsys.readouterr().out
    with pytest.raises(DecisionError, match="RECORD_B"):
        run("decide", "crm:1", "crm:2")


def test_rebuild_makes_the_next_run_read_everything(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "from_environment", classmethod(lambda cls: settings))
    parser = argparse.ArgumentParser()
    decisions_command.add_actions(parser.add_subparsers())

    def run(*words: str) -> int:
        arguments = parser.parse_args(words)
        return int(arguments.run(arguments))

    warehouse.execute(
        "insert into scores.identity_models (model_version, features_version, model, report, hot_blocks, records, as_of,"
        " run_id) values ('v', 1, '{}', '{}', '[]', 1, '2025-01-01', 'r')"
    )
    warehouse.execute("insert into scores.identity_progress values ('links', '7', '2025-01-01', 'r')")
    assert run("rebuild") == 0
    assert warehouse.value("select count(*) from scores.identity_progress") == 0
    assert warehouse.value("select count(*) from scores.identity_models") == 1
    assert run("rebuild", "--retrain") == 0
    assert warehouse.value("select count(*) from scores.identity_models") == 0
    warehouse.execute(
        "insert into ops.pipeline_runs (run_id, as_of, started_by, status) values ('r', '2025-01-01', 'ann', 'running')"
    )
    with pytest.raises(RunInProgress):
        run("rebuild")
