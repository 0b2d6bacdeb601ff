"""The chain is exact: published figures to 1e-9, invariants, and a second way of computing removal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.chains.chain import Chain, count_chain
from millibar.attribution.chains.markov import (
    CHANNELATTRIBUTION,
    EXACT,
    markov_credits,
    sequence_effects,
    transition_table,
)
from millibar.attribution.chains.solution import Solution
from millibar.attribution.paths import encode_paths
from unit.attribution.simulated import journeys, path_rows, paths_of


@pytest.fixture(scope="module")
def sample_paths(reference_data: Path) -> pd.DataFrame:
    rows = pd.read_csv(reference_data / "attribution" / "sample_paths.csv", sep=";")
    rows = rows.rename(columns={"conv": "conversions", "null": "non_conversions"})
    return rows.assign(value_squared=0.0)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("convention", "suffix"), [(EXACT, ""), (CHANNELATTRIBUTION, "_compat")])
def test_published_removal_effects_and_credits(
    sample_paths: pd.DataFrame, reference_data: Path, order: int, convention: str, suffix: str
) -> None:
    published = pd.read_csv(reference_data / "attribution" / f"exact_o{order}.csv").set_index("channel_name")
    found = markov_credits(encode_paths(sample_paths), order, convention, errors=False)
    published = published.loc[list(found.channels)]
    for ours, theirs in (
        (found.removal_effects, "re_conv"),
        (found.conversions, "total_conversions"),
        (found.revenue_removal_effects, "re_value"),
        (found.revenue, "total_value"),
    ):
        np.testing.assert_allclose(ours, published[theirs + suffix], rtol=1e-9)


def test_walks_that_end_early_convert_less_often(sample_paths: pd.DataFrame) -> None:
    """The two conventions differ by a little, so the parametrised test above cannot pass by mixing them up."""
    paths = encode_paths(sample_paths)
    exact, early = (markov_credits(paths, 3, name, errors=False) for name in (EXACT, CHANNELATTRIBUTION))
    assert 0 < np.abs(exact.conversions - early.conversions).max() < 1e-3


def test_published_transition_matrix(sample_paths: pd.DataFrame, reference_data: Path) -> None:
    """The published matrix leaves repeats of a channel out; so do we before comparing."""
    theirs = pd.read_csv(reference_data / "attribution" / "ca_transition_o1.csv", dtype=str)
    names = list(dict.fromkeys(step for path in sample_paths["path"] for step in path.split(" > ")))
    theirs = theirs.replace({str(place + 1): name for place, name in enumerate(names)})
    theirs["transition_probability"] = theirs["transition_probability"].astype(float)
    ours = transition_table(encode_paths(sample_paths)).query("from_channel != to_channel")
    totals = ours.groupby("from_channel")["transitions"].transform("sum")
    ours = ours.assign(probability=ours["transitions"] / totals)
    both = ours.merge(
        theirs, left_on=["from_channel", "to_channel"], right_on=["channel_from", "channel_to"], how="outer"
    )
    np.testing.assert_allclose(both["probability"], both["transition_probability"], atol=1e-9)


def test_a_chain_worked_by_hand() -> None:
    """a converts 1 of 2, a -> b 1 of 2, b is lost: without a nothing converts, without b all that converted still does."""
    found = markov_credits(encode_paths(paths_of(("a", 1, 0, 10.0), ("a > b", 0, 1, 0.0))))
    assert found.removal_effects == pytest.approx([1.0, 0.0])
    assert found.conversions == pytest.approx([1.0, 0.0])
    assert found.revenue == pytest.approx([10.0, 0.0])


@settings(max_examples=80, deadline=None)
@given(path_rows, st.integers(1, 4))
def test_rate_is_the_observed_one_and_removal_equals_a_chain_without_the_channel(rows: list[tuple], order: int) -> None:
    paths = encode_paths(paths_of(*rows))
    chain = count_chain(paths, order)
    solution = Solution(chain)
    totals = np.array([paths.conversions.sum(), paths.value.sum()])
    assert solution.rates == pytest.approx(totals / (paths.journeys or 1.0))
    effects = solution.removal_effects
    assert (effects >= 0).all()
    assert (effects <= 1 + 1e-9).all()
    for reward in range(2):
        for channel in range(len(paths.channels)):
            assert effects[reward, channel] == pytest.approx(_removed(chain, reward, channel), abs=1e-9)


def _removed(chain: Chain, reward: int, channel: int) -> float:
    """Share of the reward lost when the states that hold the channel are taken out: the chain solved again."""
    visits = np.where(chain.visits > 0, chain.visits, 1.0)
    moves = chain.moves.toarray() / visits[:, None]
    first = chain.first / max(chain.first.sum(), 1e-300)
    per_visit = (chain.converted, chain.value)[reward] / visits
    whole = first @ np.linalg.solve(np.eye(chain.size) - moves, per_visit)
    kept = np.array([channel not in window for window in chain.windows.tolist()])
    rest = first[kept] @ np.linalg.solve(np.eye(kept.sum()) - moves[np.ix_(kept, kept)], per_visit[kept])
    return float(1 - rest / whole) if whole > 0 else 0.0


@settings(max_examples=60, deadline=None)
@given(path_rows, st.integers(1, 3))
def test_credits_sum_to_the_totals_whatever_the_order_of_rows(rows: list[tuple], order: int) -> None:
    table = paths_of(*rows)
    found = markov_credits(encode_paths(table), order)
    assert found.conversions.sum() == pytest.approx(table["conversions"].sum())
    assert found.revenue.sum() == pytest.approx(table["value"].sum())
    frame = found.frame()
    for name in ("conversions", "revenue"):
        assert (frame[f"{name}_low"] <= frame[name] + 1e-9).all()
        assert (frame[name] <= frame[f"{name}_high"] + 1e-9).all()
        assert (frame[f"{name}_low"] >= 0).all()
    shuffled = markov_credits(encode_paths(table.sample(frac=1, random_state=1)), order).frame()
    for name in frame.columns.drop(["model", "order", "channel"]):
        # of the total: what is left of a small credit beside a large one is rounding
        scale = max(float(table["value"].sum()), 1.0) if "revenue" in name else 1.0
        np.testing.assert_allclose(frame[name] / scale, shuffled[name] / scale, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("order", [1, 2])
def test_journeys_so_long_that_iteration_would_not_end_are_factored(
    monkeypatch: pytest.MonkeyPatch, order: int
) -> None:
    table = journeys(3_000, 8)
    expected = markov_credits(encode_paths(table), order)
    monkeypatch.setattr("millibar.attribution.chains.solution.MOST_ITERATIONS", 0)
    monkeypatch.setattr("millibar.attribution.chains.solution.DENSE_STATES", 1)
    found = markov_credits(encode_paths(table), order)
    np.testing.assert_allclose(found.removal_effects, expected.removal_effects, rtol=1e-9)
    np.testing.assert_allclose(found.conversions_error, expected.conversions_error, rtol=1e-8)


def test_a_path_of_four_hundred_steps() -> None:
    """A cycle of 400 steps: the chance to convert is 1 in 401 visits, and every journey passes both channels."""
    table = paths_of(("ads > mail" + " > ads > mail" * 199, 1, 0, 5.0), ("ads", 0, 1, 0.0))
    for order in (1, 3):
        found = markov_credits(encode_paths(table), order)
        assert found.conversions.sum() == pytest.approx(1.0)
        assert (found.removal_effects > 0.98).all()


@pytest.mark.parametrize(("order", "channels"), [(1, 500), (2, 120)])
def test_hundreds_of_channels(order: int, channels: int) -> None:
    random = np.random.default_rng(4)
    texts = [" > ".join(f"c{place:03d}" for place in random.integers(0, channels, 5)) for _ in range(4_000)]
    table = pd.DataFrame({"path": texts, "conversions": random.integers(0, 3, 4_000), "non_conversions": 2})
    found = markov_credits(encode_paths(table.assign(value=1.0, value_squared=1.0)), order)
    assert len(found.channels) == channels
    assert found.conversions.sum() == pytest.approx(table["conversions"].sum())
    assert (found.conversions_error > 0).all()


def test_fractional_and_weighted_conversions_count_as_they_are() -> None:
    """Weights of a tenth leave every share as it is."""
    table = journeys(2_000, 3)
    tenth = table.assign(**{name: table[name] / 10 for name in table.columns.drop("path")})
    whole, small = markov_credits(encode_paths(table), 2), markov_credits(encode_paths(tenth), 2)
    np.testing.assert_allclose(small.removal_effects, whole.removal_effects)
    np.testing.assert_allclose(small.conversions * 10, whole.conversions)
    np.testing.assert_allclose(small.conversions_error * np.sqrt(10), whole.conversions_error)


def test_sequences_are_what_is_lost_without_the_pair() -> None:
    table = journeys(5_000, 6)
    paths = encode_paths(table)
    chain = count_chain(paths, 2)
    solution = Solution(chain)
    found = sequence_effects(paths)
    assert found["transitions"].is_monotonic_decreasing
    for row in found.itertuples():
        pair = [paths.channels.index(row.from_channel), paths.channels.index(row.to_channel)]
        gone = (chain.windows == pair).all(axis=1)
        moves = solution.moves.toarray()[np.ix_(~gone, ~gone)]
        rest = solution.start[~gone] @ np.linalg.solve(np.eye((~gone).sum()) - moves, solution.rewards[0, ~gone])
        assert row.removal_effect == pytest.approx(1 - rest / solution.rates[0])
    assert sequence_effects(paths, most=2).equals(found.head(2))


def test_probabilities_of_a_state_sum_to_one() -> None:
    table = transition_table(encode_paths(paths_of(("a > b > a", 3, 5, 1.0), ("b", 0, 2, 0.0))))
    assert table.groupby("from_channel")["probability"].sum().to_numpy() == pytest.approx(1.0)
    assert table.query("from_channel == '(start)'")["transitions"].sum() == 10


def test_nothing_to_attribute() -> None:
    none = encode_paths(paths_of())
    assert markov_credits(none).frame().empty
    assert transition_table(none).empty
    assert sequence_effects(none).empty
    lost = markov_credits(encode_paths(paths_of(("a > b", 0, 9, 0.0)))).frame()
    assert lost[["conversions", "revenue", "conversions_high", "removal_effect"]].to_numpy().tolist() == [[0.0] * 4] * 2
    assert sequence_effects(encode_paths(paths_of(("a > b", 0, 9, 0.0))))["removal_effect"].tolist() == [0.0]


def test_conversions_without_value_share_no_revenue() -> None:
    found = markov_credits(encode_paths(paths_of(("a > b", 3, 9, 0.0))))
    assert found.revenue.tolist() == [0.0, 0.0]
    assert found.conversions.sum() == pytest.approx(3.0)


@pytest.mark.parametrize(("order", "convention"), [(0, EXACT), (1, "simulated"), (40, EXACT)])
def test_wrong_arguments_are_refused(order: int, convention: str) -> None:
    paths = encode_paths(paths_of(("a > b > c", 1, 1, 1.0), *((f"x{place}", 1, 1, 1.0) for place in range(40))))
    with pytest.raises(ValueError, match=r"order|convention"):
        markov_credits(paths, order, convention)
