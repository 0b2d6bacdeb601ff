"""The sheet of a day: patterns alert, days do not, season is expected, and figures, causes and actions are told."""

from __future__ import annotations

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.pressure.signals import DRIVER_COLUMNS, SIGNAL_COLUMNS, SalesInputs, SignalInputs, load_calendar
from millibar.pressure.signals.sheet import benjamini_hochberg
from millibar.pressure.signals.signs import ACTIONS, action_code
from unit.pressure.signals.stand_ins import (
    DAYS,
    LAST,
    PARAMETERS,
    SEEDS,
    campaign_rows,
    drivers,
    find,
    health,
    noisy,
    signal,
)

CALENDAR = load_calendar(SEEDS / "calendar_effects.csv")
VERDICTS = {"alert", "incident", "shifted", "expected", "trend", "nothing"}


def fallen(mean: float, days: int, factor: float, seed: int) -> np.ndarray:
    level = np.full(DAYS, float(mean))
    level[-days:] *= factor
    return noisy(level, seed)


def test_a_lasting_fall_of_clicks_alerts_with_figures_cause_and_action() -> None:
    campaigns = campaign_rows(
        {"window": "baseline", "campaign": "Weekly", "contacts": 112_000, "human_clicks": 5_600},
        {"campaign": "Spring", "contacts": 8_000, "human_clicks": 145},
        {"campaign": "Weekly", "contacts": 6_000, "human_clicks": 240},
        {"channel": "sms", "campaign": "Other", "contacts": 9, "human_clicks": 0},
    )
    sheet = find(SignalInputs(health(contacts=2_000, human_clicks=fallen(100, 10, 0.45, 1)), campaigns))
    found = signal(sheet, "click_rate_falls")
    assert found["verdict"] == "alert"
    assert found["alert"]
    assert not found["incident"]
    assert found["observed"] == pytest.approx(45 / 2_000, rel=0.12)
    assert found["expected"] == pytest.approx(100 / 2_000, rel=0.06)
    assert found["effect"] == pytest.approx(found["observed"] / found["expected"] - 1)
    assert found["q_value"] < 1e-6
    assert found["severity"] == pytest.approx(found["probability_real"] * found["customers"] * 0.5)
    assert found["customers"] == pytest.approx((found["expected"] - found["observed"]) * 14_000)
    assert (LAST.date() - found["since"]).days in range(5, 14)
    assert found["severity_level"] == "high"
    assert found["action_code"] == "sign_click_rate_high"
    assert "fewer than expected" in found["cause"]
    assert "by campaign Spring" in found["cause"]
    parts = drivers(sheet, "click_rate_falls")
    assert parts["driver"].iloc[0] == "Spring"
    gap = -found["customers"]
    assert parts.loc[parts["kind"] == "campaign", "contribution"].sum() == pytest.approx(gap)


def test_a_day_is_an_incident_for_every_sign_however_wild() -> None:
    """Market-wide: everything goes wrong on one day."""

    def spiked(mean: float, last: float, seed: int) -> np.ndarray:
        counts = noisy(mean, seed)
        counts[-1] = last
        return counts

    table = health(
        contacts=5_000, human_clicks=spiked(250, 2, 1), human_opens=spiked(900, 3, 2), unsubscribes=spiked(8, 400, 3),
        spam_complaints=spiked(1, 300, 4), complaints=spiked(6, 500, 5), comments=60,
        negative_comments=spiked(8, 60, 6), orders=spiked(150, 4, 7),
    )  # fmt: skip
    sheet = find(table)
    assert len(sheet.signals) >= 7
    assert not sheet.signals["alert"].any()
    told = sheet.signals.set_index("sign")["verdict"]
    for sign in ("click_rate_falls", "open_rate_falls", "unsubscribes_rise", "complaint_wave", "sales_fall"):
        assert told[sign] == "incident", sign
    assert sheet.signals.loc[sheet.signals["incident"], "action_code"].isna().all()
    assert sheet.signals.loc[sheet.signals["incident"], "cause"].notna().all()


