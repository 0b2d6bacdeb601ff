"""identify(): the cases every market has, and what must not matter: order of rows, hostile values, missing evidence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.identity.clustering import ClusterRules
from millibar.identity.identify import Identified, identify, quarantine
from millibar.identity.matching import MatchPlan, prepare
from millibar.identity.quality import measure
from millibar.identity.record_files import named_records, read_records
from millibar.identity.rules import IdentityRules
from unit.identity.matching.people import market

FEED = MatchPlan.of_feed()
RULES = IdentityRules()


def _identify(rows: list[dict[str, object]], **options: object) -> Identified:
    records = pd.DataFrame(rows, dtype=object)
    if "record_id" not in records:
        records.insert(0, "record_id", [str(number) for number in range(len(records))])
    return identify(records, FEED, RULES, ClusterRules(), **options)  # type: ignore[arg-type]


def _groups(found: Identified) -> list[set[str]]:
    groups = found.mapping.groupby("customer_id")["record_id"].apply(set)
    return sorted(groups, key=lambda group: sorted(group))


MARIE = {"first_name": "Marie", "last_name": "Delorme", "birth_date": "1972-04-17", "email": "marie.delorme@orange.fr",
         "phone": "0612345670", "street": "12 rue Victor Hugo", "postal_code": "75011", "city": "Paris"}  # fmt: skip


def _without(person: dict[str, object], *names: str, **changes: object) -> dict[str, object]:
    return {key: value for key, value in person.items() if key not in names} | changes


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_without(MARIE, "email", first_name="DELORME", last_name="MARIE"), id="swapped_names"),
        pytest.param(_without(MARIE, "phone", last_name="Vasseur"), id="maiden_name"),
        pytest.param(_without(MARIE, birth_date="1900-01-01"), id="placeholder_date"),
        pytest.param(_without(MARIE, birth_date="1972-01-01"), id="year_alone"),
        pytest.param(_without(MARIE, email="m.delorme@gmail.com"), id="changed_email"),
        pytest.param(_without(MARIE, "email", first_name="M."), id="initial"),
        pytest.param(_without(MARIE, phone="+33 6 12 34 56 70", email="MARIE.DELORME@ORANGE.FR"), id="spellings"),
        pytest.param({"email": "Marie.Delorme@orange.fr "}, id="mail_alone"),
    ],
)
def test_one_person(other: dict[str, object]) -> None:
    assert _groups(_identify([MARIE, other])) == [{"0", "1"}]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_without(MARIE, "phone", first_name="Paul", birth_date="1970-09-02"), id="family_email"),
        pytest.param(_without(MARIE, "phone", "email", first_name="Paul"), id="twin"),
        pytest.param(_without(MARIE, "phone", "email", birth_date="1941-11-23"), id="father_and_son_of_one_name"),
        pytest.param({"first_name": "Paul", "last_name": "Rousseau", "birth_date": "1988-02-03", "phone": "0612345670"},
                     id="recycled_phone"),
        pytest.param({"first_name": "Marie", "last_name": "Delorme", "birth_date": "1991-06-30", "postal_code": "13001",
                      "city": "Marseille"}, id="namesake"),
        pytest.param(_without(MARIE, "phone", "email", "birth_date", "first_name", last_name="Delorme"), id="who_of_the_household"),
    ],
)  # fmt: skip
def test_two_persons(other: dict[str, object]) -> None:
    assert _groups(_identify([MARIE, other])) == [{"0"}, {"1"}]


def test_a_call_center_phone_is_quarantined_and_counted() -> None:
    rows = [
        {
            "first_name": f"P{chr(97 + n)}el",
            "last_name": f"N{chr(97 + n)}mo",
            "phone": "0612345670",
            "birth_date": f"19{60 + n}-05-1{n % 9}",
        }
        for n in range(20)
    ]
    found = _identify(rows)
    assert found.metrics["customers"] == 20
    assert found.metrics["quarantined"] == {"phone": 1}


def test_a_shared_number_is_no_hub_while_few_use_it() -> None:
    records = pd.DataFrame(
        [{"record_id": str(n), "first_name": f"A{n}", "last_name": "B", "phone": "0612345670"} for n in range(12)]
    )
    features, held = quarantine(prepare(records, FEED, RULES).features)
    assert held == {}
    assert features["phone"].notna().all()


def test_a_record_without_evidence_is_its_own_customer_and_counted() -> None:
    found = _identify([{"first_name": None, "phone": "12"}, {"first_name": None, "phone": "12"}, MARIE])
    assert found.metrics["customers"] == 3
    assert found.metrics["records_without_evidence"] == 2
    assert found.metrics["faults"] == {"phone too_short": 2}


@pytest.mark.parametrize("rows", [[], [MARIE]])
def test_none_and_one(rows: list[dict[str, object]]) -> None:
    frame = pd.DataFrame(rows or None, columns=["record_id", *MARIE], dtype=object)
    found = identify(frame.assign(record_id=[str(n) for n in range(len(rows))]), FEED, RULES, ClusterRules())
    assert len(found.mapping) == found.metrics["customers"] == len(rows)


def test_mails_alone() -> None:
    found = _identify([{"email": "a@x.fr"}, {"email": "A@X.fr"}, {"email": "b@x.fr"}, {"email": "a@x.fr"}])
    assert _groups(found) == [{"0", "1", "3"}, {"2"}]


def test_ids_and_groups_do_not_depend_on_the_order_of_rows() -> None:
    records = market(60, seed=8).drop(columns="person")
    one = identify(records, FEED, RULES, ClusterRules()).mapping.set_index("record_id").sort_index()
    shuffled = records.sample(frac=1, random_state=4)
    other = identify(shuffled, FEED, RULES, ClusterRules()).mapping
    assert other["record_id"].tolist() == shuffled["record_id"].tolist()
    pd.testing.assert_frame_equal(one, other.set_index("record_id").sort_index())


def test_ids_go_on_from_an_earlier_mapping() -> None:
    rows = [MARIE | {"record_id": "b"}, _without(MARIE, "email") | {"record_id": "c"}]
    first = _identify(rows)
    again = _identify([MARIE | {"record_id": "a"}, *rows], previous=first.mapping)
    assert set(again.mapping["customer_id"]) == set(first.mapping["customer_id"])
    alone = _identify([MARIE | {"record_id": "a"}, *rows])
    assert set(alone.mapping["customer_id"]) != set(first.mapping["customer_id"])


def test_after_a_split_the_larger_part_keeps_the_id() -> None:
    rows = [MARIE, _without(MARIE, "email"), _without(MARIE, "phone")]
    previous = pd.DataFrame({"record_id": ["0", "1", "2", "3"], "customer_id": "old"})
    paul = {"first_name": "Paul", "last_name": "Rousseau", "birth_date": "1988-02-03"}
    ids = _identify([*rows, paul], previous=previous).mapping.set_index("record_id")["customer_id"]
    assert ids["0"] == ids["1"] == ids["2"] == "old"
    assert ids["3"] != "old"


@pytest.mark.parametrize(("decision", "customers"), [("must_link", 1), ("cannot_link", 2)])
def test_decisions_are_above_everything(decision: str, customers: int) -> None:
    other = MARIE if decision == "cannot_link" else {"first_name": "Paul", "last_name": "Rousseau"}
    decisions = pd.DataFrame({"left": [0], "right": [1], "decision": [decision]})
    assert _identify([MARIE, other], decisions=decisions).metrics["customers"] == customers


HOSTILE = ["\x00", "a" * 10_000, "'; drop table records; --", "=cmd|' /C calc'!A0", "\u202eevil", "😀" * 50, "\ud7ff", "%s%n", "{0}", "NaN",
           "null", "\\", '"', "\n", "-1e308"]  # fmt: skip


def test_hostile_values_never_raise() -> None:
    rows = [
        dict.fromkeys(
            ("first_name", "last_name", "email", "phone", "birth_date", "street", "postal_code", "city"), value
        )
        for value in HOSTILE
    ]
    rows += [MARIE, _without(MARIE, "email")]
    found = _identify(rows)
    assert len(found.mapping) == len(rows)
    assert found.mapping["customer_id"].iloc[-1] == found.mapping["customer_id"].iloc[-2]
    assert found.mapping["customer_id"].notna().all()


def test_a_market_is_found_again() -> None:
    """A floor: it fails when names, blocks, training or scores get worse."""
    records = market()
    found = identify(records.drop(columns="person"), FEED, RULES, ClusterRules())
    quality = measure(records["person"], found.mapping["customer_id"])
    assert quality["pairwise_f1"] > 0.95
    assert quality["pairwise_precision"] > 0.985
    assert found.model.report["trained_on"] == len(records)
    assert found.metrics["compression"] == pytest.approx(len(records) / found.metrics["customers"], abs=1e-4)
    assert np.isclose(found.metrics["completeness"]["email"], records["email"].notna().mean(), atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("files", "least"), [(("dataset3.csv",), 0.998), (("dataset4a.csv", "dataset4b.csv"), 0.9995)])
def test_febrl_without_configuration(reference_data: Path, files: tuple[str, ...], least: float) -> None:
    frame = read_records([reference_data / "identity" / file for file in files])
    plan = MatchPlan.detect(frame[[column for column in frame if not str(column).startswith("_")]])
    records = named_records(frame, plan.column("record_id"))
    found = identify(records, plan, RULES, ClusterRules())
    truth = records["record_id"].str.extract(r"rec-(\d+)-")[0]
    assert measure(truth, found.mapping["customer_id"])["pairwise_f1"] >= least
