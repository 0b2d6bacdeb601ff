"""What tells a customer's tolerance: for each contact, the index it met, the answers and the annoyances it brought."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from millibar.pressure.index.contacts import Contacts, Floats, Ints, day_number
from millibar.pressure.index.paths import index_before

LEAST_INDEX = 1e-3  # a contact to somebody at rest


@dataclass(frozen=True)
class Evidence:
    """One element a contact row (customer x channel x day), of one window of days.

    ``met``: decayed sums the contacts met, shape (rows, channels, 3). ``answers``: clicks and replies of people,
    ``annoyances``: unsubscribes, spam complaints and complaints; both counted to the customer's last contact by that
    channel at most some days before. ``customers``: how many, those without any row included.
    """

    customers: int
    channels: tuple[str, ...]
    customer: Ints
    channel: Ints
    contacts: Floats
    answers: Floats
    annoyances: Floats
    met: Floats

    def __len__(self) -> int:
        return len(self.customer)

    @cached_property
    def pairs(self) -> tuple[Ints, Ints, Ints]:
        """Place of each row's pair of customer and channel, and each pair's customer and channel."""
        keys, place = np.unique(self.customer * len(self.channels) + self.channel, return_inverse=True)
        return place.astype(np.int64), keys // len(self.channels), keys % len(self.channels)

    def log_index(self, coefficients: Floats) -> Floats:
        """ln of the index each contact met, under ``coefficients`` of shape (channels, 3)."""
        flat = self.met.reshape(len(self), coefficients.size) @ coefficients.reshape(-1).astype(self.met.dtype)
        return np.log(np.maximum(flat, LEAST_INDEX)).astype(np.float64)


def gather(contacts: Contacts, acts: pd.DataFrame, first_day: int, blame_days: int) -> Evidence:
    """Evidence of the contacts from ``first_day`` (days since 2000) on.

    ``acts``: customer_id, channel, day, answers, annoyances. An act without a contact of its channel in the
    ``blame_days`` before, or of a customer that is not among those of ``contacts``, tells nothing and is left out.
    """
    kept, met = index_before(contacts, first_day)
    customer, channel, day = contacts.customer[kept], contacts.channel[kept], contacts.day[kept]
    who = pd.Index(contacts.customers).get_indexer(pd.Index(acts["customer_id"]))
    where = pd.Index(contacts.channels).get_indexer(pd.Index(acts["channel"]))
    when = day_number(acts["day"])
    known = (who >= 0) & (where >= 0)
    # one number for customer, channel and day puts each act behind the contact it follows
    span = int(max(day.max(initial=0), when.max(initial=0))) + 2
    contact_keys = (customer * len(contacts.channels) + channel) * span + day
    order = np.argsort(contact_keys, kind="stable")
    act_keys = (who[known] * len(contacts.channels) + where[known]) * span + when[known]
    behind = np.searchsorted(contact_keys[order], act_keys, side="right") - 1
    found = behind >= 0
    rows = order[np.maximum(behind, 0)] if len(order) else np.zeros(len(behind), dtype=np.int64)
    if len(order):
        gap = act_keys - contact_keys[rows]
        found &= (gap <= blame_days) & (customer[rows] == who[known]) & (channel[rows] == where[known])
    answers, annoyances = (
        np.bincount(rows[found], acts[name].to_numpy(dtype=float)[known][found], minlength=len(kept)).astype(float)
        for name in ("answers", "annoyances")
    )
    return Evidence(
        len(contacts.customers), contacts.channels, customer, channel, contacts.contacts[kept], answers, annoyances, met
    )
