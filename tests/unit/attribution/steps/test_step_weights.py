"""Weights of steps: credits of touchpoints add up to the aggregate model's wherever the paths allow it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.paths import Paths, encode_paths
from millibar.attribution.steps.step_weights import equal_weights, fit_step_weights, step_credits

NAMES = ("a", "b", "c", "d")


def paths_of(rows: list[tuple[str, float]]) -> Paths:
    table = pd.DataFrame(rows, columns=["path", "conversions"])
    return encode_paths(table.assign(non_conversions=1, value=0.0, value_squared=0.0))


journeys = st.lists(
    st.tuples(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6).map(" > ".join), st.integers(0, 50)),
    min_size=1,
    max_size=25,
)


@given(journeys, st.lists(st.floats(0.05, 20), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_every_conversion_is_shared_out_whole(rows: list[tuple[str, float]], weights: list[float]) -> None:
    paths = paths_of(rows)
    credits = step_credits(paths, np.asarray(weights[: len(paths.channels)]))
    assert credits.sum() == pytest.approx(paths.conversions.sum())
    assert (credits >= 0).all()


@given(journeys, st.lists(st.floats(0.2, 5), min_size=4, max_size=4))
@settings(max_examples=40, deadline=None)
def test_credits_that_weights_can_give_are_found(rows: list[tuple[str, float]], planted: list[float]) -> None:
    paths = paths_of(rows)
    target = step_credits(paths, np.asarray(planted[: len(paths.channels)]))
    found = fit_step_weights(paths, target, floor=1e-6)
    if paths.conversions.sum() == 0:
        assert found.rounds == 0
        return
    assert found.distance < 2e-4
    moved = 0.5 * np.abs(step_credits(paths, found.weights) - target).sum() / paths.conversions.sum()
    assert moved == pytest.approx(found.distance)


def test_weights_have_mean_one_and_keep_the_floor() -> None:
    paths = paths_of([("a > b", 60), ("b > c", 40), ("a > c", 30), ("a", 5)])
    found = fit_step_weights(paths, np.array([135.0, 0.0, 0.0]), floor=0.05)
    assert found.weights.mean() == pytest.approx(1.0)
    assert found.weights.min() >= 0.05 / 1.1
    assert found.weights[0] > 2


def test_what_paths_cannot_give_is_told() -> None:
    # four in ten conversions are of `a` alone: no weight can take them from it
    paths = paths_of([("a", 40), ("a > b", 60)])
    found = fit_step_weights(paths, np.array([10.0, 90.0]), floor=1e-4)
    assert found.distance == pytest.approx(0.3, abs=0.01)


def test_order_of_steps_does_not_matter() -> None:
    first = fit_step_weights(paths_of([("a > b > b", 10), ("b > c", 20)]), np.array([5.0, 15.0, 10.0]))
    other = fit_step_weights(paths_of([("b > a > b", 10), ("c > b", 20)]), np.array([5.0, 15.0, 10.0]))
    assert first.weights == pytest.approx(other.weights)


def test_nothing_to_fit_gives_equal_weights() -> None:
    paths = paths_of([("a > b", 0)])
    assert fit_step_weights(paths, np.zeros(2)).weights.tolist() == [1.0, 1.0]
    assert equal_weights(("a",)).weights.tolist() == [1.0]


def test_credits_of_other_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="2 credits for 3 channels"):
        fit_step_weights(paths_of([("a > b > c", 3)]), np.ones(2))
