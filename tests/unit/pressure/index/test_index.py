"""The index: its recursion, learned mixtures, the mean over four weeks, and what each contact met."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.pressure.index import ChannelMix, decay_contacts, index_before, mean_paths, read_contacts
from millibar.pressure.index.contacts import DECAYED, LADDER, MEMORY_DAYS, MEMORY_HALF_LIFE, day_number
from millibar.pressure.index.mixing import mean_coefficients
from millibar.pressure.learning.plateau import weekly_means

HALF_LIVES = {"email": 3.0, "push_app": 1.0, "direct_mail": 14.0}
START = pd.Timestamp("2025-03-20")  # the clocks change in between
DAYS = 70


def contact_rows(seed: int = 1, customers: int = 5, chance: float = 0.25) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    rows = [
        (f"c{customer}", channel, START + pd.Timedelta(days=day), int(random.integers(1, 4)))
        for customer in range(customers)
        for channel in HALF_LIVES
        for day in range(DAYS)
        if random.random() < chance
    ]
    return pd.DataFrame(rows, columns=["customer_id", "channel", "day", "contacts_1d"])


def by_recursion(rows: pd.DataFrame, customer: str, channel: str, half_life: float) -> np.ndarray:
    """S(t) = S(t - 1) 2^(-1 / h) + n(t), a day after the other."""
    own = rows[(rows["customer_id"] == customer) & (rows["channel"] == channel)].set_index("day")["contacts_1d"]
    sums, state = np.zeros(DAYS), 0.0
    for day in range(DAYS):
        state = state * 2 ** (-1 / half_life) + float(own.get(START + pd.Timedelta(days=day), 0.0))
        sums[day] = state
    return sums


def mix_of(weights: list[float], half_lives: list[float]) -> ChannelMix:
    profile = np.array(list(HALF_LIVES.values()))
    return ChannelMix(tuple(HALF_LIVES), np.array(weights), np.array(half_lives), profile)


def test_sums_follow_the_recursion() -> None:
    rows = contact_rows()
    found = decay_contacts(rows, HALF_LIVES)
    for (customer, channel), own in found.groupby(["customer_id", "channel"]):
        days = (own["day"] - START).dt.days
        lives = [HALF_LIVES[channel] * factor for factor in LADDER] + [MEMORY_HALF_LIFE]
        for column, half_life in zip(DECAYED, lives, strict=True):
            expected = by_recursion(rows, customer, channel, half_life)[days]
            np.testing.assert_allclose(own[column], expected, rtol=1e-12)


def test_a_learned_half_life_lies_between_the_sums_that_are_kept() -> None:
    shares = mix_of([1, 1, 1], [3.0, 0.5, 28.0]).shares()
    np.testing.assert_allclose(shares, [[0, 1, 0], [1, 0, 0], [0, 0, 1]])
    between = mix_of([1, 1, 1], [3.0 * 2**0.25, 0.2, 90.0]).shares()
    np.testing.assert_allclose(between[0], [0, 0.75, 0.25])
    np.testing.assert_allclose(between[1:], [[1, 0, 0], [0, 0, 1]])  # no further than half and twice


@given(st.lists(st.floats(0.5, 40.0), min_size=3, max_size=3))
def test_shares_sum_to_one(half_lives: list[float]) -> None:
    shares = mix_of([1, 1, 1], half_lives).shares()
    assert (shares >= 0).all()
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_the_mean_is_the_exponential_mean_of_the_index() -> None:
    rows = contact_rows(2)
    mix = mix_of([1.0, 2.0, 0.7], [3.0, 1.0, 14.0])
    contacts = read_contacts(decay_contacts(rows, HALF_LIVES), HALF_LIVES)
    coefficients = mean_coefficients(mix, contacts.decays())
    newest = contacts.newest()
    last = int(day_number(pd.DatetimeIndex([START]))[0]) + DAYS + 9  # some days after the last contact
    path = mean_paths(contacts, newest, coefficients, last, 28)
    for row in range(len(newest)):
        channel = newest.channels[newest.channel[row]]
        sums = by_recursion(rows, newest.customers[newest.customer[row]], channel, HALF_LIVES[channel])
        index = mix.weights[newest.channel[row]] * np.concatenate(
            [sums, sums[-1] * 2 ** (-np.arange(1, 11) / HALF_LIVES[channel])]
        )
        mean, expected = 0.0, []
        for value in index:
            mean += (value - mean) / MEMORY_DAYS
            expected.append(mean)
        np.testing.assert_allclose(path[row], expected[-28:], rtol=1e-6, atol=1e-9)


def test_a_window_of_rows_is_enough() -> None:
    """What lay before the window is in the first row of it: the whole history gives the same path."""
    contacts = read_contacts(decay_contacts(contact_rows(3), HALF_LIVES), HALF_LIVES)
    coefficients = mean_coefficients(mix_of([1.0, 1.0, 1.0], [2.0, 1.5, 20.0]), contacts.decays())
    last = int(contacts.day[-1])
    everything = mean_paths(contacts, contacts.newest(), coefficients, last, 28)
    recent = contacts.take(contacts.day > last - 28)
    np.testing.assert_allclose(mean_paths(recent, contacts.newest(), coefficients, last, 28), everything, atol=1e-6)


def test_a_contact_meets_the_index_of_the_days_before_it() -> None:
    rows = pd.DataFrame(
        {
            "customer_id": "a",
            "channel": ["email", "email", "push_app"],
            "day": [START, START + pd.Timedelta(days=3), START + pd.Timedelta(days=3)],
            "contacts_1d": [2, 50, 1],
        }
    )
    contacts = read_contacts(decay_contacts(rows, HALF_LIVES), HALF_LIVES)
    kept, met = index_before(contacts)
    assert len(kept) == 3
    email = contacts.channels.index("email")
    np.testing.assert_allclose(met[0], 0.0)
    for row in (1, 2):  # neither the fifty mails of the day nor the push of the day are met by the other
        np.testing.assert_allclose(met[row, email], [0.5, 1.0, 2 ** (-0.5) * 2], rtol=1e-6)


def test_weeks_start_before_their_contacts() -> None:
    contacts = read_contacts(decay_contacts(contact_rows(4, chance=0.5), HALF_LIVES), HALF_LIVES)
    coefficients = mean_coefficients(mix_of([1.0, 1.0, 1.0], [3.0, 1.0, 14.0]), contacts.decays())
    first = int(contacts.day[0])
    weeks = weekly_means(contacts, coefficients, first, 5)
    assert (weeks[:, 0] == 0).all()
    until = contacts.take(contacts.day < first + 21)
    path = mean_paths(until, until.newest(), coefficients, first + 21, 1)  # a day on, without that day's contacts
    total = np.bincount(until.newest().customer, path[:, 0], minlength=len(contacts.customers))
    np.testing.assert_allclose(weeks[:, 3], total, rtol=1e-9)


def test_a_channel_without_profile_is_named() -> None:
    rows = decay_contacts(contact_rows(), HALF_LIVES).assign(channel="fax")
    with pytest.raises(ValueError, match=r"fax.*channel_profiles"):
        read_contacts(rows, HALF_LIVES)


def test_nobody_was_contacted() -> None:
    empty = pd.DataFrame({"customer_id": [], "channel": [], "day": pd.to_datetime([]), "contacts_1d": []})
    contacts = read_contacts(decay_contacts(empty, HALF_LIVES), HALF_LIVES, ["a", "b"])
    assert len(contacts) == 0
    assert list(contacts.customers) == ["a", "b"]
    kept, met = index_before(contacts)
    assert met.shape == (0, 3, 3)
    assert len(kept) == 0