@pytest.mark.parametrize("place", range(1, 15))
def test_a_day_of_the_past_raises_nothing_either(place: int) -> None:
    complaints, spam = noisy(5, place), noisy(1, place)
    complaints[-place], spam[-place] = 10_000, 4_000
    assert not find(health(contacts=5_000, complaints=complaints, spam_complaints=spam)).signals["alert"].any()


def test_a_slow_decline_alerts() -> None:
    level = np.full(DAYS, 200.0)
    level[-60:] *= 0.99 ** np.arange(60)
    found = signal(find(health(contacts=4_000, human_clicks=noisy(level, 3))), "click_rate_falls")
    assert found["verdict"] == "alert"


def test_opens_are_measured_against_deliveries_where_they_are_told() -> None:
    """Half the mail bounces: those who got it open as ever."""
    delivered = np.where(np.arange(DAYS) >= DAYS - 10, 1_000, 2_000)
    table = health(contacts=2_000, human_opens=noisy(0.2 * delivered, 4)).assign(deliveries=delivered)
    assert signal(find(table), "open_rate_falls")["verdict"] == "nothing"
    assert signal(find(table.drop(columns="deliveries")), "open_rate_falls")["verdict"] == "alert"


def test_letters_are_answered_by_replies_that_only_responses_count() -> None:
    table = health("direct_mail", contacts=3_000).assign(human_responses=fallen(90, 12, 0.4, 5))
    assert signal(find(table), "click_rate_falls", "direct_mail")["verdict"] == "alert"


def test_more_display_does_not_lower_the_rate_of_all_channels() -> None:
    shown = np.where(np.arange(DAYS) >= DAYS - 14, 60_000, 10_000)
    mail = health("email", contacts=2_000, human_clicks=noisy(100, 6))
    display = health("programmatic", contacts=shown, human_clicks=noisy(shown * 0.001, 7))
    both = mail[["contacts", "human_clicks"]] + display[["contacts", "human_clicks"]]
    every = health("all").assign(**{name: both[name] for name in both})
    sheet = find(pd.concat([mail, display, every], ignore_index=True))
    assert signal(sheet, "click_rate_falls", "all")["verdict"] == "nothing"
    tired = health("email", contacts=2_000, human_clicks=fallen(100, 14, 0.4, 8))
    every["human_clicks"] = tired["human_clicks"] + display["human_clicks"]
    sheet = find(pd.concat([tired, display, every], ignore_index=True))
    assert signal(sheet, "click_rate_falls", "all")["verdict"] == "alert"
    assert "by channel email" in signal(sheet, "click_rate_falls", "all")["cause"]


def test_spam_above_the_providers_limit_is_critical_whatever_is_usual() -> None:
    bad = find(health(contacts=20_000, spam_complaints=noisy(90, 8)))
    found = signal(bad, "spam_complaints_rise")
    assert (found["verdict"], found["severity_level"]) == ("alert", "high")
    assert found["detector"] == "provider_limit"
    assert found["action_code"] == "sign_spam_complaints_high"
    assert "above 0.3 % 1.00" in found["cause"]
    assert found["severity"] >= 0
    between = signal(find(health(contacts=20_000, spam_complaints=noisy(40, 9))), "spam_complaints_rise")
    assert between["verdict"] == "trend"
    fine = signal(find(health(contacts=20_000, spam_complaints=noisy(8, 10))), "spam_complaints_rise")
    assert fine["verdict"] == "nothing"


def test_the_limit_is_that_of_mailboxes_alone() -> None:
    found = signal(find(health("sms", contacts=20_000, spam_complaints=noisy(90, 8))), "spam_complaints_rise", "sms")
    assert found["verdict"] == "nothing"


def test_a_wave_of_complaints_has_most_days_adverse() -> None:
    wave = noisy(4, 11)
    wave[-7:] = [12, 11, 13, 10, 14, 12, 11]
    assert signal(find(health(complaints=wave)), "complaint_wave")["verdict"] == "alert"
    three_days = noisy(4, 11)
    three_days[-7:] = [2, 2, 30, 30, 30, 2, 2]
    assert signal(find(health(complaints=three_days)), "complaint_wave")["verdict"] != "alert"


