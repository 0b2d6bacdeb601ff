"""Estimators keep parameters apart from results, name their mistakes, and agree with the functions."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pandas as pd
import pytest

import millibar.attribution as public
from millibar.attribution import models as module
from millibar.attribution.chains.order import choose_order
from millibar.attribution.models import (
    MODELS,
    MarkovAttribution,
    MarkovShapley,
    RuleAttribution,
    ShapleyAttribution,
    as_paths,
    fit_models,
    interval_z,
)
from millibar.attribution.paths import encode_paths
from millibar.attribution.result import CREDIT_COLUMNS
from unit.attribution.simulated import journeys, journeys_of_order, paths_of

ESTIMATORS = [
    MarkovAttribution(),
    MarkovShapley(),
    ShapleyAttribution(),
    ShapleyAttribution(ordered=True),
    RuleAttribution(),
]
NAMES = ["markov", "markov_shapley", "shapley", "shapley_ordered", "linear"]


def test_the_example_of_the_docs() -> None:
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(("model", "name"), list(zip(ESTIMATORS, NAMES, strict=True)), ids=NAMES)
def test_estimators_are_the_functions(model: Any, name: str) -> None:
    table = journeys(2_000, 3)
    before = model.get_params()
    assert model.fit(table) is model
    assert model.get_params() == before
    found = fit_models(table, [name])[0]
    pd.testing.assert_frame_equal(model.credits_, found.frame(interval_z(0.95)))
    assert list(model.credits_.columns) == CREDIT_COLUMNS
    assert model.channels_ == ("ads", "call", "mail")
    columns = ["channel", "conversions_low", "conversions_high", "revenue_low", "revenue_high"]
    pd.testing.assert_frame_equal(model.intervals_, model.credits_[columns])
    if name.startswith("markov"):
        np.testing.assert_array_equal(model.removal_effects_["conversions"], found.removal_effects)
        assert model.order_ == 1


def test_all_models_in_the_order_asked_for() -> None:
    asked = list(reversed(MODELS))
    assert [found.model for found in fit_models(journeys(500, 1), asked)] == asked
    assert {"markov", "markov_shapley", "shapley", "shapley_ordered", "first", "last", "last_non_direct", "linear",
    "position",
            "j_shaped", "inverse_j", "participation"} == set(MODELS)  # fmt: skip


def test_confidence_widens_the_interval() -> None:
    table = journeys(2_000, 3)
    narrow, wide = (MarkovShapley(confidence=level).fit(table).intervals_ for level in (0.8, 0.99))
    assert (narrow["conversions_low"] > wide["conversions_low"]).all()
    assert (narrow["conversions_high"] < wide["conversions_high"]).all()
    assert interval_z(0.95) == pytest.approx(1.959964, abs=1e-6)


def test_the_order_is_chosen_on_held_out_journeys() -> None:
    table = journeys_of_order(2, 4_000, 1)
    chosen = choose_order(encode_paths(table))
    assert chosen == 2
    assert MarkovAttribution(order="auto").fit(table).order_ == chosen
    assert [found.order for found in fit_models(table, ["markov", "linear", "markov_shapley"], "auto")] == [2, None, 2]


def test_a_chosen_order_does_not_fail_for_its_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millibar.attribution.coalitions.joining.MOST_FACTORISED", 5)
    monkeypatch.setattr("millibar.attribution.coalitions.joining.MOST_CELLS", 20)
    table = journeys_of_order(2, 4_000, 1)
    assert MarkovShapley(order="auto").fit(table).order_ == 1
    assert [found.order for found in fit_models(table, ["markov", "markov_shapley"], "auto")] == [2, 1]


def test_convention_is_that_of_markov_only() -> None:
    table = journeys(2_000, 3)
    exact, theirs = (
        fit_models(table, ["markov", "markov_shapley"], 1, name) for name in ("exact", "channelattribution")
    )
    assert (exact[0].conversions != theirs[0].conversions).any()
    assert (exact[1].conversions == theirs[1].conversions).all()


def test_parameters_by_name() -> None:
    model = RuleAttribution("position", first_share=0.3)
    assert model.get_params() == {
        "rule": "position", "first_share": 0.3, "last_share": None, "direct": "direct", "confidence": 0.95
    }  # fmt: skip
    assert model.set_params(first_share=0.5, last_share=0.5) is model
    credit = model.fit(paths_of(("a > b > c", 1, 0, 1.0))).credits_.set_index("channel")["conversions"]
    assert credit.to_dict() == {"a": 0.5, "b": 0.0, "c": 0.5}
    assert repr(ShapleyAttribution(ordered=True)) == "ShapleyAttribution(ordered=True, confidence=0.95)"
    with pytest.raises(ValueError, match="MarkovShapley has no parameter 'depth'; it has order, confidence, seed"):
        MarkovShapley().set_params(depth=3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rows: fit_models(rows, ["linear", "middle"]), "model 'middle' is not known; choose among first, last"),
        (lambda rows: fit_models(rows, ["time_decay"]), "'time_decay' is not known .it needs the times of touches"),
        (lambda rows: fit_models(rows, ["markov"], order=0), "order 0: 1 or more, or 'auto'"),
        (lambda rows: fit_models(rows, ["markov"], order="best"), "order 'best': 1 or more, or 'auto'"),
        (
            lambda rows: fit_models(rows, ["markov"], convention="r"),
            "convention 'r': choose one of exact, channelattribution",
        ),
        (lambda rows: fit_models(rows, ["linear"], confidence=95), "confidence 95: between 0 and 1"),
        (lambda rows: MarkovShapley(order=True).fit(rows), "order True"),
        (lambda rows: MarkovAttribution(order=1.5).fit(rows), "order 1.5"),
        (lambda rows: MarkovAttribution(convention="x").fit(rows), "convention 'x'"),
        (lambda rows: RuleAttribution("middle").fit(rows), "rule 'middle' is not known"),
        (lambda rows: MarkovShapley().fit(rows.drop(columns="conversions")), "paths have no column 'conversions'"),
        (lambda rows: MarkovShapley().fit(rows.assign(conversions=-1)), "has conversions -1"),
    ],
)
def test_mistakes_are_told(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(journeys(50, 1))


def test_columns_that_may_be_missing() -> None:
    paths = as_paths(pd.DataFrame({"path": ["a > b", "b"], "conversions": [2, 1]}))
    assert paths.losses.tolist() == paths.value.tolist() == [0.0, 0.0]
    assert as_paths(paths) is paths


def test_values_without_their_squares_are_taken_as_equal() -> None:
    """Without value_squared each conversion of a path has the path's mean value: at least as much spread as that."""
    table = paths_of(("a", 40, 10, 400.0), ("b", 60, 20, 1_200.0))
    for one, other in zip(
        fit_models(table, ["linear", "markov_shapley"]),
        fit_models(table.drop(columns="value_squared"), ["linear", "markov_shapley"]),
        strict=True,
    ):
        np.testing.assert_allclose(one.revenue_error, other.revenue_error)


def test_no_paths_no_rows() -> None:
    empty = paths_of()
    for found in fit_models(empty, MODELS, "auto"):
        assert found.frame().empty
    assert MarkovShapley(order="auto").fit(empty).credits_.empty


def test_no_conversions_give_no_credit_and_no_doubt() -> None:
    for found in fit_models(paths_of(("a > b", 0, 9, 0.0)), MODELS, "auto"):
        frame = found.frame()
        assert frame.loc[:, "conversions":"revenue_high"].to_numpy().tolist() == [[0.0] * 6] * 2, found.model


def test_one_channel_has_everything() -> None:
    for found in fit_models(paths_of(("a", 5, 10, 50.0), ("a > a", 1, 3, 20.0)), MODELS, "auto"):
        frame = found.frame()
        assert frame[["conversions", "conversions_low", "conversions_high"]].to_numpy() == pytest.approx(6.0)
        assert frame[["revenue", "revenue_low", "revenue_high"]].to_numpy() == pytest.approx(70.0)


def test_what_is_public_is_there() -> None:
    assert all(hasattr(public, name) for name in public.__all__)
