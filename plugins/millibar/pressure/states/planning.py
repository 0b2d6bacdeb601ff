"""How many days to wait: until the mean index is borne again, and until the week's cap lets another contact through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from millibar.pressure.index.contacts import Contacts, Floats, Ints

if TYPE_CHECKING:
    from millibar.pressure.states.judge import ChannelRules

LONGEST_WAIT = 365  # days
CAP_DAYS = 7
PEAK_DAYS = (0, 1, 2, 4, 7, 10, 14, 21, 28)  # on which the coming peak is looked for


def coming_peak(current: Contacts, coefficients: Floats, last_day: int) -> tuple[Floats, Ints]:
    """Highest mean index of each customer from ``last_day`` on if nothing more is sent, and after how many days.

    The mean follows the index: after a flood it rises for days. ``coefficients``: as ``mean_coefficients``.
    """
    people = len(current.customers)
    peak, day = np.zeros(people), np.zeros(people, dtype=np.int64)
    for after in PEAK_DAYS:
        mean = _mean_after(current, coefficients, last_day, np.full(people, after))
        higher = mean > peak
        peak, day = np.where(higher, mean, peak), np.where(higher, after, day)
    return peak, day


def days_until_borne(
    current: Contacts, coefficients: Floats, tolerance: Floats, last_day: int, peak: tuple[Floats, Ints]
) -> Ints:
    """Days after ``last_day`` until each customer's mean index, without further contacts, is down to the tolerance.

    ``coefficients``: as ``mean_coefficients``, (channels, 4); ``tolerance``: a customer; ``peak``: as
    :func:`coming_peak`. From 1 to ``LONGEST_WAIT``. After its peak the mean falls through the tolerance once, so
    halving the range finds the day; a peak within the tolerance is borne.
    """
    height, low = peak
    people = len(current.customers)
    high = np.full(people, LONGEST_WAIT, dtype=np.int64)
    for _ in range(int(np.ceil(np.log2(LONGEST_WAIT))) + 1):
        middle = (low + high) // 2
        borne = _mean_after(current, coefficients, last_day, middle) <= tolerance
        high = np.where(borne, middle, high)
        low = np.where(borne, low, middle)
    return np.asarray(np.where(height <= tolerance, 1, np.maximum(high, 1)))


def _mean_after(current: Contacts, coefficients: Floats, last_day: int, days: Ints) -> Floats:
    """Mean index of each customer so many days after ``last_day``."""
    ages = (last_day + days[current.customer] - current.day).astype(float)[:, None]
    means = (current.decayed * current.decays()[current.channel] ** ages * coefficients[current.channel]).sum(axis=1)
    return np.bincount(current.customer, means, minlength=len(current.customers)).astype(float)


def days_until_cap(current: Contacts, contacts_7d: Floats, rules: ChannelRules, last_day: int) -> Ints:
    """Days after ``last_day`` until the contacts of each row's last week no longer fill the channel's weekly cap."""
    cap = rules.weekly_cap[current.channel]
    full = (cap > 0) & (contacts_7d >= cap)
    return np.maximum(np.where(full, current.day + CAP_DAYS - last_day, 1), 1)