def test_negative_comments_are_a_share_of_comments() -> None:
    busy = np.where(np.arange(DAYS) >= DAYS - 12, 180, 60)
    more_of_both = health("social", comments=noisy(busy, 12), negative_comments=noisy(busy * 0.14, 13))
    assert signal(find(more_of_both), "negative_comments_rise", "social")["verdict"] == "nothing"
    sour = np.full(DAYS, 60 * 0.14)
    sour[-12:] *= 3
    table = health("social", comments=60, negative_comments=noisy(sour, 14))
    assert signal(find(table), "negative_comments_rise", "social")["verdict"] == "alert"


@pytest.mark.parametrize(("factor", "word"), [(2.5, "more"), (0.25, "fewer")])
def test_returns_vary_in_both_directions_and_name_the_reason(factor: float, word: str) -> None:
    days = DAYS + 60
    level = np.full(days, 20.0)
    level[-14:] *= factor
    reasons = {"size": noisy(level, 15, days), "quality": noisy(np.full(days, 10.0), 16, days)}
    table = pd.concat([
        health(channel, days=days, orders=300, returns=reasons["size"] + reasons["quality"])
        for channel in ("all", "direct")
    ])  # fmt: skip
    rows = pd.concat([
        pd.DataFrame({"day": pd.date_range(end=LAST, periods=days), "channel": "direct", "reason": reason,
                      "returns": counts})
        for reason, counts in reasons.items()
    ])  # fmt: skip
    sheet = find(SignalInputs(table, sales=SalesInputs(returns=rows)))
    found = signal(sheet, "returns_vary", "all")
    assert found["verdict"] == "alert"
    assert word in found["cause"]
    assert signal(sheet, "returns_vary", "all", "reason:size")["verdict"] == "alert"
    assert signal(sheet, "returns_vary", "all", "reason:quality")["verdict"] == "nothing"
    assert "reason" in set(drivers(sheet, "returns_vary", "direct")["kind"])


def test_returns_that_follow_orders_are_no_sign() -> None:
    """Twice the orders in one week, twice the returns when these are due."""
    days = DAYS + 60
    orders = np.full(days, 200.0)
    orders[-28:-14] *= 2
    due = np.convolve(orders, np.r_[np.zeros(11), np.full(7, 1 / 7)])[:days]
    table = health("all", days=days, orders=orders, returns=noisy(0.1 * np.maximum(due, 1), 17, days))
    assert signal(find(table), "returns_vary", "all")["verdict"] == "nothing"
    table["orders"] = 200.0
    assert signal(find(table), "returns_vary", "all")["verdict"] == "alert"


def test_returns_that_are_not_delivered_yet_are_no_fall() -> None:
    returns = noisy(30, 18)
    returns[-6:] = 0
    found = signal(find(health("all", orders=300, returns=returns)), "returns_vary", "all")
    assert found["verdict"] == "nothing"
    assert (LAST.date() - found["judged_on"]).days == 6
    returns[-20:] = 0  # longer than a feed is late: nothing comes back any more
    assert signal(find(health("all", orders=300, returns=returns)), "returns_vary", "all")["verdict"] == "alert"


@pytest.mark.parametrize("days", [0, 1, 2, 10, 30])
def test_a_new_installation_judges_nothing_it_cannot(days: int) -> None:
    table = health(days=days, contacts=100, human_clicks=4, orders=9) if days else health(days=1).iloc[:0]
    sheet = find(table)
    assert list(sheet.signals.columns) == SIGNAL_COLUMNS
    assert list(sheet.drivers.columns) == DRIVER_COLUMNS
    assert not sheet.signals["alert"].any()


def test_a_feed_without_a_column_leaves_its_sign_out() -> None:
    table = health(contacts=2_000, human_clicks=noisy(100, 19), unsubscribes=noisy(9, 20))
    sheet = find(table.drop(columns=["unsubscribes", "returns", "comments", "human_opens"]))
    assert set(sheet.signals["sign"]) == {"click_rate_falls"}


