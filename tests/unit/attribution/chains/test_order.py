"""Held-out likelihood finds the order that made the journeys, and is a likelihood."""

from __future__ import annotations

import numpy as np
import pytest

from millibar.attribution.chains.order import _dealt_out, choose_order, order_scores
from millibar.attribution.paths import encode_paths
from unit.attribution.simulated import journeys_of_order, paths_of


@pytest.mark.parametrize("order", [1, 2, 3])
def test_the_order_that_made_the_journeys_is_found(order: int) -> None:
    assert choose_order(encode_paths(journeys_of_order(order, 6_000, seed=order))) == order


def test_in_sample_the_highest_order_would_win() -> None:
    """That is why it is judged on journeys held out: the unsmoothed likelihood rises with every order."""
    scores = order_scores(encode_paths(journeys_of_order(1, 6_000, seed=1)), highest=3)
    deviance = scores["bic"] - scores["parameters"] * np.log(6_000)
    assert deviance.is_monotonic_decreasing
    assert scores["bic"].idxmin() == 0
    assert scores["parameters"].is_monotonic_increasing


def test_folds_share_out_every_journey_once() -> None:
    paths = encode_paths(paths_of(("a > b", 7, 3, 1.0), ("b", 0, 11, 0.0), ("a", 2, 0, 1.0)))
    weights = _dealt_out(paths, 5)
    np.testing.assert_allclose(weights.sum(axis=0), [10, 10, 11, 2, 7, 0, 2, 3, 11, 0])
    assert np.allclose(weights, weights.round())
    conversions = weights[:, 4:7].sum(axis=1)
    assert conversions.max() - conversions.min() <= 1


def test_fractional_weights_are_dealt_out_whole() -> None:
    paths = encode_paths(paths_of(("a > b", 0.3, 2.25, 1.0), ("b", 1.5, 0.1, 0.0)))
    np.testing.assert_allclose(_dealt_out(paths, 3)[:, 3:].sum(axis=0), [0.3, 1.5, 2.25, 0.1])


def test_a_journey_of_a_known_chance() -> None:
    """One channel, half converts: of many journeys each step costs the entropy of its coin."""
    scores = order_scores(encode_paths(paths_of(("a", 50_000, 50_000, 1.0))), highest=1)
    assert scores["held_out_log_likelihood"].iloc[0] == pytest.approx(-100_000 * np.log(2), rel=1e-3)


def test_without_paths_the_first_order() -> None:
    none = encode_paths(paths_of())
    assert order_scores(none).empty
    assert choose_order(none) == 1
    with pytest.raises(ValueError, match="folds"):
        order_scores(none, folds=1)
