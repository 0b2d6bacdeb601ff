"""The engine as a whole: one model for one content, scores that depend on two records alone, words that add up."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from millibar.identity.matching import (
    BLOCK_COLUMNS,
    MatchModel,
    MatchPlan,
    default_model,
    explain_pair,
    prepare,
    score,
    train,
)
from millibar.identity.matching.explanation import probability_of
from millibar.identity.matching.model_files import load_model, save_model
from millibar.identity.rules import IdentityRules

RULES = IdentityRules()


@pytest.fixture(scope="module")
def pairs(features: pd.DataFrame, model: MatchModel) -> pd.DataFrame:
    return score(features, model)


def _by_record(
    pairs: pd.DataFrame, features: pd.DataFrame
) -> dict[frozenset[str], tuple[float, float, tuple[int, ...]]]:
    ids = features["record_id"].to_numpy()
    return {
        frozenset((ids[row.left], ids[row.right])): (row.probability, row.weight, tuple(row.levels))
        for row in pairs.itertuples()
    }


def test_sure_pairs_are_right_and_most_true_pairs_are_found(
    records: pd.DataFrame, features: pd.DataFrame, pairs: pd.DataFrame
) -> None:
    person = records["person"].to_numpy()
    same = person[pairs["left"]] == person[pairs["right"]]
    sure = pairs["probability"] >= 0.95
    sizes = records["person"].value_counts()
    true = int((sizes * (sizes - 1) // 2).sum())
    assert same[sure].mean() > 0.995
    assert (same & sure).sum() > 0.9 * true


def test_pairs_are_ordered_distinct_and_above_the_least_probability(pairs: pd.DataFrame, model: MatchModel) -> None:
    assert (pairs["left"] < pairs["right"]).all()
    assert not pairs.duplicated(["left", "right"]).any()
    assert pairs["probability"].min() >= 0.01
    assert {len(levels) for levels in pairs["levels"]} == {model.comparisons()["comparison"].nunique()}


def test_neither_model_nor_scores_depend_on_the_order_of_rows(
    features: pd.DataFrame, model: MatchModel, pairs: pd.DataFrame
) -> None:
    shuffled = features.sample(frac=1, random_state=9).reset_index(drop=True)
    assert train(shuffled, MatchPlan.of_feed()).version == model.version
    assert _by_record(score(shuffled, model), shuffled) == _by_record(pairs, features)


def test_scores_of_new_records_against_all_equal_those_of_a_full_run(
    features: pd.DataFrame, model: MatchModel, pairs: pd.DataFrame
) -> None:
    """Incremental: only the new records and those that share a block with one are loaded."""
    is_new = np.random.default_rng(5).random(len(features)) < 0.02
    near = is_new.copy()
    for column in BLOCK_COLUMNS:
        near |= features[column].isin(features.loc[is_new, column].dropna()).to_numpy(dtype=bool)
    loaded = features[near].reset_index(drop=True)
    found = _by_record(score(loaded, model, is_new[near]), loaded)
    touched = pairs[is_new[pairs["left"]] | is_new[pairs["right"]]]
    assert len(touched) > 20
    assert found == _by_record(touched, features)


def test_weights_in_words_add_up_to_the_score(features: pd.DataFrame, model: MatchModel, pairs: pd.DataFrame) -> None:
    for row in pairs.sample(4, random_state=2).itertuples():
        evidence = explain_pair(features.loc[row.left], features.loc[row.right], model)
        assert evidence["weight"].sum() == pytest.approx(row.weight, abs=0.01)
        assert probability_of(evidence) == pytest.approx(row.probability, abs=0.01)
        backwards = explain_pair(features.loc[row.right], features.loc[row.left], model)
        assert backwards["weight"].tolist() == evidence["weight"].tolist()


def test_a_model_survives_json_and_its_file(
    features: pd.DataFrame, model: MatchModel, pairs: pd.DataFrame, tmp_path
) -> None:  # type: ignore[no-untyped-def]
    save_model(model, tmp_path / "model.json")
    assert (tmp_path / "model.json").stat().st_mode & 0o077 == 0
    read = load_model(tmp_path / "model.json")
    assert (read.version, read.plan, read.settings) == (model.version, model.plan, model.settings)
    assert _by_record(score(features, read), features) == _by_record(pairs, features)
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ValueError, match="no model file"):
        load_model(tmp_path / "model.json")


def test_the_model_without_its_tables_holds_no_personal_value(records: pd.DataFrame, model: MatchModel) -> None:
    told = model.to_json()
    for name in ("email", "phone", "last_name", "street"):
        assert not any(value in told for value in records[name].dropna().unique())


def test_a_model_of_other_features_is_refused(model: MatchModel) -> None:
    told = model.to_json().replace('"features_version": ', '"features_version": 9')
    with pytest.raises(ValueError, match="train it again"):
        MatchModel.from_json(told, model.frequencies, model.hot_blocks)


def test_levels_of_a_comparison_are_sane(model: MatchModel) -> None:
    """Expectation maximisation must not turn the model around: equal speaks for, other against."""
    for name, levels in model.comparisons().groupby("comparison"):
        weights = levels.set_index("level")["weight"]
        assert weights[weights.index.max()] > 1, name
        assert weights[0] < 0, name
        assert weights[-1] == 0, name
    assert model.report["trained_on"] > 2_000
    assert sum(session["used"] for session in model.report["sessions"]) >= 2


def test_common_names_weigh_less() -> None:
    model = default_model()
    rows = [
        {"record_id": str(n), "first_name": first, "last_name": last, "city": "Lyon"}
        for n, (first, last) in enumerate([("Marie", "Martin")] * 2 + [("Ulrich", "Vanderbecken")] * 2)
    ]
    features = prepare(pd.DataFrame(rows), MatchPlan.of_feed(), RULES).features
    pairs = score(features, model).set_index(["left", "right"])["weight"]
    assert pairs[(2, 3)] > pairs.get((0, 1), -math.inf)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_compare(features: pd.DataFrame, model: MatchModel, count: int) -> None:
    assert score(features.iloc[:count], model).empty


def test_the_shipped_model_serves_any_plan() -> None:
    plan = MatchPlan((("given_name", "g"), ("family_name", "f"), ("birth_date", "d")))
    model = default_model().for_plan(plan)
    assert model.comparisons()["comparison"].unique().tolist() == ["name", "birth_date"]
    records = pd.DataFrame(
        {"record_id": ["1", "2", "3"], "g": ["Ann", "Anne", "Bo"], "f": ["Lee"] * 3, "d": ["1950-03-04"] * 3}
    )
    pairs = score(prepare(records, plan, RULES).features, model).set_index(["left", "right"])["probability"]
    assert pairs[(0, 1)] > 0.5
    assert pairs.get((0, 2), 0.0) < 0.5
