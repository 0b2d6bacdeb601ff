"""States: under, balanced, over; hysteresis; parts of the tolerance; what to cut; when to write again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from millibar.pressure.index import decay_contacts, profile_mix, read_contacts
from millibar.pressure.index.contacts import day_number
from millibar.pressure.index.mixing import mean_coefficients
from millibar.pressure.states import StateParameters, judge_states
from millibar.pressure.states.judge import Bearing, ChannelRules, channel_parts, follow
from millibar.pressure.states.planning import coming_peak, days_until_borne

HALF_LIVES = {"email": 3.0, "sms": 3.0, "call_center": 7.0}
WEIGHTS = np.array([1.0, 3.0, 5.0])
AS_OF = pd.Timestamp("2025-06-30")
LAST = int(day_number(pd.DatetimeIndex([AS_OF]))[0])
PARAMETERS = StateParameters()
RULES = ChannelRules(np.array([4.0, 2.0, 0.0]), np.array([0.2, 0.6, 1.0]))


def judged(rows: list[tuple[str, str, int, int]], customers: list[str], tolerance: float = 1.0, error: float = 0.5,
           parameters: StateParameters = PARAMETERS, as_of: pd.Timestamp = AS_OF) -> pd.DataFrame:  # fmt: skip
    """States of customers; rows: customer, channel, days before AS_OF, contacts."""
    frame = pd.DataFrame(rows, columns=["customer_id", "channel", "ago", "contacts_1d"])
    frame["day"] = AS_OF - pd.to_timedelta(frame.pop("ago"), unit="D")
    last = int(day_number(pd.DatetimeIndex([as_of]))[0])
    contacts = read_contacts(decay_contacts(frame, HALF_LIVES), HALF_LIVES, customers)
    current = contacts.newest()
    week = np.array([
        contacts.contacts[
            (contacts.customer == customer) & (contacts.channel == channel) & (contacts.day > day - 7)
        ].sum()
        for customer, channel, day in zip(current.customer, current.channel, current.day, strict=True)
    ])  # fmt: skip
    size = len(customers)
    bearing = Bearing(np.full(size, np.log(tolerance)), np.full(size, error), np.full(size, "segment", object))
    mix = profile_mix(tuple(HALF_LIVES), WEIGHTS, np.array(list(HALF_LIVES.values())))
    found = judge_states(contacts, current, week, mix, bearing, RULES, last, parameters)
    return found.set_index(["customer_id", "channel"]).sort_index()


def steady(customer: str, channel: str, every: int, contacts: int = 1) -> list[tuple[str, str, int, int]]:
    return [(customer, channel, ago, contacts) for ago in range(0, 180, every)]


def test_a_customer_nobody_ever_wrote_to_is_under_and_severely() -> None:
    row = judged([], ["alone"]).loc[("alone", "all")]
    assert (row["state"], row["severity"]) == ("under", "high")
    assert row["pressure_index"] == 0
    assert pd.isna(row["last_contact_on"])
    assert row["next_contact_on"] == AS_OF + pd.Timedelta(days=1)


def test_fifty_contacts_in_a_day_are_over_for_weeks() -> None:
    row = judged([("a", "email", 0, 50)], ["a"]).loc[("a", "all")]
    assert row["state"] == "over"
    assert row["cut_channel"] == "email"
    assert row["next_contact_on"] >= AS_OF + pd.Timedelta(days=14)
    assert np.isfinite([row[name] for name in ("mean_index", "tolerance_low", "probability_over")]).all()


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_a_flood_is_over_from_its_day_until_it_is_borne(channel: str) -> None:
    """Fifty contacts in a day to a customer who bears three mails a week, seen on the day and on the days after."""
    flood = [("a", channel, 0, 50)]
    days = [AS_OF + pd.Timedelta(days=after) for after in range(0, 40, 4)]
    found = [judged(flood, ["a"], tolerance=2.0, as_of=day).loc[("a", "all")] for day in days]
    states = [row["state"] for row in found]
    assert states[:5] == ["over"] * 5
    ends = {row["next_contact_on"] for row, state in zip(found, states, strict=True) if state == "over"}
    assert max(ends) - min(ends) <= pd.Timedelta(days=1)  # every day names the same day


def test_states_follow_the_volume() -> None:
    rows = steady("calm", "email", 90) + steady("right", "email", 7) + steady("much", "email", 1)
    found = judged(rows, ["calm", "right", "much"], tolerance=1.5, error=0.3)
    states = {name: found.loc[(name, "all"), "state"] for name in ("calm", "right", "much")}
    assert states == {"calm": "under", "right": "balanced", "much": "over"}
    assert found.loc[("much", "all"), "severity"] == "high"


def test_channel_rows_add_up_to_the_customer() -> None:
    rows = steady("a", "email", 3) + steady("a", "sms", 10) + steady("a", "call_center", 30) + steady("b", "sms", 5)
    found = judged(rows, ["a", "b"])
    for name in ("a", "b"):
        own = found.loc[name]
        channels = own.drop("all")
        for column in ("pressure_index", "mean_index", "tolerance"):
            assert channels[column].sum() == pytest.approx(own.loc["all", column])


def test_one_channel_alone_is_judged_as_the_customer() -> None:
    found = judged(steady("a", "email", 2) + steady("b", "sms", 9), ["a", "b"])
    for name, channel in (("a", "email"), ("b", "sms")):
        assert found.loc[(name, channel), "state"] == found.loc[(name, "all"), "state"]
        assert found.loc[(name, channel), "probability_over"] == pytest.approx(
            found.loc[(name, "all"), "probability_over"]
        )


def test_a_channel_that_stopped_takes_no_part() -> None:
    rows = [*steady("a", "email", 3), ("a", "sms", 150, 1)]
    found = judged(rows, ["a"])
    assert found.loc[("a", "email"), "tolerance"] == pytest.approx(found.loc[("a", "all"), "tolerance"])


def test_a_state_is_entered_high_and_left_low() -> None:
    path = np.array([[0.2, 0.7, 0.8, 0.6, 0.56], [0.2, 0.7, 0.74, 0.7, 0.7], [0.2, 0.9, 0.5, 0.6, 0.7]])
    np.testing.assert_array_equal(follow(path, 0.75, 0.55), [True, False, False])


def test_the_state_does_not_flicker_around_the_boundary() -> None:
    """An index that crosses the boundary up and down keeps its state; with one boundary it would change."""
    path = 0.65 + 0.05 * np.where(np.arange(28) % 2 == 0, 1, -1)[None, :]
    hysteresis = [bool(follow(path[:, : day + 1], 0.75, 0.55)[0]) for day in range(5, 28)]
    one_boundary = [bool(follow(path[:, : day + 1], 0.65, 0.65)[0]) for day in range(5, 28)]
    assert len(set(hysteresis)) == 1
    assert len(set(one_boundary)) == 2


def test_the_state_depends_on_the_index_alone() -> None:
    """The same contacts, judged today: earlier judgements, or none, change nothing."""
    rows = steady("a", "email", 2)
    first = judged(rows, ["a"])
    judged(rows, ["a"], as_of=AS_OF + pd.Timedelta(days=3))
    pd.testing.assert_frame_equal(judged(rows, ["a"]), first)


def test_the_next_contact_is_the_first_day_that_bears_it() -> None:
    rows = steady("a", "email", 1)
    frame = pd.DataFrame(rows, columns=["customer_id", "channel", "ago", "contacts_1d"])
    frame["day"] = AS_OF - pd.to_timedelta(frame.pop("ago"), unit="D")
    current = read_contacts(decay_contacts(frame, HALF_LIVES), HALF_LIVES).newest()
    mix = profile_mix(tuple(HALF_LIVES), WEIGHTS, np.array(list(HALF_LIVES.values())))
    coefficients = mean_coefficients(mix, current.decays())
    peak = coming_peak(current, coefficients, LAST)
    days = int(days_until_borne(current, coefficients, np.array([1.0]), LAST, peak)[0])

    def mean(after: int) -> float:
        age = (LAST + after - current.day[:, None]).astype(float)
        return float((current.decayed * current.decays()[current.channel] ** age * coefficients[current.channel]).sum())

    assert mean(days) <= 1.0 < mean(days - 1)


def test_a_full_week_waits_for_the_cap() -> None:
    found = judged([("a", "sms", 1, 1), ("a", "sms", 3, 1)], ["a"], tolerance=50.0)
    assert found.loc[("a", "sms"), "next_contact_on"] == AS_OF + pd.Timedelta(days=6)
    assert found.loc[("a", "all"), "next_contact_on"] == AS_OF + pd.Timedelta(days=1)


def test_the_most_intrusive_of_equals_is_cut_first() -> None:
    rows = [("a", "email", ago, 3) for ago in range(0, 60, 2)] + [("a", "sms", ago, 1) for ago in range(0, 60, 2)]
    assert judged(rows, ["a"], tolerance=0.5).loc[("a", "all"), "cut_channel"] == "sms"
    calls = [*rows, ("a", "call_center", 2, 1)]
    assert judged(calls, ["a"], tolerance=0.5).loc[("a", "all"), "cut_channel"] == "sms"


def test_a_day_of_the_past_knows_nothing_of_later_contacts() -> None:
    before = [row for row in steady("a", "email", 3) if row[2] >= 30]
    past = AS_OF - pd.Timedelta(days=30)
    assert judged(before, ["a"], as_of=past).loc[("a", "all"), "mean_index"] > 0


def test_parts_are_shares_of_what_speaks_to_the_customer() -> None:
    rows = steady("a", "email", 3) + steady("a", "sms", 10) + steady("b", "email", 3)
    frame = pd.DataFrame(rows, columns=["customer_id", "channel", "ago", "contacts_1d"])
    frame["day"] = AS_OF - pd.to_timedelta(frame.pop("ago"), unit="D")
    current = read_contacts(decay_contacts(frame, HALF_LIVES), HALF_LIVES).newest()
    part = channel_parts(current, np.ones(len(current)), LAST, PARAMETERS)
    sums = np.bincount(current.customer, part)
    np.testing.assert_allclose(sums, 1.0)


@pytest.mark.parametrize("error", [0.05, 0.5, 1.5])
def test_probabilities_are_probabilities(error: float) -> None:
    rows = steady("a", "email", 2) + steady("b", "sms", 60)
    found = judged(rows, ["a", "b", "nobody"], error=error, parameters=replace(PARAMETERS, under_ratio=0.3))
    for column in ("probability", "probability_over", "probability_under"):
        assert found[column].between(0, 1).all()
    assert ((found["probability_over"] + found["probability_under"]) <= 1 + 1e-9).all()
