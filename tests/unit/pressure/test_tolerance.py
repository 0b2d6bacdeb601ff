"""Engagement and tolerance: shrinkage recovers what made the data, opens and empty channels do not count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.pressure import ToleranceParameters, contact_days, engagement_multipliers, fit_tolerance, tolerances
from millibar.pressure.tolerance import fit_engagement_prior

PARAMETERS = ToleranceParameters()


def counts(*rows: tuple[str, str, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "channel", "contacts", "responses"])


def people(*names: str) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": list(names)})


def test_the_method_of_moments_recovers_the_prior() -> None:
    random = np.random.default_rng(1)
    expected = random.gamma(2.0, 2.0, 50_000)
    responses = random.poisson(expected * random.gamma(1.5, 1 / 1.5, 50_000))
    assert fit_engagement_prior(responses, expected, PARAMETERS) == pytest.approx(1.5, rel=0.05)


def test_customers_who_differ_by_chance_only_are_shrunk_to_one() -> None:
    random = np.random.default_rng(2)
    expected = random.gamma(2.0, 2.0, 20_000)
    assert fit_engagement_prior(random.poisson(expected), expected, PARAMETERS) > 20


def test_engagement_worked_by_hand() -> None:
    """Mail answers 10 of 100, push 0 of 100; a answers 8 of 50 mails, b 2 of 50."""
    table = counts(("a", "mail", 50, 8), ("b", "mail", 50, 2), ("a", "push", 100, 0))
    found, figures = engagement_multipliers(table, people("a", "b", "c"), PARAMETERS)
    prior = figures["prior"]
    # sum of (k - E)^2 - E is 2 * (9 - 5), of E^2 is 50
    assert prior == pytest.approx(50 / 8)
    engagement = found.set_index("customer_id")["engagement"]
    assert engagement["a"] == pytest.approx((8 + prior) / (5 + prior))
    assert engagement["b"] == pytest.approx((2 + prior) / (5 + prior))
    assert engagement["c"] == 1.0
    assert found["basis"].tolist() == ["customer", "customer", "population"]


def test_responses_of_a_channel_without_contacts_answer_nothing() -> None:
    table = counts(("a", "mail", 50, 5), ("b", "mail", 50, 5), ("a", "search", 0, 400))
    found, _ = engagement_multipliers(table, people(), PARAMETERS)
    assert found["engagement"].nunique() == 1


def test_tolerance_grows_with_the_root_of_engagement() -> None:
    engagement = pd.DataFrame({"customer_id": ["a", "b"], "engagement": [1.0, 4.0], "basis": "customer"})
    assert tolerances(engagement, 3.0, PARAMETERS)["tolerance"].tolist() == [3.0, 6.0]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["m", "p"]), st.integers(0, 99), st.integers(0, 99)))
)
def test_engagement_is_positive_finite_and_free_of_order(rows: list) -> None:
    table = counts(*rows)
    found, _ = engagement_multipliers(table, people("a", "z"), PARAMETERS)
    assert found["customer_id"].is_monotonic_increasing
    assert found["customer_id"].is_unique
    assert {"a", "z"} <= set(found["customer_id"])
    assert (found["engagement"] > 0).all()
    assert np.isfinite(found["engagement"]).all()
    shuffled, _ = engagement_multipliers(table.iloc[::-1], people("z", "a"), PARAMETERS)
    pd.testing.assert_frame_equal(found, shuffled)


def test_nobody_gives_nothing() -> None:
    found, figures = engagement_multipliers(counts(), people(), PARAMETERS)
    assert found.empty
    assert figures == {"customers": 0}
    assert tolerances(found, 3.0, PARAMETERS).empty


def test_a_contact_meets_the_index_of_all_channels_decayed_to_its_day() -> None:
    daily = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "a"],
            "channel": ["mail", "call", "mail", "mail"],
            "day": pd.to_datetime(["2025-01-01", "2025-01-04", "2025-01-04", "2025-01-07"]),
            "contacts": [1, 1, 2, 1],
            "pressure_index": [1.0, 5.0, 2.0, 1.25],
            "half_life_days": [3.0, 7.0, 3.0, 3.0],
        }
    )
    found = contact_days(daily).set_index(["customer_id", "channel", "day"])["index"]
    assert found["a", "mail", pd.Timestamp("2025-01-01")] == 0.0
    assert found["a", "call", pd.Timestamp("2025-01-04")] == pytest.approx(0.5)
    assert found["b", "mail", pd.Timestamp("2025-01-04")] == 0.0
    assert found["a", "mail", pd.Timestamp("2025-01-07")] == pytest.approx(0.25 + 5.0 * 2 ** (-3 / 7))
    assert contact_days(daily.iloc[:0]).empty


def market(tolerance: float, spread: float, seed: int, customers: int = 4_000) -> tuple[pd.DataFrame, ...]:
    """180 days of three channels; annoyance rises with (P / tolerance)^1.8 beyond it."""
    random = np.random.default_rng(seed)
    weights, half_lives = np.array([1.0, 3.0, 2.0]), np.array([3.0, 3.0, 14.0])
    rates = random.gamma(2.0, 1.0, customers)[:, None] * np.array([0.10, 0.02, 0.01])
    engagement = random.gamma(1.5, 1 / 1.5, customers)
    bears = tolerance * engagement**0.5 * np.exp(spread * random.standard_normal(customers))
    state, daily, angry = np.zeros((customers, 3)), [], []
    for number in range(180):
        sent = random.poisson(np.minimum(rates, 0.9))
        state = state * 2 ** (-1 / half_lives)
        # the second channel annoys five times as much as the others at any pressure
        hazard = np.array([0.003, 0.015, 0.003]) * np.maximum(1.0, state.sum(axis=1) / bears)[:, None] ** 1.8
        annoyances = random.poisson(hazard * sent)
        state = state + weights * sent
        person, channel = np.nonzero(sent)
        day = pd.Timestamp("2025-01-01") + pd.Timedelta(days=number)
        daily.append(pd.DataFrame({
            "customer_id": person, "channel": channel, "day": day, "contacts": sent[person, channel],
            "pressure_index": state[person, channel], "half_life_days": half_lives[channel],
        }))  # fmt: skip
        upset, by = np.nonzero(annoyances)
        angry.append(
            pd.DataFrame({"customer_id": upset, "channel": by, "day": day, "annoyances": annoyances[upset, by]})
        )
    people = pd.DataFrame({"customer_id": np.arange(customers), "engagement": engagement})
    return contact_days(pd.concat(daily)), pd.concat(angry), people


@pytest.mark.parametrize("spread", [0.05, 0.5])
def test_the_hazard_finds_the_tolerance_that_made_the_data(spread: float) -> None:
    contacts, annoyances, engagement = market(2.0, spread, seed=4)
    fit = fit_tolerance(contacts, annoyances, engagement, PARAMETERS)
    assert fit.fitted
    assert fit.rho == pytest.approx(2.0, rel=0.25)
    assert fit.rho_low <= fit.rho <= fit.rho_high
    assert fit.beta == pytest.approx(1.8, abs=0.3)


def test_too_few_annoyances_keep_the_named_tolerance() -> None:
    contacts, annoyances, engagement = market(2.0, 0.05, seed=4, customers=50)
    fit = fit_tolerance(contacts, annoyances.head(20), engagement, PARAMETERS)
    assert 0 < fit.annoyances < PARAMETERS.minimum_annoyances
    assert (fit.rho, fit.fitted) == (PARAMETERS.rho, False)
    nothing = fit_tolerance(contacts.iloc[:0], annoyances.iloc[:0], engagement, PARAMETERS)
    assert (nothing.rho, nothing.fitted, nothing.annoyances) == (PARAMETERS.rho, False, 0.0)


def test_annoyance_that_does_not_rise_with_pressure_says_nothing_of_tolerance() -> None:
    contacts, _, engagement = market(2.0, 0.05, seed=4, customers=1_000)
    random = np.random.default_rng(8)
    chosen = contacts[random.random(len(contacts)) < 0.01]
    fit = fit_tolerance(
        contacts, chosen[["customer_id", "channel", "day"]].assign(annoyances=1), engagement, PARAMETERS
    )
    assert fit.annoyances > 100
    assert not fit.fitted
