"""Two periods compared: exact decomposition, error rates, false discoveries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.comparison import compare, false_discovery_rates
from millibar.attribution.paths import Floats
from millibar.attribution.result import Credits


def credits_of(channels: tuple[str, ...], conversions: Floats, errors: Floats | None, model: str = "markov") -> Credits:
    return Credits(model, channels, conversions, conversions * 10, errors, errors)


amounts = st.lists(st.floats(0, 1e5), min_size=3, max_size=3).map(np.asarray)


@given(amounts, amounts)
@settings(max_examples=80, deadline=None)
def test_volume_and_share_explain_the_whole_difference(before: Floats, now: Floats) -> None:
    table = compare(
        credits_of(("a", "b", "c"), before, np.ones(3)), credits_of(("b", "c", "d"), now, np.ones(3))
    ).set_index("channel")
    moved = table["conversions_now"] - table["conversions_before"]
    assert (table["volume_effect"] + table["share_effect"]).to_numpy() == pytest.approx(moved.to_numpy(), abs=1e-6)
    assert list(table.index) == ["a", "b", "c", "d"]
    if before.sum() > 0:
        assert table["share_before"].sum() == pytest.approx(1.0)


def test_noise_alone_is_called_real_seldom() -> None:
    """Two samples of one truth: about one p in twenty below 0.05, and few discoveries after the correction."""
    random = np.random.default_rng(4)
    channels, shares, size = ("a", "b", "c", "d", "e", "f"), np.array([0.3, 0.25, 0.2, 0.1, 0.1, 0.05]), 2000
    chances, discoveries = [], 0
    for _ in range(500):
        parts = []
        for _ in range(2):
            counts = random.multinomial(size, shares).astype(float)
            parts.append(credits_of(channels, counts, np.sqrt(size * shares * (1 - shares))))
        table = compare(*parts)
        chances += table["p_value"].tolist()
        discoveries += int(table["is_real"].any())
    assert 0.035 < np.mean(np.asarray(chances) < 0.05) < 0.065
    assert discoveries / 500 < 0.08


def test_a_change_beyond_noise_is_real() -> None:
    errors = np.full(2, 10.0)
    table = compare(
        credits_of(("a", "b"), np.array([500.0, 500.0]), errors),
        credits_of(("a", "b"), np.array([700.0, 300.0]), errors),
    ).set_index("channel")
    assert table["is_real"].all()
    assert table.loc["a", "change"] == pytest.approx(0.2)
    assert table.loc["a", "change_low"] == pytest.approx(0.2 - 1.959964 * np.sqrt(2) * 0.01)


def test_credits_without_errors_are_compared_and_not_judged() -> None:
    table = compare(credits_of(("a",), np.array([5.0]), None), credits_of(("a",), np.array([50.0]), None))
    assert table["p_value"].isna().all()
    assert not table["is_real"].any()
    assert table["volume_effect"].tolist() == [45.0]


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    # their 1995 paper, section 3.1: 15 p-values, 4 of which are discoveries at 0.05
    p_values = np.array([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240,
                         0.4262, 0.5719, 0.6528, 0.7590, 1.0000])  # fmt: skip
    shuffled = np.random.default_rng(1).permutation(15)
    found = false_discovery_rates(np.r_[np.nan, p_values[shuffled]])
    assert np.isnan(found[0])
    assert (found[1:] < 0.05).sum() == 4
    assert found[1:][np.argsort(shuffled)][:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])


def test_two_models_are_not_compared() -> None:
    one, other = (credits_of(("a",), np.ones(1), None, model) for model in ("markov", "shapley"))
    with pytest.raises(ValueError, match="of markov and of shapley"):
        compare(one, other)
