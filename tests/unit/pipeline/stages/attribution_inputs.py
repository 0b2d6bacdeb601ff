"""Journeys, experiments and spend of an invented brand, as dbt would hand them to the attribution stage."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pandas as pd

from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import fill

PATHS = "intermediate.int_attribution__paths"
ROUTES = ("email", "email > sms", "search_paid > email", "sms > sms > store")


def aggregated_paths(first: date, days: int, seed: int = 1, email_factor: float = 1.0) -> pd.DataFrame:
    """A row a day, path, customer type and goal; ``email_factor`` multiplies conversions of paths that hold email."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(days):
        for path in ROUTES:
            for kind in ("new", "returning"):
                converted = int(random.poisson(1.0 * (email_factor if "email" in path else 1.0)))
                value = float(converted * random.integers(20, 80))
                squared = value**2 / max(converted, 1) * 1.2
                day, steps = first + timedelta(days=number), path.count(">") + 1
                if converted:
                    rows.append((day, kind, "mobile", "loyal", "order", path, steps, converted, 0, value, squared))
                lost = int(random.poisson(3))
                rows.append((day, kind, "desktop", "loyal", None, path, steps, 0, lost, 0.0, 0.0))
    columns = ["closed_on", "customer_type", "device", "segment", "goal", "path", "steps", "conversions",
               "non_conversions", "value", "value_squared"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def fill_experiment(
    warehouse: Warehouse,
    *,
    channel: str | None,
    first_on: date,
    last_on: date,
    treated_rate: float,
    holdout_rate: float,
    customers: int = 3000,
    reachable: float = 1.0,
    seed: int = 3,
    name: str = "holdout-1",
) -> None:
    """Customers, half of them held out, with Poisson conversions of 50.00 each while it runs and before.

    Those out of reach (no consent) convert at the holdout's rate in both arms.
    """
    random = np.random.default_rng(seed)
    ids = [f"{name}-{number}" for number in range(customers)]
    treated = random.random(customers) < 0.5
    within = random.random(customers) < reachable
    start = datetime.combine(first_on, time(), UTC)
    fill(warehouse, "marts.dim_customer", pd.DataFrame({"customer_id": ids, "is_known": True}))
    fill(
        warehouse,
        "marts.fct_experiment_assignment",
        pd.DataFrame(
            {
                "experiment_id": name, "customer_id": ids, "channel": channel,
                "arm": np.where(treated, "treated", "holdout"), "assigned_at": start, "assigned_on": first_on,
                "ends_on": last_on, "is_contaminated": np.arange(customers) % 100 == 99,
            }
        ),
    )  # fmt: skip
    signatures = pd.DataFrame({"signature": ids, "customer_id": ids})
    fill(warehouse, "intermediate.int_identity__signature_customers", signatures)
    if channel and reachable < 1:
        consents = pd.DataFrame({"signature": ids, "channel": channel, "is_granted": within})
        fill(warehouse, "staging.stg_consents__changes", consents.assign(changed_at=start - timedelta(days=30)))
        contacted = [ids[place] for place in np.flatnonzero(treated & within)]
        days = pd.DataFrame({"customer_id": contacted, "channel": channel, "day": first_on, "contacts_1d": 1})
        fill(warehouse, "marts.fct_pressure_daily", days)
    rate = np.where(treated & within, treated_rate, holdout_rate)
    length = (last_on - first_on).days + 1
    orders = [
        (customer, start + timedelta(days=float(when)))
        for customer, count, before in zip(ids, random.poisson(rate), random.poisson(0.3, customers), strict=True)
        for when in (*random.uniform(0, length - 0.01, count), *random.uniform(-60, -0.01, before))
    ]
    table = pd.DataFrame(orders, columns=["customer_id", "converted_at"])
    table["conversion_id"] = [f"{name}-order-{number}" for number in range(len(table))]
    table["converted_on"] = table["converted_at"].dt.date
    fill(warehouse, "marts.fct_conversion", table.assign(value=50.0))


def fill_steps(warehouse: Warehouse, first: date, days: int, seed: int = 5) -> None:
    """Journeys of one touch: search converts within the hour, email after days; one in three is lost."""
    random = np.random.default_rng(seed)
    steps, journeys = [], []
    for number in range(days * 20):
        day = first + timedelta(days=number // 20)
        channel, hours = ("search_paid", 0.5) if number % 2 else ("email", 60.0)
        lost = number % 3 == 0
        ended = datetime.combine(day, time(12), UTC) + timedelta(minutes=int(random.integers(0, 600)))
        name = f"lost:{number}" if lost else f"order:{number}"
        journeys.append((name, f"customer-{number % 500}", None if lost else name, day))
        touched = ended - timedelta(hours=hours * float(random.uniform(0.2, 1.0)))
        steps.append(
            (name, f"customer-{number % 500}", None if lost else name, f"touch-{number}", touched, touched.date(),
             None if lost else ended, None if lost else day, channel, None, None if lost else 50.0, 1, 1)
        )  # fmt: skip
    columns = ["journey_id", "customer_id", "conversion_id", "touchpoint_id", "occurred_at", "occurred_on",
               "converted_at", "converted_on", "channel", "campaign_id", "value", "step_number", "steps"]  # fmt: skip
    fill(warehouse, "intermediate.int_journey__steps", pd.DataFrame(steps, columns=columns))
    fill(
        warehouse,
        "marts.fct_journey",
        pd.DataFrame(journeys, columns=["journey_id", "customer_id", "conversion_id", "closed_on"]),
    )
