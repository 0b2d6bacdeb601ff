"""Reasons: every number in a sentence is the customer's own, and it points the way it is told."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from millibar.churn.risk import RiskModel, RiskParameters, fit_risk, purchase_reasons, score_features
from millibar.churn.risk.catalogue import FAMILIES, FEATURES
from millibar.churn.risk.wording import NOTHING, say
from unit.churn.risk.shop import HORIZON, contract_rows, followed

PARAMETERS = RiskParameters(rounds=30)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return contract_rows(4_000)


@pytest.fixture(scope="module")
def model(rows: pd.DataFrame) -> RiskModel:
    return fit_risk(rows, followed(rows), PARAMETERS, HORIZON)


def row_of(**given: float) -> defaultdict[str, float]:
    return defaultdict(lambda: float("nan"), given)


def unit_of(gap: str | None) -> str:
    return "" if gap == "day" else " days"


def checks(row: pd.Series) -> dict[str, object]:
    """Pattern of a sentence, and the numbers it must hold for ``row``."""
    known = row["mean_gap_days"] == row["mean_gap_days"]
    gap = ("day" if round(row["mean_gap_days"]) <= 1 else f"{row['mean_gap_days']:.0f}") if known else None
    silence, money = int(row["days_since_order"]), f"{row['revenue']:,.2f}"
    ago = {0: "today", 1: "yesterday"}.get(silence, f"{silence} days ago")
    unit = "day" if silence == 1 else "days"
    return {
        r"no order for": {f"no order for {silence} {unit}", f"no order for {silence} {unit}, usually every {gap}"},
        r"last order": {f"last order {ago}", f"last order {ago}, usually every {gap}{unit_of(gap)}"},
        r"bought once only": {f"bought once only, {ago}"} if row["purchase_days"] == row["orders"] == 1 else set(),
        r"bought on \d+ days only": {f"bought on {row['purchase_days']} days only"},
        r"bought on \d+ days, ": {f"bought on {row['purchase_days']} days, one every {gap}"},
        r"spent": {f"spent {money} in all"},
        r"returned": {f"returned {100 * row['returned_share']:.0f} % of what was bought"},
        r"answered 0": {f"answered 0 of {row['contacts_90d']} messages in 90 days"} if row["responses_90d"] == 0 else set(),
        r"\d+ answers? to": {
            f"{row['responses_90d']} answer{'' if row['responses_90d'] == 1 else 's'} to "
            f"{row['contacts_90d']} message{'' if row['contacts_90d'] == 1 else 's'} in 90 days"
        },
        r"no answer for": {f"no answer for {row['days_since_response']:.0f} day"},
        r"last answer": {"last answer"},
        r"(only )?\d+ visits? in": {f"{row['visits_90d']} visit{'' if row['visits_90d'] == 1 else 's'} in 90 days"},
        r"no visit for": {f"no visit for {row['days_since_visit']:.0f} day"},
        r"no visit seen": {"no visit seen so far"} if row["days_since_visit"] != row["days_since_visit"] else set(),
        r"last visit": {"last visit"},
        r"under": {f"index {row['pressure_index']:.1f}"},
        r"complained": {"complained twice in the last year"} if row["complaints_365d"] == 2 else set(),
        r"unsubscribed": {"unsubscribed once"} if row["unsubscribes"] == 1 else set(),
        r"\d+ % bought in shops": {f"{100 * row['store_share']:.0f} % bought in shops"},
        r"nothing bought in shops": {"nothing bought in shops"} if row["store_share"] < 0.005 else set(),
    }  # fmt: skip


def assert_true(words: str, row: pd.Series) -> None:
    for pattern, truths in checks(row).items():
        if re.match(pattern, words):
            assert any(truth in words for truth in truths), (words, row.to_dict())
            return
    assert words == NOTHING, words


def test_every_sentence_is_true_of_its_customer(model: RiskModel, rows: pd.DataFrame) -> None:
    told = model.reasons(rows)
    for place in range(len(rows)):
        for words in told[place]:
            if words is not None:
                assert_true(words, rows.iloc[place])
    kinds = {re.sub(r"[\d.,]+", "N", words) for words in told.ravel() if words}
    assert len(kinds) > 12  # the shop's customers have many sorts of reasons


def test_reasons_point_the_way_they_are_told(model: RiskModel, rows: pd.DataFrame) -> None:
    everybody = np.ones(len(rows), dtype=bool)
    may_leave, stays = model.reasons(rows, leaving=everybody), model.reasons(rows, leaving=~everybody)
    joined = [" | ".join(words for words in row if words) for row in may_leave]
    assert not any("little pressure" in words or "one every" in words for words in joined)
    kept = [" | ".join(words for words in row if words) for row in stays]
    assert not any(
        word in words for words in kept for word in ("no order", "complained", "once only", "heavy", "answered 0")
    )


def test_who_complained_and_is_under_pressure_is_told_so(model: RiskModel, rows: pd.DataFrame) -> None:
    told = model.reasons(rows, leaving=np.ones(len(rows), dtype=bool))
    joined = np.array([" | ".join(words for words in row if words) for row in told])
    complained = (rows["complaints"] > 0).to_numpy()
    assert np.mean(["complained twice" in words for words in joined[complained]]) > 0.6
    assert not any("complained" in words for words in joined[~complained])
    pressed = (rows["pressure_index"] > 3.5).to_numpy()
    assert np.mean(["under heavy pressure: index" in words for words in joined[pressed]]) > 0.8


def test_top_reasons_are_of_different_families_and_as_many_as_asked(model: RiskModel, rows: pd.DataFrame) -> None:
    for top in (1, 2, 5):
        told = model.reasons(rows.head(200), top=top)
        assert told.shape == (200, top)
        for row in told:
            named = [words for words in row if words is not None]
            assert len(set(named)) == len(named)
            assert all(words is None for words in row[len(named) :])  # no gap before a reason
    np.testing.assert_array_equal(model.reasons(rows.head(50))[:, 0], model.reasons(rows.head(50), top=1)[:, 0])


def test_a_customers_reasons_do_not_depend_on_the_others(model: RiskModel, rows: pd.DataFrame) -> None:
    np.testing.assert_array_equal(model.reasons(rows)[100:120], model.reasons(rows.iloc[100:120]))


def test_what_moved_the_score_most_comes_first(rows: pd.DataFrame) -> None:
    """Only the pressure decides who orders here, so only it is named."""
    active = np.random.default_rng(0).random(len(rows)) < np.where(rows["pressure_index"] > 1.5, 0.1, 0.6)
    told = fit_risk(rows, active, PARAMETERS, HORIZON).reasons(rows)
    pressed = (rows["pressure_index"] > 2.5).to_numpy()
    assert np.mean([str(words).startswith("under") for words in told[pressed, 0]]) > 0.95


def test_the_purchase_model_moves_along(rows: pd.DataFrame) -> None:
    """With orders alone a single buyer long ago is told both in one sentence, a late regular his own interval."""
    columns = ["customer_id", "cut", "orders", "repeat_purchases", "recency_days", "age_days", "days_since_order",
               "mean_gap_days", "orders_90d", "revenue"]  # fmt: skip
    earlier = rows[columns].assign(cut=pd.Timestamp("2025-01-01").date(), later_orders=followed(rows).astype(int))
    current = contract_rows(3_000, seed=4)
    found = score_features(current[columns], earlier, HORIZON, PARAMETERS)
    told = found.reasons(leaving=np.ones(len(current), dtype=bool))
    single = ((current["orders"] == 1) & (current["days_since_order"] > 200)).to_numpy()
    assert np.mean([str(words).startswith("bought once only, ") for words in told[single, 0]]) > 0.95
    late = ((current["repeat_purchases"] > 4) & (current["days_since_order"] > 200)).to_numpy()
    assert np.mean([str(words).startswith("no order for ") for words in told[late, 0]]) > 0.95


def test_reasons_by_rule_are_true_too(rows: pd.DataFrame) -> None:
    told = purchase_reasons(rows)
    assert told.shape == (4_000, 3)
    for place in range(len(rows)):
        for words in told[place]:
            if words is not None:
                assert_true(words, rows.iloc[place])
    late = (rows["days_since_order"] > 2 * rows["mean_gap_days"]).to_numpy() & (rows["complaints"] > 0).to_numpy()
    assert all(words == "complained twice in the last year" for words in told[late, 0])
    alone = purchase_reasons(rows[["repeat_purchases", "days_since_order", "orders", "mean_gap_days"]].head(5))
    assert all(isinstance(words, str) for words in alone[:, 0])


def test_every_catalogued_family_has_words() -> None:
    assert {feature.family for feature in FEATURES.values()} == set(FAMILIES)
    for family in FAMILIES:
        for leaving in (True, False):
            assert say(family, leaving, row_of(), row_of()) is None  # nothing known, nothing said


@pytest.mark.parametrize(
    ("family", "leaving", "own", "usual", "words"),
    [
        ("silence", True, {"days_since_order": 143, "mean_gap_days": 31.2}, {}, "no order for 143 days, usually every 31"),
        ("silence", True, {"days_since_order": 20, "mean_gap_days": 31}, {"days_since_order": 10}, "no order for 20 days"),
        ("silence", True, {"days_since_order": 5, "mean_gap_days": 2}, {"days_since_order": 10}, None),
        ("silence", False, {"days_since_order": 0, "mean_gap_days": 0.4}, {"days_since_order": 10}, "last order today, usually every day"),
        ("frequency", True, {"repeat_purchases": 0, "orders": 1, "days_since_order": 87}, {"repeat_purchases": 2}, "bought once only, 87 days ago"),
        ("frequency", True, {"repeat_purchases": 0, "orders": 3, "days_since_order": 1}, {"repeat_purchases": 2}, "bought on one day only, yesterday"),
        ("returns", True, {"returned_share": 0.6}, {"returned_share": 0.0}, "returned 60 % of what was bought"),
        ("returns", True, {"returned_share": 0.001}, {"returned_share": 0.0}, None),
        ("answers", True, {"contacts_90d": 22, "responses_90d": 0}, {"responses_90d": 2, "contacts_90d": 20}, "answered 0 of 22 messages in 90 days"),
        ("answers", True, {"contacts_90d": 22, "responses_90d": 20}, {"responses_90d": 2, "contacts_90d": 20}, None),
        ("answers", False, {"contacts_90d": 1, "responses_90d": 1}, {"responses_90d": 2, "contacts_90d": 20}, "1 answer to 1 message in 90 days"),
        ("answers", True, {"contacts_90d": 0, "days_since_response": 200}, {"days_since_response": 30}, "no answer for 200 days"),
        ("answers", True, {"contacts_90d": 0, "contacts": 9, "human_responses": 0}, {}, "never answered, 9 messages so far"),
        ("visits", True, {"visits_90d": 0, "days_since_visit": 140}, {"days_since_visit": 20}, "no visit for 140 days"),
        ("visits", True, {"visits_90d": 1}, {"visits_90d": 4}, "only 1 visit in 90 days"),
        ("pressure", True, {"pressure_index": 4.2}, {"pressure_index": 1.1}, "under heavy pressure: index 4.2, usual 1.1"),
        ("pressure", True, {"pressure_index": 1.5}, {"pressure_index": 1.1}, "under more pressure than usual: index 1.5, usual 1.1"),
        ("pressure", True, {"pressure_index": 1.12}, {"pressure_index": 1.11}, None),
        ("complaints", True, {"complaints": 2, "complaints_365d": 0}, {"complaints": 0, "complaints_365d": 0}, "complained twice"),
        ("goodbyes", True, {"unsubscribes": 3, "unsubscribes_365d": 1}, {}, "unsubscribed once in the last year"),
        ("value", False, {"revenue": 1234.5}, {"revenue": 20}, "spent 1,234.50 in all, usual for those who leave: 20.00"),
        ("store", True, {"store_share": 0.8}, {"store_share": 0.2}, "80 % bought in shops"),
    ],
)  # fmt: skip
def test_wording(family, leaving: bool, own: dict[str, float], usual: dict[str, float], words: str | None) -> None:
    assert say(family, leaving, row_of(**own), row_of(**usual)) == words
