"""Standard errors: derivatives against finite differences, and intervals that cover what they say they cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.attribution.chains.chain import moves_of, walk
from millibar.attribution.chains.markov import markov_credits
from millibar.attribution.paths import Paths, encode_paths
from unit.attribution.simulated import journeys, paths_of


def shares(paths: Paths, order: int) -> np.ndarray:
    found = markov_credits(paths, order, errors=False)
    return np.stack([found.conversions / found.conversions.sum(), found.revenue / found.revenue.sum()])


@pytest.mark.parametrize("order", [1, 2, 3])
def test_errors_are_the_derivatives_by_every_journey(order: int) -> None:
    """A little more of each kind of journey moves the shares by the gradient along its path."""
    table = journeys(400, 2)
    table["value_squared"] = table["value"] ** 2 / table["conversions"].where(table["conversions"] > 0, 1)
    paths = encode_paths(table)
    whole, step = shares(paths, order), 1e-5
    variance = np.zeros_like(whole)
    for place in range(len(paths)):
        unit = np.zeros(len(paths))
        unit[place] = step
        each = paths.value[place] / max(paths.conversions[place], 1)
        lost = paths.with_weights(paths.conversions, paths.losses + unit, paths.value, paths.value_squared)
        won = paths.with_weights(paths.conversions + unit, paths.losses, paths.value + unit * each, paths.value_squared)
        variance += paths.losses[place] * ((shares(lost, order) - whole) / step) ** 2
        variance += paths.conversions[place] * ((shares(won, order) - whole) / step) ** 2
    found = markov_credits(paths, order)
    np.testing.assert_allclose(found.conversions_error / paths.conversions.sum(), np.sqrt(variance[0]), rtol=1e-3)
    np.testing.assert_allclose(found.revenue_error / paths.value.sum(), np.sqrt(variance[1]), rtol=1e-3)


def test_values_that_vary_widen_revenue_alone() -> None:
    table = journeys(2_000, 7)
    varied = table.assign(value_squared=table["value_squared"] * 4)
    same, wide = markov_credits(encode_paths(table)), markov_credits(encode_paths(varied))
    assert wide.conversions_error == pytest.approx(same.conversions_error)
    assert (wide.revenue_error > same.revenue_error).all()


def test_chunks_and_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = encode_paths(journeys(1_000, 4))
    whole = [markov_credits(paths, order).frame() for order in (1, 2)]
    monkeypatch.setattr("millibar.attribution.chains.uncertainty.CHUNK_CELLS", 40)
    monkeypatch.setattr("millibar.attribution.chains.solution.CACHED_CELLS", 1)
    monkeypatch.setattr("millibar.attribution.chains.chain.CHUNK_STEPS", 7)
    monkeypatch.setattr("millibar.attribution.chains.chain.TABLE_SIZE", 1)
    for frame, order in zip(whole, (1, 2), strict=True):
        split = markov_credits(paths, order).frame()
        pd.testing.assert_frame_equal(split, frame, rtol=1e-9)


def test_every_journey_is_in_the_walks() -> None:
    paths = encode_paths(paths_of(("a > b > c", 1, 0, 1.0), ("b", 2, 1, 1.0), ("c > c", 0, 4, 0.0)))
    walks = walk(paths, 2)
    named = [[walks.channels[place] if place >= 0 else "" for place in walks.windows[state]] for state in walks.states]
    assert named == [["a", "b"], ["b", "c"], ["", "b"], ["c", "c"]]
    sources, targets, taken = moves_of(walks)
    assert len(sources) == 1
    assert walks.windows[sources[0]].tolist() == [0, 1]
    assert walks.windows[targets[0]].tolist() == [1, 2]
    assert taken.tolist() == [0, *(1 + walks.last)]


def test_one_channel_earned_all_without_doubt() -> None:
    found = markov_credits(encode_paths(paths_of(("a", 5, 10, 50.0)))).frame()
    assert found[["conversions", "conversions_low", "conversions_high"]].to_numpy().tolist() == [[5.0] * 3]


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2])
def test_coverage_of_the_95_percent_intervals(order: int) -> None:
    """800 samples of 2,000 journeys: 93 to 97 % of the intervals hold the share of two million journeys."""
    truth = shares(encode_paths(journeys(2_000_000, 1)), order)
    held: list[list[np.ndarray]] = [[], []]
    for seed in range(2, 802):
        found = markov_credits(encode_paths(journeys(2_000, seed)), order)
        for reward in range(2):
            low, high = found.interval(revenue=reward == 1)
            total = (found.revenue if reward else found.conversions).sum()
            held[reward].append((low <= truth[reward] * total) & (truth[reward] * total <= high))
    for inside in held:
        assert 0.93 <= np.mean(inside) <= 0.97
