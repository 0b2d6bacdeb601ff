"""The household class: found where there are households, gone where there are none, and never a reason to merge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from millibar.identity.matching import default_model, household
from millibar.identity.matching.comparisons import comparisons_of
from millibar.identity.matching.household import fit, household_bits, weighed
from millibar.identity.matching.plan import MatchPlan

NAMES = ["other names", "same family name, other first name", "same first and family name"]
PLACES = ["other place", "same address or landline"]
# Share of each level, weakest first: strangers, one person, two of a household.
STRANGERS = {"name": [0.98, 0.015, 0.005], "address": [0.995, 0.005]}
PERSONS = {"name": [0.05, 0.02, 0.93], "address": [0.3, 0.7]}
HOUSEHOLDS = {"name": [0.1, 0.87, 0.03], "address": [0.05, 0.95]}


def settings(prior: float) -> dict[str, Any]:
    entries = []
    for name, words in (("name", NAMES), ("address", PLACES)):
        levels: list[dict[str, Any]] = [{"label_for_charts": "no evidence", "is_null_level": True}]
        levels += [
            {
                "label_for_charts": words[place],
                "m_probability": PERSONS[name][place],
                "u_probability": STRANGERS[name][place],
            }
            for place in reversed(range(len(words)))
        ]
        entries.append({"output_column_name": name, "comparison_levels": levels})
    return {"probability_two_random_records_match": prior, "comparisons": entries}


def drawn(persons: int, households: int, strangers: int, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    parts = [
        np.column_stack([random.choice(len(shares[name]), size, p=shares[name]) for name in ("name", "address")])
        for size, shares in ((persons, PERSONS), (households, HOUSEHOLDS), (strangers, STRANGERS))
    ]
    return np.concatenate(parts).astype(np.int8)


def bits_of(levels: np.ndarray) -> np.ndarray:
    total = np.zeros(len(levels))
    for place, name in enumerate(("name", "address")):
        total += np.log2(np.array(PERSONS[name]) / np.array(STRANGERS[name]))[levels[:, place]]
    return total


def test_the_shares_of_persons_and_households_are_found() -> None:
    levels = drawn(20_000, 10_000, 70_000)
    found = fit(levels, bits_of(levels), settings(0.1), all_pairs=len(levels))
    assert found.person == pytest.approx(0.2, rel=0.1)
    assert found.household == pytest.approx(0.1, rel=0.15)
    assert found.h["name"][1] == pytest.approx(0.87, abs=0.06)
    assert found.h["address"][1] > 0.85


def test_without_households_the_class_vanishes_and_m_stays() -> None:
    levels = drawn(20_000, 0, 80_000)
    found = fit(levels, bits_of(levels), settings(0.05), all_pairs=len(levels))
    assert found.h == {}
    assert found.household == 0.0
    assert found.person == pytest.approx(0.2, rel=0.1)
    assert found.m["name"].tolist() == PERSONS["name"]


def test_a_sample_of_the_candidates_gives_the_share_of_all() -> None:
    levels = drawn(20_000, 10_000, 70_000)
    half = levels[np.random.default_rng(2).random(len(levels)) < 0.5]
    found = fit(half, bits_of(half), settings(0.1), all_pairs=len(levels), sampled=0.5)
    assert found.person == pytest.approx(0.2, rel=0.1)


def test_a_household_pair_weighs_less_and_a_person_hardly() -> None:
    told = settings(0.1) | {
        "household": {"odds": 0.5, "levels": {name: shares[::-1] for name, shares in HOUSEHOLDS.items()}}
    }
    levels = np.array([[1, 1], [2, 1], [2, 0]], dtype=np.int8)
    before = bits_of(levels) - 3.0
    after = weighed(before, levels, told)
    assert (after <= before).all()
    assert after[0] < -4  # same family name and address, other first name: relatives
    assert after[1] > 5  # same names too: all that is left is a father and a son of one name
    assert before[2] - after[2] < 0.1
    assert household_bits(levels, settings(0.1)).tolist() == [-np.inf] * 3


def test_a_comparison_the_class_was_not_fitted_with_says_nothing() -> None:
    told = settings(0.1) | {"household": {"odds": 0.5, "levels": {"name": HOUSEHOLDS["name"][::-1]}}}
    levels = np.array([[1, 1], [1, 0], [1, -1]], dtype=np.int8)
    assert len(set(household_bits(levels, told).round(9))) == 1


def test_no_pairs_are_no_error() -> None:
    nothing = np.empty((0, 2), dtype=np.int8)
    assert fit(nothing, np.empty(0), settings(0.1), all_pairs=1).h == {}
    assert len(weighed(np.empty(0), nothing, settings(0.1))) == 0


def test_every_word_of_the_start_values_is_a_level() -> None:
    known = {c.name: {level.words for level in c.levels} for c in comparisons_of(MatchPlan.of_feed())}
    for name, words in household.STARTS.items():
        assert set(words) <= known[name]
    assert set(household.SAME_FIRST_NAME) <= known["name"]
    assert set(household.UNSEEN) <= known["name"]


def test_the_shipped_model_knows_households() -> None:
    told = default_model().settings["household"]
    assert 0.05 < told["odds"] < 2
    assert max(told["levels"]["name"]) == told["levels"]["name"][-2]  # same family name, other first name
