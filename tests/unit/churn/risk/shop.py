"""Made-up order days of a shop whose customers buy at rates of their own and leave unseen; and frames of the SQL contract."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

FIRST_DAY, LAST_DAY = 18_000, 18_720  # days since 1970-01-01: two years
HORIZON = 90


def order_days(customers: int, seed: int = 5) -> pd.DataFrame:
    """customer_id, day, value, returned: rates ~ Gamma(0.8, mean 0.03 a day), life exponential of 300 days."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        start = int(random.integers(FIRST_DAY, LAST_DAY - 200))
        end = min(start + random.exponential(300.0), LAST_DAY)
        rate, size = random.gamma(0.8, 0.03 / 0.8), random.lognormal(3.5, 0.5)
        later = start + np.cumsum(random.exponential(1 / rate, size=80))
        bought = np.unique(np.concatenate([[start], later[later <= end].astype(int)]))
        values = size * random.lognormal(0.0, 0.3, len(bought))
        returned = np.where(random.random(len(bought)) < 0.1, values * 0.5, 0.0)
        rows.append(
            pd.DataFrame({"customer_id": f"c{number:06d}", "day": bought, "value": values, "returned": returned})
        )
    return pd.concat(rows, ignore_index=True)


def contract_rows(customers: int, seed: int = 7, cut: date = date(2025, 6, 30)) -> pd.DataFrame:
    """Every column of intermediate.int_churn__customer the model may read, with nulls where the contract has them."""
    random = np.random.default_rng(seed)
    repeats = random.poisson(random.gamma(0.8, 3.0, customers))
    silence = random.integers(0, 400, customers)
    recency = np.where(repeats > 0, random.integers(1, 500, customers), 0)
    contacts = random.poisson(12, customers)
    answers = random.binomial(contacts, random.beta(1, 6, customers))
    value = random.lognormal(3.5, 0.6, customers)
    unsubscribes, complaints = random.random(customers) < 0.08, random.random(customers) < 0.03
    return pd.DataFrame(
        {
            "customer_id": [f"c{number:06d}" for number in range(customers)],
            "cut": cut,
            "orders": repeats + 1,
            "purchase_days": repeats + 1,
            "repeat_purchases": repeats,
            "recency_days": recency,
            "age_days": recency + silence,
            "days_since_order": silence,
            "mean_gap_days": np.where(repeats > 0, recency / np.maximum(repeats, 1), np.nan),
            "orders_90d": np.where(silence < 90, 1, 0),
            "orders_365d": np.where(silence < 365, np.minimum(repeats + 1, 9), 0),
            "revenue": value * (repeats + 1),
            "revenue_365d": np.where(silence < 365, value, 0.0),
            "mean_day_value": value,
            "repeat_mean_value": np.where(repeats > 0, value, np.nan),
            "last_day_value": value,
            "returned_share": np.where(random.random(customers) < 0.15, random.random(customers), 0.0),
            "store_share": random.random(customers),
            "contacts_30d": contacts // 3,
            "contacts_90d": contacts,
            "responses_30d": answers // 3,
            "responses_90d": answers,
            "visits_90d": random.poisson(2, customers),
            "opens_90d": answers + 1,
            "days_since_response": np.where(answers > 0, random.integers(0, 90, customers), np.nan),
            "days_since_visit": np.where(random.random(customers) < 0.7, random.integers(0, 200, customers), np.nan),
            "human_responses": answers * 3,
            "contacts": contacts * 4,
            "unsubscribes": unsubscribes.astype(int),
            "complaints": complaints * 2,
            "unsubscribes_365d": 0,
            "complaints_365d": complaints * 2,
            "channels_90d": np.minimum(answers, 3),
            "pressure_index": random.gamma(2.0, 0.7, customers),
            "acts": repeats + answers,
            "pushed_acts": answers,
            "observed_days": 365,
            "days_since_act": np.minimum(silence, 365),
            "act_exposure": contacts * 0.1,
            "silent_exposure": contacts * 0.2,
        }
    )


def followed(rows: pd.DataFrame, seed: int = 9) -> np.ndarray:
    """Who ordered within the horizon: recent, frequent, answering customers more, those under pressure less."""
    odds = (
        0.6
        - 0.012 * rows["days_since_order"]
        + 0.7 * np.log1p(rows["repeat_purchases"])
        + 1.2 * np.log1p(rows["responses_90d"])
        - 0.9 * (rows["pressure_index"] - 1.4)
        - 2.0 * (rows["complaints"] > 0)
    ).to_numpy()
    return np.random.default_rng(seed).random(len(rows)) < 1 / (1 + np.exp(-odds))
