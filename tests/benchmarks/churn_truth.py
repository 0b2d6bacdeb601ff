"""How near churn, attrition and moments of a whole run come to the simulated market's truth.

    millibar simulate --landing L --truth T --seed 1
    MILLIBAR_STATE=S MILLIBAR_LANDING=L millibar services warehouse
    MILLIBAR_STATE=S MILLIBAR_LANDING=L millibar run --as-of 2025-12-31
    python tests/benchmarks/churn_truth.py --state S --truth T --as-of 2025-12-31

A customer is the person most of his orders belong to: unlike tests/benchmarks/churn_bars.py this has passed through files,
identity resolution and dbt. Printed: AUC of 1 - p_alive for persons who have left for good, beside the days since the
last order; how the market's movers and leavers are judged on the newsletter; and how well the hours chosen suit persons, as
a share of the way from the channel's usual hour to each person's own best one.
"""

from __future__ import annotations

import argparse
import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from millibar.pressure.bars.states import auc
from millibar.settings import Settings
from millibar.simulation.parameters import PeopleParameters
from millibar.warehouse.connect import Warehouse

ORDERS = "select order_id, customer_id from marts.fct_order"
CHURN = "select customer_id, p_alive, last_order_on from marts.fct_churn"
ATTRITION = "select customer_id, verdict, shifted_to from marts.fct_channel_attrition where channel = 'email'"
MOMENTS = "select customer_id, hour, basis from marts.fct_best_moment where channel = 'email'"
USUAL = "select hour, sum(exposures)::float8 as sent from scores.moment_channel where channel = 'email' group by hour"
SEEN_DAYS = 90  # an event this long ago had time to show


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("--state", type=Path, required=True, help="the warehouse's MILLIBAR_STATE")
    told.add_argument("--truth", type=Path, required=True, help="folder the market's truth was written to")
    told.add_argument("--as-of", type=date.fromisoformat, required=True, help="the business date that was run")
    arguments = told.parse_args()
    os.environ["MILLIBAR_STATE"] = str(arguments.state)
    persons = pd.read_parquet(arguments.truth / "persons.parquet")
    with Warehouse.open(Settings.from_environment()) as warehouse:
        owners = person_of_customer(warehouse, arguments.truth).merge(persons, on="person_id")
        departures(owners, warehouse, arguments.as_of)
        newsletter(owners, warehouse, arguments.as_of)
        hours(owners, warehouse)


def person_of_customer(warehouse: Warehouse, truth: Path) -> pd.DataFrame:
    """customer_id, person_id: whose orders they mostly are; a customer without an order is left out."""
    orders = warehouse.frame(ORDERS).merge(pd.read_parquet(truth / "orders.parquet"), on="order_id")
    counted = orders.groupby(["customer_id", "person_id"], as_index=False).size()
    return counted.sort_values("size").drop_duplicates("customer_id", keep="last")[["customer_id", "person_id"]]


def departures(owners: pd.DataFrame, warehouse: Warehouse, as_of: date) -> None:
    scored = warehouse.frame(CHURN).merge(owners[owners["is_known"]], on="customer_id")
    left = (pd.to_datetime(scored["churned_on"]) <= pd.Timestamp(as_of)).to_numpy()
    gone = 1 - scored["p_alive"].to_numpy(dtype=float)
    since = (pd.Timestamp(as_of) - pd.to_datetime(scored["last_order_on"])).dt.days.to_numpy(dtype=float)
    print(f"{len(scored):,} customers of known persons, {left.mean():.1%} have left for good, {gone.mean():.1%} told")
    print(f"left for good: AUC {auc(gone, left):.4f}, days since the last order {auc(since, left):.4f}")


def newsletter(owners: pd.DataFrame, warehouse: Warehouse, as_of: date) -> None:
    judged = warehouse.frame(ATTRITION).merge(owners, on="customer_id")
    seen = pd.Timestamp(as_of) - pd.Timedelta(days=SEEN_DAYS)
    moved = pd.to_datetime(judged["shifted_on"]) <= seen
    left = (pd.to_datetime(judged["churned_on"]) <= seen) & ~moved
    for words, chosen in (("moved", moved), ("left for good", left), ("neither", ~moved & ~left)):
        shares = judged[chosen]["verdict"].value_counts(normalize=True).sort_index()
        told = ", ".join(f"{verdict} {share:.1%}" for verdict, share in shares.items())
        print(f"newsletter, {words} {SEEN_DAYS} days ago or before, {int(chosen.sum()):,} customers: {told}")


def hours(owners: pd.DataFrame, warehouse: Warehouse) -> None:
    """Suitability as the simulator has it: a bell around the person's best hour."""
    width = PeopleParameters().hour_width
    chosen = warehouse.frame(MOMENTS).merge(owners, on="customer_id")
    usual = warehouse.frame(USUAL)

    def suits(best: np.ndarray, hour: np.ndarray) -> np.ndarray:
        gap = np.abs(hour + 0.5 - best)
        return np.exp(-(np.minimum(gap, 24 - gap) ** 2) / (2 * width**2))

    used = usual.loc[usual["sent"] > 0.002 * usual["sent"].sum(), "hour"].to_numpy(dtype=float)
    for basis, rows in [("all", chosen), *chosen.groupby("basis")]:
        best = rows["best_hour"].to_numpy(dtype=float)
        table = suits(best[:, None], used[None, :])
        reached = float(suits(best, rows["hour"].to_numpy(dtype=float)).mean())
        one, own = float(table.mean(axis=0).max()), float(table.max(axis=1).mean())
        print(f"hours, basis {basis}, {len(rows):,}: {reached:.3f}; best hour for all {one:.3f}, own best {own:.3f}")


if __name__ == "__main__":
    main()
