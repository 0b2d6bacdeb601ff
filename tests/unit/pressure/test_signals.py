"""Signals: patterns alert, one-day spikes do not, quiet series do not, and the numbers are those of the formulas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from millibar.pressure import SignalParameters, find_signals
from millibar.pressure.cusum import watch_series
from millibar.pressure.signals import HEALTH_COUNTS, SIGNAL_COLUMNS, SIGNS, benjamini_hochberg

PARAMETERS = SignalParameters()
DAYS = PARAMETERS.history_days
LAST = pd.Timestamp("2025-06-30")
NO_CAMPAIGNS = pd.DataFrame(
    {
        name: []
        for name in ("channel", "campaign", "contacts", "human_clicks", "unsubscribes", "spam_complaints", "complaints")
    }
)
ACTION_PLANS = Path(__file__).resolve().parents[3] / "dbt_project" / "seeds" / "action_plans.csv"


def health(channel: str = "email", segment: str = "all", days: int = DAYS, **daily: object) -> pd.DataFrame:
    """One series; each count a number or an array of ``days`` days, the last one last."""
    frame = pd.DataFrame({
        "day": pd.date_range(end=LAST, periods=days).date, "channel": channel, "segment": segment,
    })  # fmt: skip
    for name in HEALTH_COUNTS:
        frame[name] = daily.get(name, 0)
    return frame


def noisy(mean: float, seed: int, days: int = DAYS) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, days)


def find(*frames: pd.DataFrame, campaigns: pd.DataFrame = NO_CAMPAIGNS) -> pd.DataFrame:
    return find_signals(pd.concat(frames, ignore_index=True), campaigns, LAST, PARAMETERS)


def signal(found: pd.DataFrame, sign: str, channel: str = "email") -> pd.Series:
    return found.set_index(["sign", "channel"]).loc[(sign, channel)]


def test_a_lasting_fall_of_clicks_alerts_with_numbers_cause_and_action() -> None:
    clicks = noisy(100, 1)
    clicks[-10:] = 55
    campaigns = pd.DataFrame({
        "channel": ["email", "email", "sms"], "campaign": ["Spring", "Weekly", "Other"], "contacts": [8_000, 6_000, 9],
        "human_clicks": [145, 240, 0], "unsubscribes": 0, "spam_complaints": 0, "complaints": 0,
    })  # fmt: skip
    found = signal(find(health(contacts=2_000, human_clicks=clicks), campaigns=campaigns), "click_rate_falls")
    assert found["alert"]
    assert not found["incident"]
    assert found["observed"] == pytest.approx(55 / 2_000)
    assert found["expected"] == pytest.approx(100 / 2_000, rel=0.05)
    assert found["effect"] == pytest.approx(-0.45, abs=0.04)
    assert found["p_value"] < 1e-6
    assert "campaign Spring" in found["cause"]
    assert "fewer" in found["cause"]
    assert found["action_code"] == "sign_click_rate"


def test_a_one_day_spike_is_an_incident_not_an_alert() -> None:
    unsubscribes = noisy(4, 2)
    unsubscribes[-1] = 60
    found = signal(find(health(contacts=2_000, unsubscribes=unsubscribes)), "unsubscribes_rise")
    assert found["incident"]
    assert not found["alert"]
    assert found["action_code"] is None


@pytest.mark.parametrize("spike", [10, 1_000, 100_000])
def test_no_single_day_raises_an_alert_however_large(spike: int) -> None:
    for place in range(1, 15):
        complaints = noisy(5, place)
        complaints[-place] = spike
        found = find(health(complaints=complaints))
        assert not found["alert"].any()


def test_a_rise_of_unsubscribes_alerts_within_two_weeks() -> None:
    hits = 0
    for seed in range(20):
        unsubscribes = noisy(6, seed)
        unsubscribes[-14:] = np.random.default_rng(100 + seed).poisson(15, 14)
        found = find(health(contacts=3_000, unsubscribes=unsubscribes))
        hits += bool(signal(found, "unsubscribes_rise")["alert"])
    assert hits >= 19


def test_sales_fall_blames_the_channel_that_lost_most() -> None:
    falling, steady = noisy(60, 3), noisy(40, 4)
    falling[-12:] = 30
    both = find(
        health("all", orders=falling + steady), health("store", orders=falling), health("direct", orders=steady)
    )
    found = signal(both, "sales_fall", "all")
    assert found["alert"]
    assert "channel store" in found["cause"]
    assert not signal(both, "sales_fall", "direct")["alert"]


@pytest.mark.parametrize(("level", "word"), [(40, "more"), (6, "fewer")])
def test_returns_vary_in_both_directions(level: int, word: str) -> None:
    returns = noisy(20, 5)
    returns[-14:] = level
    found = signal(find(health("all", orders=200, returns=returns)), "returns_vary", "all")
    assert found["alert"]
    assert word in found["cause"]


def test_returns_that_follow_the_orders_are_no_sign() -> None:
    """A sale doubles the orders, and two weeks later the returns."""
    orders = np.full(DAYS, 200)
    orders[-30:-16] = 400
    returns = np.convolve(orders, np.ones(7) / 70)[:DAYS]
    returns = np.r_[np.full(11, 20), returns[:-11]].round()
    found = find(health("all", orders=orders, returns=returns))
    assert not signal(found, "returns_vary", "all")["alert"]


def test_a_weekly_rhythm_is_no_sign() -> None:
    rhythm = np.array([200, 180, 160, 150, 170, 60, 20])[np.arange(DAYS) % 7]
    for shift in range(7):
        found = find(health("all", orders=np.random.default_rng(shift).poisson(np.roll(rhythm, shift))))
        assert not found["alert"].any()


def test_false_alarms_stay_below_fifteen_in_a_hundred_series_years() -> None:
    """The threshold is set by this: 300 series over a year without any change, weekday rhythm, over-dispersed."""
    random = np.random.default_rng(6)
    series, days = 300, 365 + 62
    rhythm = np.array([1, 1.2, 1.1, 1, 1, 0.5, 0.4])[np.arange(days) % 7]
    exposure = random.poisson(3_000 * rhythm, (series, days)).astype(float)
    rate = 0.04 * random.gamma(100, 0.01, (series, days))
    counts = random.binomial(exposure.astype(int), rate).astype(float)
    watch = watch_series(counts, exposure, -np.ones(series), np.ones(series, bool), replace(PARAMETERS, watch_days=365))
    alarm = watch.cusum > PARAMETERS.threshold
    begun = alarm[:, 1:] & ~alarm[:, :-1]
    assert begun.sum() / series * 100 <= 15


def test_the_last_z_is_the_formula() -> None:
    """A flat history: no over-dispersion, no rhythm, so z = (k - E) / sqrt(E (1 - p) + floor)."""
    counts, exposure = np.full((1, 63), 50.0), np.full((1, 63), 1_000.0)
    counts[0, -1] = 71
    watch = watch_series(counts, exposure, np.ones(1), np.ones(1, bool), PARAMETERS)
    assert watch.z.shape == (1, 1)
    assert watch.expected[0, 0] == pytest.approx(50)
    assert watch.z[0, 0] == pytest.approx(21 / np.sqrt(50 * 0.95 + PARAMETERS.variance_floor))
    assert watch.cusum[0, 0] == pytest.approx(min(watch.z[0, 0], PARAMETERS.clip) - PARAMETERS.drift)


def test_an_outlier_of_the_past_does_not_move_the_baseline() -> None:
    counts, exposure = np.tile(noisy(50, 7, 80), (2, 1)).astype(float), np.full((2, 80), 1_000.0)
    counts[1, 20] = 5_000
    watch = watch_series(counts, exposure, np.ones(2), np.ones(2, bool), PARAMETERS)
    assert watch.expected[1, -1] == pytest.approx(watch.expected[0, -1], rel=0.05)


def test_nothing_is_judged_without_history_exposure_or_events() -> None:
    assert find(health(days=30, contacts=100, human_clicks=10)).empty
    assert find(health(contacts=0, human_clicks=0)).empty
    assert find(health(contacts=5, unsubscribes=0)).empty
    nothing = find(health().iloc[:0])
    assert nothing.empty
    assert nothing.columns.tolist() == SIGNAL_COLUMNS


def test_returns_delivered_once_a_week_are_no_fall() -> None:
    returns = noisy(20, 12)
    returns[-6:] = 0
    found = find(health("all", orders=200, returns=returns))
    assert not signal(found, "returns_vary", "all")["alert"]


def test_an_alert_ends_when_the_fall_has_passed() -> None:
    """The sum takes weeks to come down; the last seven days say that it is over."""
    clicks = noisy(100, 1)
    clicks[-22:-8], clicks[-8:] = 50, 98
    table = health(contacts=2_000, human_clicks=clicks)
    assert not signal(find(table), "click_rate_falls")["alert"]
    unconfirmed = find_signals(table, NO_CAMPAIGNS, LAST, replace(PARAMETERS, confirm_z=-100.0))
    assert signal(unconfirmed, "click_rate_falls")["alert"]


def test_days_without_rows_count_as_zero_and_before_the_history_as_nothing() -> None:
    short = find(health("all", days=100, orders=noisy(50, 8, 100)))
    assert not signal(short, "sales_fall", "all")["alert"]
    gap = health("all", orders=noisy(50, 8))
    closed = gap[~gap["day"].isin(pd.date_range(end=LAST, periods=9).date[:-1])]
    assert signal(find(closed), "sales_fall", "all")["alert"]


def test_order_of_rows_does_not_matter_and_null_counts_as_zero() -> None:
    table = pd.concat([health(contacts=2_000.0, human_clicks=noisy(90, 9)), health("all", orders=noisy(30, 10))])
    table.loc[table["channel"] == "all", "contacts"] = np.nan
    pd.testing.assert_frame_equal(find(table), find(table.sample(frac=1, random_state=2)))


def test_channels_worn_alike_are_ranked_by_size() -> None:
    def fall(mean: int, seed: int) -> np.ndarray:
        clicks = noisy(mean, seed)
        clicks[-10:] = clicks[-10:] * 0.4
        return clicks

    found = find(
        health("email", contacts=20_000, human_clicks=fall(1_000, 1)),
        health("sms", contacts=2_000, human_clicks=fall(100, 2)),
    )
    severity = found.query("sign == 'click_rate_falls'").set_index("channel")["severity"]
    assert severity["email"] > 5 * severity["sms"] > 0


def test_action_codes_exist_in_the_seed() -> None:
    plans = pd.read_csv(ACTION_PLANS)
    assert {sign.action_code for sign in SIGNS} <= set(plans["action_code"])
    assert set(PARAMETERS.value_at_risk) == {sign.name for sign in SIGNS}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_values_are_those_of_the_step_up_procedure(p_values: list[float]) -> None:
    found = benjamini_hochberg(np.array(p_values))
    for rate in (0.01, 0.05, 0.2):
        ordered = sorted(p_values)
        passed = [p for place, p in enumerate(ordered, 1) if p <= rate * place / len(ordered)]
        limit = max(passed) if passed else -1.0
        np.testing.assert_array_equal(found <= rate + 1e-12, np.array(p_values) <= limit + 1e-15)
    assert (found >= np.array(p_values) - 1e-12).all()


def test_p_values_under_no_change_are_about_uniform() -> None:
    frames = [health(f"c{seed}", contacts=5_000, human_clicks=noisy(200, seed)) for seed in range(150)]
    p_values = find(*frames)["p_value"]
    assert len(p_values) == 150
    assert 0.3 < p_values.mean() < 0.7
    assert norm.ppf(p_values).std() < 1.6
