"""Features: normal forms by field, faults counted, blocks that depend on the record alone."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.identity.matching import BLOCK_COLUMNS, FEATURE_COLUMNS, MatchPlan, prepare, withdraw
from millibar.identity.matching.plan import Extra, ExtraKind
from millibar.identity.rules import IdentityRules

RULES = IdentityRules()
FEED = MatchPlan.of_feed()


def _prepare(*rows: dict[str, object]) -> pd.DataFrame:
    return prepare(pd.DataFrame([{"record_id": str(n), **row} for n, row in enumerate(rows)]), FEED, RULES).features


def _shared(features: pd.DataFrame) -> set[str]:
    """Block columns in which the two records agree."""
    return {column for column in BLOCK_COLUMNS if features[column].notna().all() and features[column].nunique() == 1}


def test_normal_forms_of_a_record() -> None:
    row = _prepare(
        {
            "first_name": "Jean-Pierre", "last_name": "de La Fontaine", "birth_date": "12/03/1961", "email": "JP@Orange.fr ",
            "phone": "06 12 34 56 79", "street": "12 bis, bd. Hugo", "postal_code": "01000", "city": "BOURG CEDEX",
            "loyalty_id": "ab 1", "source": "shop",
        }
    ).iloc[0]  # fmt: skip
    expected = {
        "given_name": "jean pierre", "family_name": "lafontaine", "name_key": "jean lafontaine pierre",
        "birth_date": "1961-03-12", "email": "jp@orange.fr", "phone": "+33612345679", "street": "boulevard hugo",
        "house_number": "12bis", "postal_code": "1000", "city": "bourg", "loyalty_id": "AB1", "source": "shop",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected
    assert {name for name in FEATURE_COLUMNS if pd.isna(row[name])} == set(FEATURE_COLUMNS) - set(expected)


def test_faults_are_counted_by_reason_and_the_value_is_no_evidence() -> None:
    records = pd.DataFrame(
        {
            "record_id": list("abcd"),
            "phone": ["12", "0612345679", None, "06 poste 3"],
            "email": ["na@na.fr", "x@", "a@b.fr", ""],
            "birth_date": ["1900-01-01", "1985-02-31", None, "1985-02-03"],
        }
    )
    prepared = prepare(records, FEED, RULES)
    assert prepared.faults == {
        "birth_date impossible": 1, "birth_date placeholder": 1, "email malformed": 1, "email placeholder": 1,
        "phone malformed": 1, "phone too_short": 1,
    }  # fmt: skip
    assert prepared.features["phone"].notna().tolist() == [False, True, False, False]
    assert prepared.features["email"].notna().tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"email": "A@x.fr"}, {"email": "a@X.fr"}),
        ({"first_name": "Alex", "last_name": "Durand", "birth_date": "1980-05-05"},
         {"first_name": "Durant", "last_name": "Alexandre", "birth_date": "1980-07-05"}),
        ({"first_name": "Marie", "last_name": "Petit", "birth_date": "1980-05-05"},
         {"first_name": "Marie", "last_name": "Legrand", "birth_date": "1980-05-05"}),
        ({"street": "12 rue Victor Hugo", "postal_code": "75011"}, {"street": "12, r. Victor Hugo", "postal_code": "75011"}),
        ({"first_name": "Zoé", "last_name": "Roux", "city": "Lyon"}, {"first_name": "ROUX", "last_name": "ZOE", "city": "LYON"}),
        ({"email": "marie.petit@orange.fr"}, {"email": "marie.petit@gmail.com", "first_name": "x"}),
    ],
)  # fmt: skip
def test_records_of_one_person_meet_in_a_block(one: dict[str, object], other: dict[str, object]) -> None:
    assert _shared(_prepare(one, other))


def test_strangers_meet_in_no_block() -> None:
    features = _prepare(
        {"first_name": "Marie", "last_name": "Petit", "birth_date": "1980-05-05", "postal_code": "75011"},
        {"first_name": "Paul", "last_name": "Roux", "birth_date": "1971-02-07", "postal_code": "69001"},
    )
    assert _shared(features) == set()


def test_a_record_without_anything_has_no_block() -> None:
    features = _prepare({"first_name": None, "email": "  "}, {"first_name": "Marie"})
    assert features[list(BLOCK_COLUMNS)].isna().all(axis=None)


def test_features_depend_on_their_own_record_alone(records: pd.DataFrame, features: pd.DataFrame) -> None:
    some = records.sample(50, random_state=1)
    alone = prepare(some, FEED, RULES).features
    pd.testing.assert_frame_equal(alone, features.loc[some.index].reset_index(drop=True), check_dtype=False)


def test_withdrawn_evidence_takes_its_blocks_along() -> None:
    features = _prepare(
        {"email": "hub@x.fr", "first_name": "Marie", "last_name": "Petit", "city": "Lyon"}, {"email": "b@x.fr"}
    )
    without = withdraw(features, "email", (features["email"] == "hub@x.fr").to_numpy())
    assert pd.isna(without["email"].iloc[0])
    assert pd.isna(without["block_0"].iloc[0])
    assert without["block_11"].iloc[0] == features["block_11"].iloc[0]
    assert without.iloc[1].equals(features.iloc[1])
    assert features["email"].iloc[0] == "hub@x.fr"


def test_extra_columns_are_features() -> None:
    plan = MatchPlan(
        (("given_name", "g"),),
        (Extra("extra_ssn", "ssn", ExtraKind.IDENTIFIER), Extra("extra_job", "job", ExtraKind.TEXT)),
    )
    records = pd.DataFrame(
        {"record_id": ["1", "2"], "g": ["Al", None], "ssn": ["12-34", "0000"], "job": ["Maçon ", "n/c"]}
    )
    features = prepare(records, plan, RULES).features
    assert features["extra_ssn"].tolist()[0] == "1234"
    assert features["extra_job"].tolist()[0] == "macon"
    assert features[["extra_ssn", "extra_job"]].iloc[1].isna().all()


@given(st.lists(st.text(max_size=60), min_size=8, max_size=8))
def test_hostile_texts_never_raise(values: list[str]) -> None:
    names = ("first_name", "last_name", "birth_date", "email", "phone", "street", "postal_code", "city")
    features = _prepare(dict(zip(names, values, strict=True)))
    assert len(features) == 1


def test_no_records_give_no_features() -> None:
    features = prepare(pd.DataFrame({"record_id": []}), FEED, RULES).features
    assert len(features) == 0
    assert set(FEATURE_COLUMNS) | set(BLOCK_COLUMNS) <= set(features.columns)
