"""What the barometer reads: contacts with their decayed sums, acts that answer them, profiles and customers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from millibar.pressure.index import ChannelMix, Contacts, read_contacts
from millibar.pressure.index.contacts import Floats
from millibar.pressure.states.judge import ChannelRules
from millibar.warehouse.connect import Warehouse

CONTACT_COLUMNS = """customer_id, channel, day, contacts_1d::float8 as contacts_1d, contacts_7d::float8 as contacts_7d,
        decayed_half::float8 as decayed_half, decayed::float8 as decayed, decayed_double::float8 as decayed_double,
        decayed_memory::float8 as decayed_memory"""
PROFILES = """
    select channel, pressure_weight::float8 as pressure_weight, persistence_days::float8 as persistence_days,
        weekly_cap::float8 as weekly_cap, intrusiveness::float8 as intrusiveness
    from seeds.channel_profiles
    order by channel
"""
# known customers, and whoever was spoken to up to the day
CUSTOMERS = """
    select people.customer_id, max(customers.acquisition_channel) as segment,
        coalesce(bool_or(customers.is_known), false) as is_known
    from (
        select customer_id from marts.dim_customer where is_known
        union
        select customer_id from marts.fct_pressure_daily where day <= %(last)s
    ) as people
    left join marts.dim_customer as customers on customers.customer_id = people.customer_id
    group by people.customer_id
    order by people.customer_id
"""
_CONTACTS = """
    select {columns}
    from marts.fct_pressure_daily
    where day >= %(first)s and day < %(end)s and {chosen}
"""
_ACTS = """
    select customer_id, channel, occurred_on as day,
        (count(*) filter (where event_type in ('click', 'reply')))::float8 as answers,
        (count(*) filter (where event_type not in ('click', 'reply')))::float8 as annoyances
    from marts.fct_touchpoint
    where event_type in ('click', 'reply', 'unsubscribe', 'spam_complaint', 'complaint') and not is_machine
        and occurred_on >= %(first)s and occurred_on < %(end)s and {chosen}
    group by customer_id, channel, occurred_on
"""
_IN_RANGE, _NAMED = "customer_id >= %(from_id)s and customer_id <= %(to_id)s", "customer_id = any(%(customers)s)"
CONTACTS = _CONTACTS.format(columns=CONTACT_COLUMNS, chosen=_IN_RANGE)
CONTACTS_OF = _CONTACTS.format(columns=CONTACT_COLUMNS, chosen=_NAMED)
RECENT = _CONTACTS.format(columns=CONTACT_COLUMNS, chosen="true")
ACTS, ACTS_OF = _ACTS.format(chosen=_IN_RANGE), _ACTS.format(chosen=_NAMED)
ORDERS_OF = """
    select customer_id, ordered_on as day
    from marts.fct_order
    where ordered_on >= %(first)s and ordered_on < %(end)s and customer_id = any(%(customers)s)
"""
SPOKEN_TO = """
    select distinct customer_id from marts.fct_pressure_daily where day >= %(first)s and day < %(end)s
"""
ANNOYED = """
    select distinct customer_id
    from marts.fct_touchpoint
    where event_type in ('unsubscribe', 'spam_complaint', 'complaint')
        and occurred_on >= %(first)s and occurred_on < %(end)s
"""
# the running state; for a day of the past, the newest row up to it
_CURRENT = """
    select customer_id, channel, last_contact_on as day, 0::float8 as contacts_1d, contacts_7d::float8 as contacts_7d,
        decayed_half::float8 as decayed_half, decayed::float8 as decayed, decayed_double::float8 as decayed_double,
        decayed_memory::float8 as decayed_memory
    from intermediate.int_pressure__current
    where last_contact_on <= %(last)s
    union all
    select newest.*
    from intermediate.int_pressure__current as later
    cross join lateral (
        select {columns}
        from marts.fct_pressure_daily as daily
        where daily.customer_id = later.customer_id and daily.channel = later.channel and daily.day <= %(last)s
        order by daily.day desc
        limit 1
    ) as newest
    where later.last_contact_on > %(last)s
"""
CURRENT = _CURRENT.format(columns=CONTACT_COLUMNS)


@dataclass(frozen=True)
class Profiles:
    """The channel profiles as the methods want them."""

    half_lives: dict[str, float]
    mix: ChannelMix
    rules: ChannelRules

    @classmethod
    def read(cls, warehouse: Warehouse) -> Profiles:
        rows = warehouse.frame(PROFILES)
        lives, weights = rows["persistence_days"].to_numpy(dtype=float), rows["pressure_weight"].to_numpy(dtype=float)
        half_lives = dict(zip(rows["channel"].tolist(), lives.tolist(), strict=True))
        rules = ChannelRules(rows["weekly_cap"].to_numpy(dtype=float), rows["intrusiveness"].to_numpy(dtype=float))
        return cls(half_lives, ChannelMix(tuple(half_lives), weights, lives, lives), rules)


def contacts_of(
    warehouse: Warehouse, profiles: Profiles, sql: str, parameters: dict[str, Any], customers: list[str]
) -> tuple[Contacts, Floats]:
    """Contacts of these customers, numbered in their order, and the contacts of the week that ends with each row."""
    frame = warehouse.frame(sql, parameters)
    frame = frame[frame["customer_id"].isin(customers)]
    order = np.argsort(pd.to_datetime(frame["day"]).to_numpy(), kind="stable")
    frame = frame.iloc[order]
    return read_contacts(frame, profiles.half_lives, np.asarray(customers, object)), frame["contacts_7d"].to_numpy(
        float
    )


def between(first: date, end: date, customers: list[str]) -> dict[str, Any]:
    """Parameters of a query over days and a range of customers; ``customers`` is sorted."""
    return {"first": first, "end": end, "from_id": customers[0], "to_id": customers[-1]}
