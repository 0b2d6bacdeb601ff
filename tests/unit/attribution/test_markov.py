"""The chain is exact: published figures to 1e-9, invariants, and a second way of computing removal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution import AttributionParameters, channel_results, encode_paths, transition_table
from millibar.attribution.markov import count_chain, removal_effects
from millibar.attribution.paths import Paths

PARAMETERS = AttributionParameters(replicates=20)
CHANNELS = ["ads", "call", "mail", "push", "shop"]


def paths_of(*rows: tuple[str, float, float, float]) -> pd.DataFrame:
    """Rows of path, conversions, losses, value."""
    table = pd.DataFrame(rows, columns=["path", "conversions", "non_conversions", "value"])
    return table.assign(value_squared=table["value"] ** 2)


path_rows = st.lists(
    st.tuples(
        st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=6).map(" > ".join),
        st.integers(0, 30),
        st.integers(0, 30),
        st.floats(0, 1000),
    ).map(lambda row: (row[0], row[1], row[2], row[3] if row[1] else 0.0)),
    min_size=1,
    max_size=12,
)


@pytest.fixture(scope="module")
def sample_paths(reference_data: Path) -> pd.DataFrame:
    rows = pd.read_csv(reference_data / "attribution" / "sample_paths.csv", sep=";")
    rows = rows.rename(columns={"conv": "conversions", "null": "non_conversions"})
    return rows.assign(value_squared=0.0)


def test_published_removal_effects_and_credits(sample_paths: pd.DataFrame, reference_data: Path) -> None:
    exact = pd.read_csv(reference_data / "attribution" / "exact_o1.csv").set_index("channel_name").sort_index()
    paths = encode_paths(sample_paths)
    found = channel_results(paths, PARAMETERS).query("model == 'markov'").set_index("channel").sort_index()
    assert found.index.tolist() == exact.index.tolist()
    counts = count_chain(paths, paths.conversions, paths.losses, paths.value)
    of_value, _ = removal_effects(counts, counts.value)
    for ours, theirs in (
        (found["removal_effect"], exact["re_conv"]),
        (found["conversions"], exact["total_conversions"]),
        (found["revenue"], exact["total_value"]),
        (of_value, exact["re_value"]),
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_published_simulation_lies_around_the_exact_result(sample_paths: pd.DataFrame, reference_data: Path) -> None:
    simulated = pd.read_csv(reference_data / "attribution" / "ca_markov_o1_tight.csv").set_index("channel_name")
    found = channel_results(encode_paths(sample_paths), PARAMETERS).query("model == 'markov'").set_index("channel")
    large = simulated["total_conversions"] > 100
    ratio = (found["conversions"] / simulated["total_conversions"])[large]
    assert ratio.between(0.95, 1.05).all()


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
    """a -> conversion 1 of 2, a -> b 1 of 2, b -> lost: without a nothing converts, without b all that converted still does."""
    paths = encode_paths(paths_of(("a", 1, 0, 10.0), ("a > b", 0, 1, 0.0)))
    counts = count_chain(paths, paths.conversions, paths.losses, paths.value)
    effects, rate = removal_effects(counts, counts.converted)
    np.testing.assert_allclose(effects, [1.0, 0.0])
    assert rate == pytest.approx(0.5)


@settings(max_examples=60, deadline=None)
@given(path_rows)
def test_rate_is_the_observed_one_and_removal_equals_a_chain_without_the_channel(rows: list[tuple]) -> None:
    paths = encode_paths(paths_of(*rows))
    counts = count_chain(paths, paths.conversions, paths.losses, paths.value)
    journeys = paths.conversions.sum() + paths.losses.sum()
    for reward, total in ((counts.converted, paths.conversions.sum()), (counts.value, paths.value.sum())):
        effects, rate = removal_effects(counts, reward)
        assert rate == pytest.approx(total / journeys if journeys else 0.0)
        assert (effects >= -1e-12).all()
        assert (effects <= 1 + 1e-12).all()
        for channel in range(len(paths.channels)):
            assert effects[channel] == pytest.approx(_removed(counts, reward, channel), abs=1e-9)


def _removed(counts: object, reward: np.ndarray, channel: int) -> float:
    """Share of the reward lost when the channel's column leads nowhere: the chain solved again without it."""
    visits = np.where(counts.visits > 0, counts.visits, 1.0)  # type: ignore[attr-defined]
    moves = counts.moves / visits[:, None]  # type: ignore[attr-defined]
    first = counts.first / max(counts.first.sum(), 1.0)  # type: ignore[attr-defined]
    per_visit = reward / visits
    size = len(visits)
    whole = first @ np.linalg.solve(np.eye(size) - moves, per_visit)
    kept = np.arange(size) != channel
    moves, first, per_visit = moves[np.ix_(kept, kept)], first[kept], per_visit[kept]
    rest = first @ np.linalg.solve(np.eye(size - 1) - moves, per_visit)
    return float(1 - rest / whole) if whole > 0 else 0.0


