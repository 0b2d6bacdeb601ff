"""Rules hand out each conversion once, as their names say; published figures exactly; errors by the bootstrap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from millibar.attribution.bootstrap import poisson_bootstrap
from millibar.attribution.paths import Paths, encode_paths
from millibar.attribution.rules import END_SHARES, RULES, rule_credits
from unit.attribution.simulated import journeys, path_rows, paths_of


def credit(path: str, rule: str, **parameters: object) -> dict[str, float]:
    found = rule_credits(encode_paths(paths_of((path, 1, 3, 10.0))), rule, **parameters)
    assert found.revenue == pytest.approx(found.conversions * 10)
    return {name: share for name, share in zip(found.channels, found.conversions, strict=True) if share}


@pytest.mark.parametrize(
    ("rule", "column"), [("first", "first_touch"), ("last", "last_touch"), ("linear", "linear_touch")]
)
def test_published_figures(rule: str, column: str, reference_data: Path) -> None:
    rows = pd.read_csv(reference_data / "attribution" / "sample_paths.csv", sep=";")
    rows = rows.rename(columns={"conv": "conversions", "null": "non_conversions"}).assign(value_squared=0.0)
    theirs = pd.read_csv(reference_data / "attribution" / "ca_heuristics.csv").set_index("channel_name")
    found = rule_credits(encode_paths(rows), rule)
    theirs = theirs.loc[list(found.channels)]
    np.testing.assert_allclose(found.conversions, theirs[f"{column}_conversions"], rtol=1e-13)
    np.testing.assert_allclose(found.revenue, theirs[f"{column}_value"], rtol=1e-13)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("first", {"a": 1.0}),
        ("last", {"direct": 1.0}),
        ("last_non_direct", {"b": 1.0}),
        ("linear", {"a": 0.4, "b": 0.4, "direct": 0.2}),
        ("position", {"a": 0.4 + 0.2 / 3, "b": 0.4 / 3, "direct": 0.4}),
        ("j_shaped", {"a": 0.2 + 0.2 / 3, "b": 0.4 / 3, "direct": 0.6}),
        ("inverse_j", {"a": 0.6 + 0.2 / 3, "b": 0.4 / 3, "direct": 0.2}),
        ("participation", {"a": 1.0, "b": 1.0, "direct": 1.0}),
    ],
)
def test_a_path_of_five_steps(rule: str, expected: dict[str, float]) -> None:
    assert credit("a > b > a > b > direct", rule) == pytest.approx(expected)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "last_non_direct"])
def test_one_step_has_everything(rule: str) -> None:
    assert credit("a", rule) == {"a": 1.0}


def test_two_steps_split_as_the_ends_do() -> None:
    assert credit("a > b", "position") == pytest.approx({"a": 0.5, "b": 0.5})
    assert credit("a > b", "j_shaped") == pytest.approx({"a": 0.25, "b": 0.75})
    assert credit("a > b", "inverse_j") == pytest.approx({"a": 0.75, "b": 0.25})
    assert credit("a > b", "position", first_share=0.0, last_share=0.0) == {"a": 0.5, "b": 0.5}


def test_shares_of_the_ends_are_arguments() -> None:
    expected = {"a": 0.1, "b": 0.5, "c": 0.4}
    assert credit("a > b > c", "position", first_share=0.1) == pytest.approx(expected)
    assert credit("a > b > c", "position", first_share=0.5, last_share=0.5) == {"a": 0.5, "c": 0.5}


def test_direct_is_passed_over_unless_alone() -> None:
    assert credit("direct > direct", "last_non_direct") == {"direct": 1.0}
    assert credit("a > typed in", "last_non_direct", direct="typed in") == {"a": 1.0}
    assert credit("a > b", "last_non_direct", direct="never seen") == {"b": 1.0}


@settings(max_examples=60, deadline=None)
@given(path_rows)
def test_credits_sum_to_the_totals_within_their_intervals(rows: list[tuple]) -> None:
    paths = encode_paths(paths_of(*rows))
    for rule in RULES:
        found = rule_credits(paths, rule, direct="shop")
        if rule != "participation":
            assert found.conversions.sum() == pytest.approx(paths.conversions.sum())
            assert found.revenue.sum() == pytest.approx(paths.value.sum())
        frame = found.frame()
        assert not frame.drop(columns=["order", "removal_effect"]).isna().any(axis=None)
        for name in ("conversions", "revenue"):
            assert (frame[f"{name}_low"] <= frame[name]).all()
            assert (frame[name] <= frame[f"{name}_high"] + 1e-9 * frame[name]).all()


@settings(max_examples=30, deadline=None)
@given(path_rows)
def test_the_rules_by_hand(rows: list[tuple]) -> None:
    """Every rule once more, path by path in plain words."""
    paths = encode_paths(paths_of(*rows))
    for rule in RULES:
        expected = dict.fromkeys(paths.channels, 0.0)
        for text, conversions, _, _ in rows:
            for channel, share in _by_hand(text.split(" > "), rule).items():
                expected[channel] += conversions * share
        found = rule_credits(paths, rule, direct="shop")
        assert dict(zip(found.channels, found.conversions, strict=True)) == pytest.approx(expected)


def _by_hand(steps: list[str], rule: str) -> dict[str, float]:
    if rule == "participation":
        return dict.fromkeys(steps, 1.0)
    if rule == "last_non_direct":
        steps = [step for step in steps if step != "shop"] or steps
    if rule in END_SHARES and len(steps) > 1:
        first, last = END_SHARES[rule]
        between = len(steps) - 2
        weights = [first, *[(1 - first - last) / max(between, 1)] * between, last]
    else:
        chosen = {"first": [0], "last": [-1], "last_non_direct": [-1]}.get(rule, range(len(steps)))
        weights = [0.0] * len(steps)
        for place in chosen:
            weights[place] = 1.0
    shares = dict.fromkeys(steps, 0.0)
    for step, weight in zip(steps, weights, strict=True):
        shares[step] += weight / sum(weights)
    return shares


@pytest.mark.parametrize("rule", ["last", "j_shaped"])
def test_errors_are_those_of_the_bootstrap(rule: str) -> None:
    paths = encode_paths(journeys(4_000, 3))

    def shares(sample: Paths) -> np.ndarray:
        found = rule_credits(sample, rule)
        return np.stack([found.conversions / found.conversions.sum(), found.revenue / found.revenue.sum()])

    found = rule_credits(paths, rule)
    errors = np.stack([found.conversions_error / paths.conversions.sum(), found.revenue_error / paths.value.sum()])
    ratio = errors / poisson_bootstrap(paths, shares, replicates=2_000)
    assert ((ratio > 0.9) & (ratio < 1.1)).all()


def test_participation_may_exceed_the_total() -> None:
    found = rule_credits(encode_paths(paths_of(("a > b", 40, 0, 40.0), ("a", 60, 5, 60.0))), "participation")
    assert found.conversions.tolist() == [100.0, 40.0]
    assert not found.sums_to_total
    assert found.conversions_error[0] == 0.0
    assert found.conversions_error[1] == pytest.approx(np.sqrt(100 * 0.4 * 0.6))


def test_mistakes_are_told() -> None:
    paths = encode_paths(paths_of(("a", 1, 0, 1.0)))
    with pytest.raises(ValueError, match="rule 'middle' is not known; choose one of first, last"):
        rule_credits(paths, "middle")
    with pytest.raises(ValueError, match=r"first_share 0.7 and last_share 0.4: both in 0..1, together at most 1"):
        rule_credits(paths, "position", first_share=0.7)
    with pytest.raises(ValueError, match="rule 'linear' takes no first_share or last_share"):
        rule_credits(paths, "linear", last_share=0.3)
