"""The index along time: what each contact met, and the four-week mean over the last days."""

from __future__ import annotations

import numpy as np

from millibar.pressure.index.contacts import Contacts, Floats, Ints

MOST_HALVINGS = 40.0  # what has halved more often is nothing


def index_before(contacts: Contacts, first_day: int | None = None) -> tuple[Ints, Floats]:
    """Decayed sums of all channels as each contact met them, without the contacts of its own day.

    Returns the rows from ``first_day`` on, and for each of them shape (rows, channels, 3): half, once, twice.
    """
    size, channels = len(contacts.customers), len(contacts.channels)
    if not len(contacts):
        return np.zeros(0, dtype=np.int64), np.zeros((0, channels, 3), dtype=np.float32)
    first = int(contacts.day[0]) if first_day is None else first_day
    decay = contacts.decays()[:, :3].astype(np.float32)
    state = np.zeros((size, channels, 3), dtype=np.float32)
    kept = np.flatnonzero(contacts.day >= first)
    met = np.zeros((len(kept), channels, 3), dtype=np.float32)
    days = np.arange(int(contacts.day[0]), int(contacts.day[-1]) + 2)
    starts = np.searchsorted(contacts.day, days)
    offset = len(contacts) - len(kept)
    for place in range(len(days) - 1):
        rows = slice(starts[place], starts[place + 1])
        people, sent = contacts.customer[rows], contacts.channel[rows]
        if len(people):
            if days[place] >= first:
                met[starts[place] - offset : starts[place + 1] - offset] = state[people]
            state[people, sent] = contacts.decayed[rows, :3]
        state *= decay
    return kept, met


def mean_paths(contacts: Contacts, current: Contacts, coefficients: Floats, last_day: int, days: int) -> Floats:
    """Mean index of every row of ``current`` at the end of the last ``days`` days, shape (rows, days).

    ``current``: one row a customer and channel, the newest up to ``last_day``. ``contacts``: rows of the same customers
    (numbered alike) from ``last_day - days + 1`` on. ``coefficients``: as ``mean_coefficients``, (channels, 4).
    """
    decay = contacts.decays()
    channels = len(contacts.channels)
    place = np.full(len(current.customers) * channels, -1, dtype=np.int64)
    keys = current.customer * channels + current.channel
    place[keys] = np.arange(len(current))
    window = contacts.day > last_day - days
    rows = place[contacts.customer[window] * channels + contacts.channel[window]]
    day, sums, own = contacts.day[window], contacts.decayed[window], contacts.contacts[window]
    state = _at(current, decay, last_day - days)
    # a customer with rows in the window: what stood before the first of them, seen from the day before the window
    first = np.full(len(current), -1, dtype=np.int64)
    first[rows[::-1]] = np.arange(len(rows))[::-1]
    begun = np.flatnonzero(first >= 0)
    before = np.maximum(sums[first[begun]] - own[first[begun], None], 0.0)
    ages = (day[first[begun]] - (last_day - days)).astype(float)
    state[begun] = _younger(before, decay[current.channel[begun]], ages)
    path = np.empty((len(current), days))
    own_decay, own_coefficients = decay[current.channel], coefficients[current.channel]
    starts = np.searchsorted(day, np.arange(last_day - days + 1, last_day + 2))
    for step in range(days):
        state *= own_decay
        today = slice(starts[step], starts[step + 1])
        state[rows[today]] = sums[today]
        path[:, step] = (state * own_coefficients).sum(axis=1)
    return np.maximum(path, 0.0)


def _at(current: Contacts, decay: Floats, day: int) -> Floats:
    """Sums of every row at the end of ``day``, for rows whose last contact lies before; 0 for the others."""
    age = (day - current.day).astype(float)
    older = age >= 0
    state = np.where(older[:, None], current.decayed, 0.0)
    return np.asarray(state * decay[current.channel] ** np.maximum(age, 0.0)[:, None])


def _younger(sums: Floats, decay: Floats, days: Floats) -> Floats:
    """Sums ``days`` earlier when nothing came between; what would have to have halved too often was nothing."""
    halvings = -np.log2(decay) * days[:, None]
    return np.asarray(np.where(halvings > MOST_HALVINGS, 0.0, sums * 2.0 ** np.minimum(halvings, MOST_HALVINGS)))