@settings(max_examples=60, deadline=None)
@given(path_rows)
def test_credits_sum_to_the_totals_whatever_the_order_of_rows(rows: list[tuple]) -> None:
    table = paths_of(*rows)
    found = channel_results(encode_paths(table), PARAMETERS)
    for _, of_model in found.groupby("model"):
        assert of_model["conversions"].sum() == pytest.approx(table["conversions"].sum())
        assert of_model["revenue"].sum() == pytest.approx(table["value"].sum())
    for name in ("conversions", "revenue"):
        assert (found[f"{name}_low"] <= found[name] + 1e-9).all()
        assert (found[name] <= found[f"{name}_high"] + 1e-9).all()
        assert (found[f"{name}_low"] >= 0).all()
    shuffled = channel_results(encode_paths(table.sample(frac=1, random_state=1)), PARAMETERS)
    pd.testing.assert_frame_equal(found[["conversions", "revenue"]], shuffled[["conversions", "revenue"]])


def test_same_paths_same_intervals_in_any_order() -> None:
    table = paths_of(("a > b", 40, 100, 900.0), ("b", 20, 300, 500.0), ("c > a", 7, 90, 80.0))
    first = channel_results(encode_paths(table), PARAMETERS)
    again = channel_results(encode_paths(table.iloc[::-1]), PARAMETERS)
    pd.testing.assert_frame_equal(first, again)


def test_probabilities_of_a_state_sum_to_one() -> None:
    table = transition_table(encode_paths(paths_of(("a > b > a", 3, 5, 1.0), ("b", 0, 2, 0.0))))
    assert table.groupby("from_channel")["probability"].sum().to_numpy() == pytest.approx(1.0)
    assert table.query("from_channel == '(start)'")["transitions"].sum() == 10


def test_steps_are_trimmed_and_nameless_ones_kept() -> None:
    paths = encode_paths(paths_of(("  a>b ", 1, 0, 1.0), ("", 2, 0, 3.0)))
    assert paths.channels == ("(none)", "a", "b")
    assert channel_results(paths, PARAMETERS).query("model == 'shapley'")["conversions"].sum() == pytest.approx(3.0)


def test_no_paths_no_rows() -> None:
    paths = encode_paths(paths_of())
    assert channel_results(paths, PARAMETERS).empty
    assert transition_table(paths).empty


def test_no_conversions_give_no_credit() -> None:
    found = channel_results(encode_paths(paths_of(("a > b", 0, 9, 0.0))), PARAMETERS)
    assert found[["conversions", "revenue", "conversions_high"]].to_numpy().tolist() == [[0.0] * 3] * 4


def test_negative_counts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'a' has conversions below 0"):
        encode_paths(paths_of(("a", -1, 0, 0.0)))


def test_encoding_keeps_every_step() -> None:
    paths: Paths = encode_paths(paths_of(("b > a", 1, 0, 1.0), ("a", 0, 1, 0.0)))
    names = [paths.channels[step] for step in paths.steps]
    assert names == ["a", "b", "a"]
    assert paths.starts.tolist() == [0, 1, 3]
