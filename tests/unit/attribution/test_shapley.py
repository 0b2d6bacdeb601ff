"""The closed form is the Shapley value of its game: the sum over all orders, and the axioms."""

from __future__ import annotations

from itertools import permutations
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution import encode_paths
from millibar.attribution.shapley import shapley_values

CHANNELS = ["a", "b", "c", "d"]
games = st.lists(
    st.tuples(st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=5), st.integers(0, 50)), min_size=1, max_size=10
)


def values_of(rows: list[tuple[list[str], float]]) -> pd.Series:
    table = pd.DataFrame({"path": [" > ".join(steps) for steps, _ in rows]})
    figures = table.assign(conversions=[float(y) for _, y in rows], non_conversions=0, value=0, value_squared=0)
    paths = encode_paths(figures)
    return pd.Series(shapley_values(paths, paths.conversions), index=list(paths.channels))


@settings(max_examples=40, deadline=None)
@given(games)
def test_closed_form_equals_the_average_over_all_orders(rows: list[tuple[list[str], float]]) -> None:
    present = sorted({step for steps, _ in rows for step in steps})

    def worth(coalition: set[str]) -> float:
        return sum(y for steps, y in rows if set(steps) <= coalition)

    expected = dict.fromkeys(present, 0.0)
    for order in permutations(present):
        joined: set[str] = set()
        for channel in order:
            expected[channel] += (worth(joined | {channel}) - worth(joined)) / factorial(len(present))
            joined.add(channel)
    found = values_of(rows)
    assert found.to_dict() == pytest.approx(expected, abs=1e-10)


@settings(max_examples=40, deadline=None)
@given(games, games)
def test_efficiency_and_additivity(first: list, second: list) -> None:
    one, two, both = values_of(first), values_of(second), values_of(first + second)
    assert both.sum() == pytest.approx(sum(y for _, y in first + second))
    pd.testing.assert_series_equal(one.add(two, fill_value=0), both.reindex(one.add(two, fill_value=0).index))


def test_symmetry_and_dummy() -> None:
    found = values_of([(["a", "b"], 10), (["b", "a", "a"], 6), (["c"], 0)])
    assert found["a"] == found["b"] == 8
    assert found["c"] == 0


def test_a_repeated_channel_counts_once() -> None:
    assert values_of([(["a", "a", "a", "b"], 6)]).to_dict() == {"a": 3, "b": 3}


def test_a_path_with_one_channel_gives_it_all(reference_data: Path) -> None:
    """Where journeys have one channel every rule agrees with the published first and last touch."""
    rows = pd.read_csv(reference_data / "attribution" / "sample_paths.csv", sep=";")
    lone = rows[[len(set(path.split(" > "))) == 1 for path in rows["path"]]]
    table = lone.rename(columns={"conv": "conversions", "null": "non_conversions"}).assign(value_squared=0.0)
    paths = encode_paths(table)
    by_first = table.assign(first=table["path"].str.split(" > ").str[0]).groupby("first")["conversions"].sum()
    np.testing.assert_allclose(shapley_values(paths, paths.conversions), by_first.reindex(paths.channels))
