"""Intervals cover what they say they cover, and the weights of a month do what the docstring says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.attribution import AttributionParameters, channel_results, encode_paths, touchpoint_weights
from millibar.attribution.channels import _replicates, _share_errors

CHANNELS = np.array(["ads", "call", "mail"])
START = np.array([0.5, 0.2, 0.3])
MOVES = np.array([[0.1, 0.2, 0.3], [0.1, 0.1, 0.1], [0.2, 0.05, 0.2]])
CONVERT = np.array([0.05, 0.30, 0.15])


def journeys(count: int, seed: int) -> pd.DataFrame:
    """Journeys of a true first-order chain, aggregated; every conversion is worth 20 on average."""
    random = np.random.default_rng(seed)
    state = random.choice(3, count, p=START)
    texts = CHANNELS[state].astype(object)
    alive, converted = np.ones(count, bool), np.zeros(count, bool)
    while alive.any():
        table = np.c_[MOVES, CONVERT, 1 - MOVES.sum(axis=1) - CONVERT].cumsum(axis=1)
        places = np.flatnonzero(alive)
        draw = (random.random(len(places))[:, None] > table[state[places]]).sum(axis=1)
        converted[places[draw == 3]] = True
        alive[places[draw >= 3]] = False
        moved = places[draw < 3]
        state[moved] = draw[draw < 3]
        texts[moved] = texts[moved] + " > " + CHANNELS[state[moved]].astype(object)
    value = np.where(converted, random.gamma(2.0, 10.0, count), 0.0)
    rows = pd.DataFrame({
        "path": texts, "conversions": converted, "non_conversions": ~converted, "value": value,
        "value_squared": value**2,
    })  # fmt: skip
    return rows.groupby("path").sum().astype(float).reset_index()


@pytest.mark.slow
def test_coverage_of_the_95_percent_intervals() -> None:
    """300 simulated samples of 2,000 journeys: intervals of the shares hold the truth in 92 to 98 % of them."""
    truth = channel_results(encode_paths(journeys(2_000_000, 1)), AttributionParameters(replicates=2))
    shares = {
        (row.model, row.channel): (row.conversions, row.revenue) for row in truth.itertuples()
    }  # fmt: skip
    totals = truth.groupby("model")[["conversions", "revenue"]].sum().iloc[0]
    held: dict[str, list[bool]] = {"conversions": [], "revenue": []}
    for seed in range(2, 302):
        found = channel_results(encode_paths(journeys(2_000, seed)), AttributionParameters(replicates=100))
        of_model = found.groupby("model")[["conversions", "revenue"]].transform("sum")
        for place, name in enumerate(("conversions", "revenue")):
            share = np.array([shares[key][place] for key in zip(found["model"], found["channel"], strict=True)])
            true = share / totals[name] * of_model[name]
            held[name] += list((found[f"{name}_low"] <= true) & (true <= found[f"{name}_high"]))
    for name, inside in held.items():
        assert 0.92 <= np.mean(inside) <= 0.98, (name, np.mean(inside))


def test_bootstrap_errors_match_a_resampling_of_single_journeys() -> None:
    """The value of a path is redrawn from its mean and variance; drawing the journeys themselves gives the same error."""
    rows = journeys(3_000, 5)
    parameters = AttributionParameters(replicates=400)
    paths = encode_paths(rows)
    errors = _share_errors(paths, parameters)
    random = np.random.default_rng(3)
    draws = []
    for _ in range(200):
        again = rows.assign(
            conversions=random.poisson(rows["conversions"]), non_conversions=random.poisson(rows["non_conversions"])
        )
        found = channel_results(
            encode_paths(again.assign(value=0.0, value_squared=0.0)), AttributionParameters(replicates=2)
        )
        draws.append(found["conversions"].to_numpy() / again["conversions"].sum())
    resampled = np.std(draws, axis=0)
    ratio = errors[:, 0].ravel() / resampled
    assert ((ratio > 0.85) & (ratio < 1.15)).all()


def test_replicates_keep_the_totals_on_average() -> None:
    paths = encode_paths(journeys(5_000, 9))
    drawn = list(_replicates(paths, AttributionParameters(replicates=300)))
    conversions = np.concatenate([draw[0] for draw in drawn], axis=1).sum(axis=0)
    value = np.concatenate([draw[2] for draw in drawn], axis=1).sum(axis=0)
    assert conversions.mean() == pytest.approx(paths.conversions.sum(), rel=0.02)
    assert value.mean() == pytest.approx(paths.value.sum(), rel=0.02)
    # each of the n gamma(2, 10) values has a mean square of 600
    assert value.std() == pytest.approx(np.sqrt(600 * paths.conversions.sum()), rel=0.15)


def test_one_channel_earned_all_without_doubt() -> None:
    rows = pd.DataFrame({
        "path": ["a"], "conversions": [5], "non_conversions": [10], "value": [50.0], "value_squared": [500.0]
    })  # fmt: skip
    found = channel_results(encode_paths(rows), AttributionParameters())
    for name in ("conversions", "conversions_low", "conversions_high"):
        assert found[name].tolist() == [5.0, 5.0]


def test_weights_follow_removal_effects_and_have_mean_one() -> None:
    paths = encode_paths(journeys(20_000, 4))
    parameters = AttributionParameters()
    weights = touchpoint_weights(paths, parameters).set_index("channel")["weight"]
    effects = channel_results(paths, parameters).query("model == 'markov'").set_index("channel")["removal_effect"]
    assert weights.mean() == pytest.approx(1.0)
    np.testing.assert_allclose(weights / weights.iloc[0], effects / effects.iloc[0])


def test_with_little_history_every_channel_weighs_one() -> None:
    rows = journeys(20_000, 4)
    few = rows.assign(conversions=rows["conversions"] * 199 / rows["conversions"].sum())
    assert touchpoint_weights(encode_paths(few), AttributionParameters())["weight"].tolist() == [1.0] * 3
    assert touchpoint_weights(encode_paths(rows.iloc[:0]), AttributionParameters()).empty


def test_a_channel_without_effect_keeps_a_small_weight() -> None:
    rows = pd.DataFrame({
        "path": ["a", "b"], "conversions": [500, 0], "non_conversions": [500, 500], "value": [0, 0],
        "value_squared": [0, 0],
    })  # fmt: skip
    weights = touchpoint_weights(encode_paths(rows), AttributionParameters()).set_index("channel")["weight"]
    assert 0 < weights["b"] < 0.02 < weights["a"]
