"""The bootstrap resamples journeys: totals, spreads known in closed form, weights, and one replicate at a time."""

from __future__ import annotations

import numpy as np
import pytest

from millibar.attribution.bootstrap import poisson_bootstrap, resampled
from millibar.attribution.paths import Paths, encode_paths
from unit.attribution.simulated import journeys, paths_of


def test_replicates_keep_the_totals_on_average() -> None:
    paths = encode_paths(journeys(5_000, 9))
    drawn = list(resampled(paths, 400))
    conversions = np.array([one.conversions.sum() for one in drawn])
    value = np.array([one.value.sum() for one in drawn])
    assert conversions.mean() == pytest.approx(paths.conversions.sum(), rel=0.02)
    assert conversions.std() == pytest.approx(np.sqrt(paths.conversions.sum()), rel=0.1)
    assert value.mean() == pytest.approx(paths.value.sum(), rel=0.02)
    # a compound Poisson sum has the sum of squares as its variance
    assert value.std() == pytest.approx(np.sqrt(paths.value_squared.sum()), rel=0.1)


def test_the_spread_of_a_share_is_the_binomial_one() -> None:
    paths = encode_paths(paths_of(("a", 300, 0, 1.0), ("b", 700, 0, 1.0)))
    found = poisson_bootstrap(paths, lambda sample: sample.conversions / sample.conversions.sum(), replicates=3_000)
    assert found == pytest.approx([np.sqrt(0.3 * 0.7 / 1_000)] * 2, rel=0.05)


def test_weights_need_not_be_whole() -> None:
    paths = encode_paths(paths_of(("a", 0.5, 0.25, 1.0)))
    found = poisson_bootstrap(paths, lambda sample: np.r_[sample.conversions, sample.losses], replicates=4_000)
    assert found == pytest.approx([np.sqrt(0.5), 0.5], rel=0.05)


def test_what_cannot_be_told_is_left_out() -> None:
    paths = encode_paths(paths_of(("a", 1, 5, 1.0), ("b", 1, 5, 1.0)))

    def share(sample: Paths) -> np.ndarray:
        total = sample.conversions.sum()
        return sample.conversions / total if total else np.full(2, np.nan)

    assert np.isfinite(poisson_bootstrap(paths, share)).all()
    assert np.isnan(poisson_bootstrap(paths, lambda _: np.array([np.nan]), replicates=3)).all()


def test_a_seed_is_a_result() -> None:
    paths = encode_paths(journeys(500, 2))
    first, again, other = (poisson_bootstrap(paths, lambda one: one.value, 20, seed) for seed in (4, 4, 5))
    assert (first == again).all()
    assert (first != other).any()


def test_one_replicate_has_no_spread() -> None:
    with pytest.raises(ValueError, match="replicates 1: a spread needs at least 2"):
        poisson_bootstrap(encode_paths(journeys(10, 1)), lambda one: one.value, replicates=1)
