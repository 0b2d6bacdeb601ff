"""Keyed random numbers: what they depend on, and that they are what they claim."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from millibar.simulation.draws import Draws

KEYS = np.arange(20_000, dtype=np.uint64)


@given(st.integers(0, 2**31), st.integers(0, 400), st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_draw_depends_on_its_key_and_place_alone(seed: int, day: int, keys: list[int]) -> None:
    together = Draws(seed).uniform("visit", np.array(keys), day)
    alone = [Draws(seed).uniform("visit", np.array([key]), day)[0] for key in keys]
    assert together.tolist() == alone


@pytest.mark.parametrize(
    ("numbers", "law", "arguments"),
    [
        (Draws(3).uniform("a", KEYS, 5), "uniform", ()),
        (Draws(3).normal("b", KEYS, 5), "norm", ()),
        (Draws(3).exponential("c", KEYS), "expon", ()),
    ],
)
def test_draws_follow_their_law(numbers: np.ndarray, law: str, arguments: tuple[float, ...]) -> None:
    assert kstest(numbers, law, arguments).pvalue > 0.001


@pytest.mark.parametrize(
    "other",
    [Draws(3).uniform("b", KEYS, 5), Draws(3).uniform("a", KEYS, 6), Draws(4).uniform("a", KEYS, 5)],
    ids=["other stream", "other day", "other seed"],
)
def test_streams_places_and_seeds_are_unrelated(other: np.ndarray) -> None:
    assert abs(np.corrcoef(Draws(3).uniform("a", KEYS, 5), other)[0, 1]) < 0.03


def test_choice_follows_the_weights() -> None:
    picked = Draws(1).choice("way", KEYS, np.array([0.5, 0.0, 0.3, 0.2]), 2)
    shares = np.bincount(picked, minlength=4) / len(KEYS)
    assert shares == pytest.approx([0.5, 0.0, 0.3, 0.2], abs=0.015)
