"""Markov-Shapley is exact: 2^C chains solved again, finite differences, sampling against the whole, many channels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from millibar.attribution.bootstrap import poisson_bootstrap
from millibar.attribution.chains.chain import count_chain
from millibar.attribution.coalitions import joining, markov_shapley
from millibar.attribution.coalitions import sampling as coalition_sampling
from millibar.attribution.coalitions.elimination import coalition_values, eliminate
from millibar.attribution.coalitions.game import CoalitionChain, coalition_chain
from millibar.attribution.coalitions.markov_shapley import highest_order, markov_shapley_credits
from millibar.attribution.coalitions.sampling import ObservedGame, observed_game, sample_orders
from millibar.attribution.coalitions.shapley import shapley_of_game
from millibar.attribution.coalitions.solves import solve_coalitions, solving_seconds
from millibar.attribution.paths import Paths, encode_paths
from millibar.attribution.step_shares import journey_value_squared
from unit.attribution.simulated import journeys, journeys_of_order, path_rows, paths_of


def random_paths(count: int, channels: int, seed: int, steps: float = 3.0) -> Paths:
    """Paths of random steps, some channels far rarer than others."""
    random = np.random.default_rng(seed)
    lengths = random.poisson(steps, count) + 1
    starts = np.r_[0, np.cumsum(lengths)]
    chances = 1 / np.arange(1, channels + 1)
    drawn = random.choice(channels, starts[-1], p=chances / chances.sum()).astype(np.int32)
    conversions = random.poisson(0.5 + drawn[starts[1:] - 1] % 3, count).astype(float)
    value = conversions * random.gamma(2.0, 10.0, count)
    names = tuple(f"c{number:03d}" for number in range(channels))
    losses = random.poisson(5, count).astype(float)
    return Paths(names, drawn, starts, conversions, losses, value, value**2 / np.maximum(conversions, 1))


def brute_force(paths: Paths, order: int) -> np.ndarray:
    """Credits (2, C) by solving the chain again without the channels outside of each of the 2^C coalitions."""
    chain = count_chain(paths, order)
    size, channels = chain.size, len(paths.channels)
    visits = np.where(chain.visits > 0, chain.visits, 1.0)
    moves = chain.moves.toarray() / visits[:, None]
    holds = chain.holds
    credits = np.zeros((2, channels))
    for reward, ending in enumerate((chain.converted, chain.value)):
        worth = np.zeros(1 << channels)
        for coalition in range(1 << channels):
            outside = np.array([not coalition >> place & 1 for place in range(channels)])
            kept = np.flatnonzero(~(holds & outside).any(axis=1))
            left = np.eye(size)[np.ix_(kept, kept)] - moves[np.ix_(kept, kept)]
            worth[coalition] = chain.first[kept] @ np.linalg.solve(left, (ending / visits)[kept])
        credits[reward] = shapley_of_game(worth)
    return credits


@settings(max_examples=60, deadline=None)
@given(path_rows)
def test_every_coalition_solved_again(rows: list[tuple]) -> None:
    paths = encode_paths(paths_of(*rows))
    for order in (1, 2):
        found = markov_shapley_credits(paths, order)
        expected = brute_force(paths, order) if paths.conversions.sum() else np.zeros((2, len(paths.channels)))
        np.testing.assert_allclose(found.conversions, expected[0], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(found.revenue, expected[1], rtol=1e-10, atol=1e-10 * paths.value.sum() + 1e-12)


def test_six_channels_of_three_orders() -> None:
    paths = random_paths(80, 6, 1)
    for order in (1, 2, 3):
        found = markov_shapley_credits(paths, order)
        expected = brute_force(paths, order)
        np.testing.assert_allclose(found.conversions, expected[0], rtol=1e-10)
        np.testing.assert_allclose(found.revenue, expected[1], rtol=1e-10)


def test_a_game_worked_by_hand() -> None:
    """Of two journeys a > b converts, a alone does not: both are needed, each has half; c only loses."""
    paths = encode_paths(paths_of(("a > b", 1, 0, 10.0), ("a", 0, 1, 0.0), ("c", 0, 5, 0.0)))
    found = markov_shapley_credits(paths)
    assert found.conversions == pytest.approx([0.5, 0.5, 0.0])
    assert found.revenue == pytest.approx([5.0, 5.0, 0.0])
    assert found.removal_effects == pytest.approx([1.0, 1.0, 0.0])


def test_elimination_gives_every_coalition_and_the_slopes_of_the_solves() -> None:
    game = coalition_chain(count_chain(random_paths(60, 12, 3)))
    eliminated, solved = eliminate(game), solve_coalitions(game)
    np.testing.assert_allclose(eliminated.values, solved.values, rtol=1e-11)
    values = coalition_values(game)
    assert values.shape == (2, 1 << len(game.players))
    np.testing.assert_allclose([shapley_of_game(one) for one in values], solved.values.T, rtol=1e-11)
    for reward in range(2):
        assert eliminated.slopes
        assert solved.slopes
        ours, theirs = eliminated.slopes(slice(2, 7), reward), solved.slopes(slice(2, 7), reward)
        for name in ("moves", "first", "rewards"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9, atol=1e-14)


def test_blocks_of_coalitions_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    game = coalition_chain(count_chain(random_paths(60, 9, 3)))
    whole = eliminate(game)
    monkeypatch.setattr("millibar.attribution.coalitions.elimination.BLOCK_LEVELS", 3)
    monkeypatch.setattr("millibar.attribution.coalitions.elimination.BLOCK_ROOTS", 5)
    blocks = eliminate(game)
    np.testing.assert_allclose(blocks.values, whole.values, rtol=1e-12)
    assert blocks.slopes
    assert whole.slopes
    np.testing.assert_allclose(blocks.slopes(slice(0, 9), 1).moves, whole.slopes(slice(0, 9), 1).moves, atol=1e-13)


def shares(paths: Paths, order: int, **parameters: int) -> np.ndarray:
    found = markov_shapley_credits(paths, order, errors=False, **parameters)
    return np.stack([found.conversions / found.conversions.sum(), found.revenue / found.revenue.sum()])


@pytest.mark.parametrize("order", [1, 2])
def test_errors_are_the_derivatives_by_every_journey(order: int) -> None:
    """To 1e-6: shares differentiated by each path's conversions, losses and value, numerically."""
    paths = random_paths(25, 4, 2)
    step, variance = 1e-5, np.zeros((2, 4))
    second = journey_value_squared(paths)
    for place in range(len(paths)):
        unit = np.zeros(len(paths))
        unit[place] = step

        def slope(won: np.ndarray, lost: np.ndarray, worth: np.ndarray) -> np.ndarray:
            ends = [
                paths.with_weights(
                    paths.conversions + way * won, paths.losses + way * lost, paths.value + way * worth, second
                )
                for way in (1, -1)
            ]
            return (shares(ends[0], order) - shares(ends[1], order)) / (2 * step)

        nothing = np.zeros(len(paths))
        won, lost, worth = slope(unit, nothing, nothing), slope(nothing, unit, nothing), slope(nothing, nothing, unit)
        variance += paths.losses[place] * lost**2 + paths.conversions[place] * won**2
        variance += 2 * paths.value[place] * won * worth + second[place] * worth**2
    found = markov_shapley_credits(paths, order)
    np.testing.assert_allclose(found.conversions_error / paths.conversions.sum(), np.sqrt(variance[0]), rtol=1e-6)
    np.testing.assert_allclose(found.revenue_error / paths.value.sum(), np.sqrt(variance[1]), rtol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_errors_are_those_of_the_bootstrap(order: int) -> None:
    paths = encode_paths(journeys(6_000, 5))
    found = markov_shapley_credits(paths, order)
    errors = np.stack([found.conversions_error / paths.conversions.sum(), found.revenue_error / paths.value.sum()])
    ratio = errors / poisson_bootstrap(paths, lambda sample: shares(sample, order), replicates=600)
    assert ((ratio > 0.9) & (ratio < 1.1)).all()


def sampled(game: CoalitionChain, paths: Paths, rounds: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    found = sample_orders(game, observed_game(game, paths), seed, rounds, slopes=False)
    assert found.sampling_error is not None
    return found.values, found.sampling_error


@pytest.mark.parametrize("order", [1, 2])
def test_sampling_is_unbiased_and_knows_its_error(order: int) -> None:
    paths = random_paths(300, 7, 4)
    game = coalition_chain(count_chain(paths, order))
    exact = solve_coalitions(game, slopes=False).values
    deviations = []
    for seed in range(40):
        values, error = sampled(game, paths, 12, seed)
        assert values.sum(axis=0) == pytest.approx(exact.sum(axis=0), rel=1e-12)
        deviations.append((values - exact) / error)
    scores = np.array(deviations)
    # t with 11 degrees of freedom: standard deviation 1.11; 40 seeds leave the mean within 0.18
    assert (np.abs(scores.mean(axis=0)) < 0.7).all()
    assert 0.9 < np.sqrt((scores**2).mean()) < 1.3


def test_the_observed_game_takes_the_chance_out_of_sampling() -> None:
    paths = random_paths(2_000, 24, 4)
    game = coalition_chain(count_chain(paths))
    _, error = sampled(game, paths, 10)
    nothing = ObservedGame(
        np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros((0, 2)), np.zeros((len(game.players), 2))
    )
    plain = sample_orders(game, nothing, 1, 10, slopes=False).sampling_error
    assert plain is not None
    assert (error.mean(axis=0) * 2 < plain.mean(axis=0)).all()


def test_sampled_credits_and_errors_are_near_the_exact_ones() -> None:
    paths = random_paths(3_000, 12, 8)
    exact, drawn = markov_shapley_credits(paths), markov_shapley_credits(paths, exact_players=5)
    assert drawn.conversions.sum() == pytest.approx(paths.conversions.sum())
    np.testing.assert_allclose(drawn.conversions, exact.conversions, rtol=0.03)
    for ours, theirs in (
        (drawn.conversions_error, exact.conversions_error), (drawn.revenue_error, exact.revenue_error),
    ):  # fmt: skip
        assert ((ours / theirs > 0.95) & (ours / theirs < 1.25)).all()


def test_errors_hold_what_sampling_adds() -> None:
    """A billion times the journeys leave no statistical doubt: what is left is that of sampling."""
    few = random_paths(300, 8, 8)
    paths = few.with_weights(*(figure * 1e9 for figure in (few.conversions, few.losses, few.value, few.value_squared)))
    game = coalition_chain(count_chain(paths))
    sampling = sample_orders(game, observed_game(game, paths), markov_shapley.SEED).sampling_error
    assert sampling is not None
    found = markov_shapley_credits(paths, exact_players=5)
    np.testing.assert_allclose(found.conversions_error, sampling[:, 0] * paths.journeys, rtol=0.05)
    np.testing.assert_allclose(found.revenue_error, sampling[:, 1] * paths.journeys, rtol=0.05)
    assert (markov_shapley_credits(paths).conversions_error < 0.1 * found.conversions_error).all()


def test_a_state_that_ties_with_its_successor_is_not_swapped() -> None:
    """A factorisation that swaps rows would solve another chain's coalitions: elimination by hand steps in."""
    left = np.array([[0.5, -0.4, 0.0], [-0.5, 0.9, -0.3], [0.0, -0.5, 1.0]])
    swapped = left.copy()
    swapped[1, 0] = -0.5 * (1 + 1e-15)
    for matrix in (left, swapped):
        factors = joining._triangular(matrix)
        lower = np.tril(factors, -1) + np.eye(3)
        np.testing.assert_allclose(lower @ np.triu(factors), matrix, atol=1e-14)


def test_sampled_coalitions_hand_out_everything_and_are_the_same_every_time() -> None:
    paths = random_paths(5_000, 150, 6)
    found = markov_shapley_credits(paths)
    assert found.is_sampled
    assert found.conversions.sum() == pytest.approx(paths.conversions.sum())
    assert found.revenue.sum() == pytest.approx(paths.value.sum())
    assert (found.conversions >= -1e-9).all()
    assert np.isfinite(found.conversions_error).all()
    again = markov_shapley_credits(paths, errors=False)
    assert (again.conversions == found.conversions).all()


def test_many_channels_of_which_few_convert_are_exact() -> None:
    """Channels through which nothing converts are no players: 60 of them cost nothing."""
    lost = [(f"lost{number} > ads", 0, 3, 0.0) for number in range(60)]
    table = paths_of(("ads > mail", 5, 10, 9.0), ("mail", 2, 3, 4.0), ("mail > lost7", 0, 4, 0.0), *lost)
    paths = encode_paths(table)
    game = coalition_chain(count_chain(paths))
    # whoever came from a lost channel to ads may convert in the chain
    assert len(game.players) == 62
    few = encode_paths(table[~table["path"].str.startswith("lost")])
    assert len(coalition_chain(count_chain(few)).players) == 2
    assert markov_shapley_credits(few).conversions == pytest.approx(
        brute_force(few, 1)[0][[few.channels.index(name) for name in few.channels]]
    )


def test_long_paths_keep_their_digits() -> None:
    rows = [
        (" > ".join(["a"] * 400 + ["b"]), 3, 1, 30.0),
        ("b", 1, 400, 2.0),
        (" > ".join(["b", "a"] * 200), 1, 9, 1.0),
    ]
    paths = encode_paths(paths_of(*rows))
    expected = brute_force(paths, 1)
    found = markov_shapley_credits(paths)
    np.testing.assert_allclose(found.conversions, expected[0], rtol=1e-9)
    assert found.conversions.sum() == pytest.approx(5.0, rel=1e-9)


def test_a_higher_order_sees_what_a_lower_cannot() -> None:
    paths = encode_paths(journeys_of_order(2, 4_000, 1))
    first, second = markov_shapley_credits(paths, 1), markov_shapley_credits(paths, 2)
    assert second.order == 2
    assert np.abs(first.conversions - second.conversions).max() > 5


def test_chains_of_too_many_states_are_refused_or_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = random_paths(200, 6, 1)
    monkeypatch.setattr(joining, "MOST_FACTORISED", 20)
    monkeypatch.setattr(joining, "MOST_CELLS", 100)
    monkeypatch.setattr(markov_shapley, "SOLVING_SECONDS", 0.0)
    with pytest.raises(ValueError, match="6 channels would take too long or too much memory; choose a lower order"):
        markov_shapley_credits(paths, 2)
    assert highest_order(paths, 3) == 1
    monkeypatch.setattr(joining, "MOST_FACTORISED", 60)
    assert highest_order(paths, 3) == 2
    with pytest.raises(ValueError, match="order 0"):
        markov_shapley_credits(paths, 0)


@pytest.mark.parametrize("order", [1, 2])
def test_both_ways_of_joining_agree(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    game = coalition_chain(count_chain(random_paths(300, 8, 4), order))
    joined = np.random.default_rng(1).permutation(8)
    found = []
    for factorising in (0.0, float("inf")):
        monkeypatch.setattr(joining, "_factorising_seconds", lambda _, seconds=factorising: seconds)
        gains, coalitions = joining.join(game, joined, keep=True)
        assert coalitions
        found.append((gains, coalitions.visits, coalitions.worth))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_both_ways_of_looking_moves_up_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = random_paths(300, 8, 4)
    game = coalition_chain(count_chain(paths, 2))
    found = []
    for enough in (0, 10**9):
        monkeypatch.setattr(coalition_sampling, "SPARSE_ENOUGH", enough)
        slopes = sample_orders(game, observed_game(game, paths), 1, 4).slopes
        assert slopes
        found.append(slopes(slice(1, 4), 0).moves)
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-15)


def test_journeys_too_long_to_iterate_are_factorised(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = random_paths(300, 8, 4)
    game = coalition_chain(count_chain(paths))
    expected, _ = joining.join(game, np.arange(8), keep=False)
    monkeypatch.setattr(joining, "_factorising_seconds", lambda _: float("inf"))
    monkeypatch.setattr(joining, "MOST_ITERATIONS", 3)
    gains, _ = joining.join(game, np.arange(8), keep=False)
    np.testing.assert_allclose(gains, expected, rtol=1e-12)


def test_the_estimate_of_time_knows_what_cannot_be_done() -> None:
    few, many = (coalition_chain(count_chain(random_paths(400, size, 1), 2)) for size in (6, 17))
    assert solving_seconds(few) < 0.1
    assert solving_seconds(many) == float("inf")


def test_nothing_converted() -> None:
    found = markov_shapley_credits(encode_paths(paths_of(("a > b", 0, 9, 0.0)))).frame()
    assert found.loc[:, "conversions":"revenue_high"].to_numpy().tolist() == [[0.0] * 6] * 2


def test_one_channel_earned_all_without_doubt() -> None:
    found = markov_shapley_credits(encode_paths(paths_of(("a", 5, 10, 50.0), ("a > a", 1, 3, 20.0)))).frame()
    assert found[["conversions", "conversions_low", "conversions_high"]].to_numpy() == pytest.approx(6.0)
    assert found[["revenue", "revenue_low", "revenue_high"]].to_numpy() == pytest.approx(70.0)


@pytest.mark.parametrize("seed", [233, 250, 311])
def test_no_credit_is_below_nothing_by_rounding(seed: int) -> None:
    """A channel that converts for nothing and leads to little: its gains cancel, and rounding left less than nothing."""
    random = np.random.default_rng(seed)
    names = [f"c{number}" for number in range(random.integers(3, 9))]
    rows = []
    for _ in range(random.integers(5, 40)):
        path = list(random.choice(names[:-1], random.integers(1, 5)))
        if random.random() < 0.4:
            path.insert(random.integers(0, len(path) + 1), names[-1])
        won, lost = int(random.random() < 0.4), int(random.integers(0, 4))
        rows.append((" > ".join(path), won, lost, 0.0 if path[-1] == names[-1] else won * random.random() * 1e4))
    paths = encode_paths(paths_of(*rows))
    found = markov_shapley_credits(paths, errors=False)
    assert found.conversions.min() >= 0
    assert found.revenue.min() >= 0
    assert found.revenue.sum() == pytest.approx(paths.value.sum())
