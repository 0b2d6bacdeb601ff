"""What holds for every model: totals, symmetry, dummies, additivity, scaling, weights, and intervals that cover."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.chains.chain import count_chain
from millibar.attribution.coalitions.elimination import coalition_values
from millibar.attribution.coalitions.game import coalition_chain
from millibar.attribution.coalitions.markov_shapley import markov_shapley_credits
from millibar.attribution.coalitions.shapley import shapley_credits, shapley_of_game
from millibar.attribution.models import MODELS, fit_models
from millibar.attribution.paths import Paths, encode_paths
from millibar.attribution.result import Credits
from unit.attribution.simulated import CONVERT, MOVES, START, journeys, path_rows, paths_of

SUMMING = [model for model in MODELS if model != "participation"]
SHAPLEYS = ["shapley", "shapley_ordered", "markov_shapley"]
values = st.lists(st.floats(-10, 10), min_size=32, max_size=32).map(np.array)


def fit(rows: list[tuple], models: list[str], order: int = 1) -> dict[str, Credits]:
    return {found.model: found for found in fit_models(encode_paths(paths_of(*rows)), models, order)}


@settings(max_examples=50, deadline=None)
@given(path_rows, st.sampled_from([1, 2]))
def test_efficiency(rows: list[tuple], order: int) -> None:
    conversions, value = sum(row[1] for row in rows), sum(row[3] for row in rows)
    for model, found in fit(rows, SUMMING, order).items():
        assert found.conversions.sum() == pytest.approx(conversions), model
        assert (found.conversions >= -1e-9).all(), model
        if conversions:
            assert found.revenue.sum() == pytest.approx(value), model
        frame = found.frame().drop(columns=["order", "removal_effect"])
        assert not frame.isna().any(axis=None), model


@settings(max_examples=40, deadline=None)
@given(path_rows)
def test_symmetry(rows: list[tuple]) -> None:
    """Every path once more with two channels' names exchanged: what they do is the same, so are their credits."""
    exchanged = {"ads": "call", "call": "ads"}
    mirrored = [(" > ".join(exchanged.get(step, step) for step in row[0].split(" > ")), *row[1:]) for row in rows]
    for model, found in fit(rows + mirrored, list(MODELS)).items():
        place = {name: number for number, name in enumerate(found.channels)}
        if "ads" in place:
            one, other = place["ads"], place["call"]
            assert found.conversions[one] == pytest.approx(found.conversions[other], rel=1e-9, abs=1e-9), model
            assert found.conversions_error is not None
            assert found.conversions_error[one] == pytest.approx(found.conversions_error[other], rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(path_rows)
def test_a_dummy_has_nothing_and_changes_nothing(rows: list[tuple]) -> None:
    """Journeys over a channel nobody converts through leave the game of those who convert as it was."""
    lost = [*rows, ("dummy", 0, 7, 0.0), ("dummy > dummy", 0, 3, 0.0)]
    without, with_it = fit(rows, SHAPLEYS), fit(lost, SHAPLEYS)
    for model, found in with_it.items():
        place = found.channels.index("dummy")
        assert found.conversions[place] == 0.0
        assert found.conversions_error is not None
        assert found.conversions_error[place] == 0.0
        others = np.arange(len(found.channels)) != place
        np.testing.assert_allclose(found.conversions[others], without[model].conversions, rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(values, values)
def test_additivity_of_games(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(shapley_of_game(one + other), shapley_of_game(one) + shapley_of_game(other), atol=1e-10)


@settings(max_examples=30, deadline=None)
@given(path_rows, path_rows)
def test_additivity_of_paths(one: list[tuple], other: list[tuple]) -> None:
    """The game of all paths is the sum of the games of each: so are simplified Shapley values."""

    def of(rows: list[tuple]) -> pd.Series:
        found = shapley_credits(encode_paths(paths_of(*rows)))
        return pd.Series(found.conversions, index=list(found.channels))

    np.testing.assert_allclose(of(one + other), of(one).add(of(other), fill_value=0.0), atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(path_rows)
def test_additivity_of_rewards(rows: list[tuple]) -> None:
    """The chain's game with the rewards of conversions and value together is the sum of both games."""
    paths = encode_paths(paths_of(*[(row[0], row[1], row[2], 2.5 * row[1]) for row in rows]))
    game = coalition_chain(count_chain(paths))
    conversions, value = coalition_values(game)
    both = shapley_of_game(conversions) + shapley_of_game(value)
    np.testing.assert_allclose(shapley_of_game(conversions + value), both, atol=1e-10)
    # a constant value for each conversion makes revenue proportional
    found = markov_shapley_credits(paths)
    np.testing.assert_allclose(found.revenue, 2.5 * found.conversions, rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(path_rows)
def test_more_members_never_lose(rows: list[tuple]) -> None:
    """v is monotone, which is why no credit is negative; nobody alone earns nothing, everybody the whole rate."""
    paths = encode_paths(paths_of(*rows))
    game = coalition_chain(count_chain(paths))
    worth = coalition_values(game)[0]
    assert worth[0] == 0.0
    if paths.journeys:
        assert worth[-1] == pytest.approx(paths.conversions.sum() / paths.journeys)
    for player in range(len(game.players)):
        split = worth.reshape(-1, 2, 1 << player)
        assert (split[:, 1] >= split[:, 0] - 1e-12).all()


@settings(max_examples=25, deadline=None)
@given(path_rows, st.sampled_from([0.1, 0.5, 3.0, 1_000.0]))
def test_scaling_all_counts(rows: list[tuple], factor: float) -> None:
    """Weights, whole or not: shares stay, relative errors shrink with the root."""
    paths = encode_paths(paths_of(*[row for row in rows if row[3] == 0 or row[3] > 1]))
    figures = (paths.conversions, paths.losses, paths.value, paths.value_squared)
    scaled = paths.with_weights(*(figure * factor for figure in figures))
    for one, other in zip(fit_models(paths, MODELS), fit_models(scaled, MODELS), strict=True):
        for name in ("conversions", "revenue"):
            credit, error = getattr(one, name), getattr(one, f"{name}_error")
            scale = max(float(np.abs(credit).sum()), 1e-9)
            np.testing.assert_allclose(getattr(other, name) / factor, credit, rtol=1e-8, atol=1e-9 * scale)
            ours = getattr(other, f"{name}_error") / np.sqrt(factor)
            np.testing.assert_allclose(ours, error, rtol=1e-5, atol=1e-6 * scale)


def test_paths_split_into_weights_are_the_same_paths() -> None:
    """A row of 8 conversions, or 16 rows of half a conversion."""
    table = paths_of(("ads > mail", 8, 12, 80.0), ("mail", 4, 20, 30.0), ("ads", 2, 9, 12.0))
    halves = pd.concat([table.assign(**{name: table[name] / 16 for name in table.columns[1:]})] * 16)
    for one, other in zip(fit_models(table, MODELS), fit_models(halves, MODELS), strict=True):
        np.testing.assert_allclose(other.conversions, one.conversions, rtol=1e-10)
        np.testing.assert_allclose(other.conversions_error, one.conversions_error, rtol=1e-8, atol=1e-9)
        np.testing.assert_allclose(other.revenue_error, one.revenue_error, rtol=1e-8, atol=1e-9)


def test_all_models_on_five_hundred_channels() -> None:
    random = np.random.default_rng(1)
    lengths = random.integers(1, 6, 3_000)
    starts = np.r_[0, np.cumsum(lengths)]
    steps = random.integers(0, 500, starts[-1]).astype(np.int32)
    won = random.poisson(1.0, 3_000).astype(float)
    names = tuple(f"c{number:03d}" for number in range(500))
    paths = Paths(names, steps, starts, won, won + 1, won * 3, won * 9)
    for found in fit_models(paths, SUMMING):
        assert found.conversions.sum() == pytest.approx(won.sum()), found.model
        assert found.revenue.sum() == pytest.approx(3 * won.sum()), found.model


class Population:
    """300,000 journeys of the chain of simulated.py to draw samples from, so that the truth is known."""

    models = ("linear", "shapley", "markov_shapley")

    def __init__(self) -> None:
        whole = encode_paths(journeys(300_000, 1))
        self.paths = whole.with_weights(
            whole.conversions, whole.losses, whole.conversions * 20.0, whole.conversions * 400.0
        )
        self.truth = [found.conversions / found.conversions.sum() for found in fit_models(self.paths, self.models)]
        cells = np.r_[whole.conversions, whole.losses]
        self.chances = np.cumsum(cells / cells.sum())

    def sample(self, journeys_drawn: int, random: np.random.Generator) -> Paths:
        drawn = np.searchsorted(self.chances, random.random(journeys_drawn)).clip(max=len(self.chances) - 1)
        count = len(self.paths)
        won = drawn[drawn < count]
        each = random.gamma(2.0, 10.0, len(won))
        sums = [np.bincount(won, weights, minlength=count) for weights in (np.ones(len(won)), each, each**2)]
        lost = np.bincount(drawn[drawn >= count] - count, minlength=count).astype(float)
        return self.paths.with_weights(sums[0], lost, sums[1], sums[2]).select(sums[0] + lost > 0)


def test_coverage_of_the_95_percent_intervals() -> None:
    """400 samples of 3,000 journeys: of the intervals of each model 93 to 97 % hold the truth, pooled over channels."""
    assert (MOVES.sum(axis=1) + CONVERT < 1).all()
    assert START.sum() == 1
    population, random = Population(), np.random.default_rng(7)
    held: dict[str, list[np.ndarray]] = {model: [] for model in population.models}
    for _ in range(400):
        sample = population.sample(3_000, random)
        for found, truth in zip(fit_models(sample, population.models), population.truth, strict=True):
            for revenue in (False, True):
                low, high = found.interval(revenue=revenue)
                total = (found.revenue if revenue else found.conversions).sum()
                held[found.model].append((low <= truth * total) & (truth * total <= high))
    for model, inside in held.items():
        assert 0.93 <= np.mean(inside) <= 0.97, (model, np.mean(inside))
