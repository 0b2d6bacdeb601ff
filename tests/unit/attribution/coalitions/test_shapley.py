"""The closed forms are Shapley values: the sum over all coalitions and all orders, the axioms, and positions."""

from __future__ import annotations

from itertools import permutations
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.bootstrap import poisson_bootstrap
from millibar.attribution.coalitions.shapley import ordered_shapley, shapley_credits, shapley_of_game, shapley_values
from millibar.attribution.paths import Paths, encode_paths
from unit.attribution.simulated import journeys, path_rows, paths_of

CHANNELS = ["a", "b", "c", "d"]
games = st.lists(
    st.tuples(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=5), st.integers(0, 50)), min_size=1, max_size=10
)


def encoded(rows: list[tuple[list[str], float]]) -> Paths:
    return encode_paths(paths_of(*[(" > ".join(steps), float(reward), 0, 0.0) for steps, reward in rows]))


def values_of(rows: list[tuple[list[str], float]]) -> pd.Series:
    paths = encoded(rows)
    return pd.Series(shapley_values(paths, paths.conversions), index=list(paths.channels))


@settings(max_examples=60, deadline=None)
@given(games)
def test_closed_form_equals_the_sum_over_all_coalitions(rows: list[tuple[list[str], float]]) -> None:
    found = values_of(rows)
    worth = np.zeros(1 << len(found))
    for coalition in range(len(worth)):
        members = {name for place, name in enumerate(found.index) if coalition >> place & 1}
        worth[coalition] = sum(reward for steps, reward in rows if set(steps) <= members)
    np.testing.assert_allclose(found, shapley_of_game(worth), rtol=1e-10, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=16, max_size=16))
def test_the_value_of_a_game_is_the_average_over_all_orders(worth: list[float]) -> None:
    expected = np.zeros(4)
    for order in permutations(range(4)):
        joined = 0
        for player in order:
            expected[player] += (worth[joined | 1 << player] - worth[joined]) / factorial(4)
            joined |= 1 << player
    np.testing.assert_allclose(shapley_of_game(np.array(worth)), expected, atol=1e-10)


def test_a_game_has_a_value_for_every_coalition() -> None:
    assert shapley_of_game(np.array([0.0, 3.0])).tolist() == [3.0]
    assert shapley_of_game(np.array([1.0])).tolist() == []
    with pytest.raises(ValueError, match="3 coalition values: a game of n players has 2"):
        shapley_of_game(np.zeros(3))


def test_a_repeated_channel_counts_once() -> None:
    assert values_of([(["a", "a", "a", "b"], 6)]).to_dict() == {"a": 3, "b": 3}


def test_replicates_come_first_out() -> None:
    paths = encoded([(["a", "b"], 6), (["b"], 1)])
    found = shapley_values(paths, np.array([[6.0, 2.0, 0.0], [1.0, 0.0, 5.0]]))
    assert found.tolist() == [[3.0, 4.0], [1.0, 1.0], [0.0, 5.0]]


def test_a_path_with_one_channel_gives_it_all(reference_data: Path) -> None:
    """Where journeys have one channel every rule agrees with the published first and last touch."""
    rows = pd.read_csv(reference_data / "attribution" / "sample_paths.csv", sep=";")
    lone = rows[[len(set(path.split(" > "))) == 1 for path in rows["path"]]]
    table = lone.rename(columns={"conv": "conversions", "null": "non_conversions"}).assign(value_squared=0.0)
    paths = encode_paths(table)
    by_first = table.assign(first=table["path"].str.split(" > ").str[0]).groupby("first")["conversions"].sum()
    np.testing.assert_allclose(shapley_values(paths, paths.conversions), by_first.reindex(paths.channels))


def test_positions_by_hand() -> None:
    """Path b a b c: b takes position 1, a 2, c 4; of each the third part of 9."""
    paths = encoded([(["b", "a", "b", "c"], 9), (["a"], 2), (["c", "c"], 0)])
    first = ordered_shapley(paths, paths.conversions)
    assert sorted(first.itertuples(index=False, name=None)) == [
        ("a", 1, 2.0),
        ("a", 2, 3.0),
        ("b", 1, 3.0),
        ("c", 4, 3.0),
    ]
    each = ordered_shapley(paths, paths.conversions, repeats="each").set_index(["channel", "position"])["credit"]
    assert each[("b", 1)] == each[("b", 3)] == 1.5
    with pytest.raises(ValueError, match="repeats 'last'"):
        ordered_shapley(paths, paths.conversions, repeats="last")  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(path_rows)
def test_positions_sum_to_the_value_of_the_channel(rows: list[tuple]) -> None:
    paths = encode_paths(paths_of(*rows))
    values = pd.Series(shapley_values(paths, paths.conversions), index=list(paths.channels))
    for repeats in ("first", "each"):
        by_channel = ordered_shapley(paths, paths.conversions, repeats).groupby("channel")["credit"].sum()
        np.testing.assert_allclose(by_channel.reindex(values.index).fillna(0.0), values, atol=1e-9)


def test_positions_of_no_paths() -> None:
    paths = encode_paths(paths_of())
    assert ordered_shapley(paths, paths.conversions).empty


def test_the_paths_are_left_as_they_are() -> None:
    paths = encoded([(["c", "a", "c", "b"], 1)])
    before = paths.steps.copy()
    shapley_credits(paths)
    assert paths.steps.tolist() == before.tolist()


def test_errors_are_those_of_the_bootstrap() -> None:
    paths = encode_paths(journeys(4_000, 3))

    def shares(sample: Paths) -> np.ndarray:
        found = shapley_credits(sample)
        return np.stack([found.conversions / found.conversions.sum(), found.revenue / found.revenue.sum()])

    found = shapley_credits(paths)
    errors = np.stack([found.conversions_error / paths.conversions.sum(), found.revenue_error / paths.value.sum()])
    ratio = errors / poisson_bootstrap(paths, shares, replicates=2_000)
    assert ((ratio > 0.9) & (ratio < 1.1)).all()