def test_order_of_rows_and_older_days_change_nothing() -> None:
    table = health(contacts=2_000, human_clicks=fallen(100, 10, 0.6, 21), unsubscribes=noisy(9, 22))
    older = health(days=400, last=LAST - pd.Timedelta(days=DAYS + 60), contacts=9_000, human_clicks=1)
    before = find(table)
    after = find(pd.concat([older, table.sample(frac=1, random_state=1)], ignore_index=True))
    pd.testing.assert_frame_equal(before.signals, after.signals)
    pd.testing.assert_frame_equal(before.drivers, after.drivers)


def test_verdicts_flags_and_actions_agree_and_each_action_is_in_the_plan() -> None:
    tables = [
        health(contacts=2_000, human_clicks=fallen(100, 10, factor, seed), unsubscribes=noisy(9, seed + 50))
        .assign(channel=f"c{seed}")
        for seed, factor in enumerate((0.4, 0.7, 1.0, 1.2))
    ]  # fmt: skip
    signals = find(pd.concat(tables)).signals
    assert set(signals["verdict"]) <= VERDICTS
    assert (signals["alert"] == (signals["verdict"] == "alert")).all()
    assert (signals["action_code"].notna() == signals["verdict"].isin(["alert", "trend"])).all()
    assert (signals["cause"].notna() == (signals["verdict"] != "nothing")).all()
    with (SEEDS / "action_plans.csv").open(newline="", encoding="utf-8") as file:
        known = {row["action_code"]: row["trigger"] for row in csv.DictReader(file)}
    for sign in ACTIONS:
        for level in ("normal", "high"):
            assert known[action_code(sign, level)] == sign
    assert set(PARAMETERS.value_at_risk) == set(PARAMETERS.high_effect) == set(ACTIONS)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_q_values_are_those_of_the_step_up_procedure(p_values: list[float]) -> None:
    """q <= level exactly for the hypotheses that Benjamini-Hochberg rejects at that level."""
    p = np.array(p_values)
    q = benjamini_hochberg(p)
    for level in (0.01, 0.05, 0.2):
        ranked = np.sort(p)
        passed = np.flatnonzero(ranked <= level * np.arange(1, len(p) + 1) / len(p) * (1 + 1e-12))
        rejected = p <= (ranked[passed[-1]] if len(passed) else -1.0)
        np.testing.assert_array_equal(q <= level * (1 + 1e-12), rejected)


def test_a_device_over_all_channels_is_not_held_against_the_contacts_of_a_few() -> None:
    """Opens of mail have a device, the mails themselves have none: what is left there are the banners' contacts."""
    fall = fallen(900, 10, 0.1, 3)
    feeds = [
        health("email", contacts=5_000, human_opens=noisy(1_000, 4)),
        health("all", contacts=6_000, human_opens=noisy(1_000, 5)),
        health("all", "device:desktop", contacts=1_000, human_opens=fall),
        health("onsite", "device:desktop", contacts=1_000, human_clicks=noisy(60, 6)),
    ]
    judged = find(pd.concat(feeds, ignore_index=True)).signals
    assert not ((judged["channel"] == "all") & (judged["segment"] == "device:desktop")).any()
    assert ((judged["channel"] == "onsite") & (judged["segment"] == "device:desktop")).any()


def test_a_segment_is_not_explained_by_everybodys_campaigns() -> None:
    campaigns = campaign_rows(
        {"window": "baseline", "campaign": "Weekly", "contacts": 1_120_000, "human_clicks": 56_000},
        {"campaign": "Weekly", "contacts": 140_000, "human_clicks": 700},
    )
    series = health("email", "acquisition_channel:store", contacts=2_000, human_clicks=fallen(100, 10, 0.5, 7))
    sheet = find(SignalInputs(series, campaigns))
    found = signal(sheet, "click_rate_falls", segment="acquisition_channel:store")
    assert found["verdict"] == "alert"
    assert "campaign" not in found["cause"]
