"""What the warehouse would count of a played market's customers at a cut: the columns of int_churn__customer."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.pressure.bars.market import PlayedMarket
from millibar.simulation.draws import Array

ACTIVITY_DAYS, SPELL_DAYS = 365, 2  # dbt vars churn_activity_days, churn_spell_days


def buyers(market: PlayedMarket, cut: int) -> Array:
    """Known persons whose first order came on or before market day ``cut``; places in ``world.persons``."""
    bought = np.unique(market.orders.loc[market.orders["day"] <= cut, "person"])
    return np.asarray(bought[market.world.persons.is_known[bought]])


def act_columns(market: PlayedMarket, cut: int, persons: Array) -> pd.DataFrame:
    """The alive columns (see ``alive.acts``) of ``persons`` at a cut, counted as macro churn_features counts them."""
    first, size = cut - ACTIVITY_DAYS, len(market.world.persons)
    seen = market.daily[market.daily["day"] <= cut]
    orders = market.orders[market.orders["day"] <= cut]
    begun = _first_seen(size, seen, orders)
    window = seen[seen["day"] > first]
    orders = orders[orders["day"] > first]
    rates = answer_rates(window)
    answered = window[window["human_responses"] > 0]
    pushed = answered[answered["channel"].map(rates).gt(0)][["person", "day"]].drop_duplicates()
    acted = pd.concat([answered[["person", "day"]], orders[["person", "day"]]]).drop_duplicates()
    acted = acted.sort_values(["person", "day"])
    begins = ~(acted.groupby("person")["day"].diff() <= SPELL_DAYS)
    last, came = np.full(size, -1), np.full(size, 10**6)
    np.maximum.at(last, acted["person"], acted["day"])
    np.minimum.at(came, acted["person"], acted["day"])
    came_with = (came == begun) & (begun > first)  # the act that began the window tells nothing of the rhythm
    observed = cut - np.maximum(begun, first)
    contacts = window[window["contacts"] > 0]
    weight = (contacts["contacts"] * contacts["channel"].map(rates)).to_numpy()
    person, silent = contacts["person"].to_numpy(), contacts["day"].to_numpy() > last[contacts["person"]]
    frame = pd.DataFrame(
        {
            "acts": np.bincount(acted["person"][begins], minlength=size) - came_with,
            "act_days": np.bincount(acted["person"], minlength=size),
            "pushed_act_days": np.bincount(pushed["person"], minlength=size),
            "observed_days": observed,
            "days_since_act": np.where(last >= 0, cut - last, observed),
            "act_exposure": np.bincount(person[~silent], weight[~silent], size),
            "silent_exposure": np.bincount(person[silent], weight[silent], size),
        }
    )
    return frame.iloc[persons].reset_index(drop=True)


def answer_rates(window: pd.DataFrame) -> dict[str, float]:
    """Human responses a contact, at most 1, of every channel that contacted anybody."""
    totals = window.groupby("channel")[["contacts", "human_responses"]].sum()
    totals = totals[totals["contacts"] > 0]
    rates = np.minimum(totals["human_responses"].to_numpy() / totals["contacts"].to_numpy(), 1.0)
    return {str(channel): float(rate) for channel, rate in zip(totals.index, rates, strict=True)}


def _first_seen(size: int, seen: pd.DataFrame, orders: pd.DataFrame) -> Array:
    """Day of the first touchpoint or order of every person; far ahead where there was none."""
    first = np.full(size, 10**6)
    for frame in (seen, orders):
        np.minimum.at(first, frame["person"], frame["day"])
    return first
