"""The tables churn reads, as dbt would have built them, filled from a made-up shop's orders and acts."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd

from millibar.churn.risk import later_days, order_features

HORIZON_DAYS = 90
INTEGERS = (
    "orders", "purchase_days", "repeat_purchases", "recency_days", "age_days", "days_since_order", "orders_90d",
    "orders_365d", "contacts_30d", "contacts_90d", "responses_30d", "responses_90d", "visits_90d", "opens_90d",
    "unsubscribes_365d", "complaints_365d", "channels_90d", "days_since_response", "days_since_visit",
    "human_responses", "contacts", "unsubscribes", "complaints", "acts", "act_days", "pushed_act_days",
    "observed_days", "days_since_act",
)  # fmt: skip
DOUBLES = (
    "mean_gap_days", "revenue", "revenue_365d", "mean_day_value", "repeat_mean_value", "last_day_value",
    "returned_share", "store_share", "pressure_index", "act_exposure", "silent_exposure",
)  # fmt: skip
COLUMNS = {
    "customer_id": "text", "cut": "date", "first_order_on": "date", "last_order_on": "date",
    **dict.fromkeys(INTEGERS, "integer"), **dict.fromkeys(DOUBLES, "double precision"),
}  # fmt: skip


def statements() -> str:
    """Tables, empty."""
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    return f"""
        create table intermediate.int_churn__customer ({columns});
        create table intermediate.int_churn__earlier ({columns}, later_orders integer, later_value double precision);
    """


def bought(customers: int, as_of: date, seed: int = 1) -> pd.DataFrame:
    """Purchase days (customer_id, day, value) of two years at rates of their own; half of the buyers have left."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        start, rate = int(random.integers(200, 730)), random.gamma(1.0, 1 / 60)
        end = max(0, start - int(random.exponential(500)))
        times = start - np.cumsum(random.exponential(1 / rate, 200))
        ages = {start, *(int(time) for time in times[times > end])}
        value = random.gamma(5, 12)
        rows += [(f"c{number:04d}", as_of - timedelta(days=age), value * random.gamma(4, 0.25)) for age in sorted(ages)]
    return pd.DataFrame(rows, columns=["customer_id", "day", "value"])


def known_at(days: pd.DataFrame, cut: date) -> pd.DataFrame:
    """The columns of int_churn__customer at a cut; acts are the purchase days of the last year, two contacts a month."""
    features = order_features(days, cut)
    observed = features["age_days"].clip(upper=365)
    silence = features["days_since_order"].clip(upper=observed)
    acts = features["orders_365d"].where(features["days_since_order"] < 365, 0)
    counted = {
        "acts": acts,
        "act_days": acts,
        "observed_days": observed,
        "days_since_act": silence,
        "act_exposure": (observed - silence) * 0.005,
        "silent_exposure": silence * 0.005,
        "contacts": (features["age_days"] // 15),
        "contacts_30d": 2,
        "contacts_90d": 6,
        "days_since_response": None,
        "days_since_visit": None,
    }
    missing = {name: 0 for name in COLUMNS if name not in features.columns and name not in counted}
    return features.assign(**counted, **missing)[list(COLUMNS)]


def earlier(days: pd.DataFrame, as_of: date) -> pd.DataFrame:
    """The rows of int_churn__earlier."""
    parts = []
    for periods in (1, 2):
        cut = as_of - timedelta(days=HORIZON_DAYS * periods)
        then = known_at(days, cut)
        labels = later_days(days, cut, HORIZON_DAYS, then["customer_id"])
        parts.append(then.assign(later_orders=labels, later_value=0.0))
    return pd.concat(parts, ignore_index=True)
