"""How near each attribution model comes to the simulated market's causal effects, calibrated and not.

    millibar simulate --landing L --truth T --seed 1
    MILLIBAR_STATE=S MILLIBAR_LANDING=L millibar services warehouse
    MILLIBAR_STATE=S MILLIBAR_LANDING=L millibar run --as-of 2025-12-31
    python tests/benchmarks/attribution_truth.py --state S --truth T --as-of 2025-12-31

Truth is what would be missing over the same days had the channel been off (docs/SIMULATION.md). For every model:

share error     half the sum of |share of credit - share of positive effect| over channels: 0 is perfect, 1 is all wrong
rank            Spearman's rank correlation of credit and effect over channels
of everything   half the sum of |credit - effect| as shares of all conversions, what no channel caused being one more channel:
                a model that hands out every conversion cannot do well, as most would have come anyway
"""

from __future__ import annotations

import argparse
import calendar
import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

BASE = "(base)"
OWN_ACCORD = ("direct", "store")
CREDITS = """
    select model, channel, conversions, revenue, conversions_low, conversions_high
    from {table} where as_of = '{as_of}' {condition}
    order by model, channel
"""


def true_effects(folder: Path, as_of: date, days: int) -> pd.DataFrame:
    """channel -> share of the window's orders, and revenue, it caused: months by the share of their days inside it."""
    monthly = pd.read_parquet(folder / "channel_effects_monthly.parquet")
    first = as_of - timedelta(days=days - 1)

    def inside(month: str) -> float:
        year, number = (int(part) for part in month.split("-"))
        length = calendar.monthrange(year, number)[1]
        start, end = date(year, number, 1), date(year, number, length)
        return max((min(end, as_of) - max(start, first)).days + 1, 0) / length

    weight = monthly["month"].map(inside)
    table = pd.DataFrame(
        {
            "channel": monthly["channel"],
            "conversions": monthly["incremental_orders"] * weight,
            "revenue": monthly["incremental_revenue"] * weight,
            "orders": monthly["orders_with"] * weight,
        }
    )
    sums = table.groupby("channel").sum()
    # not every order of the market is in its feeds (a till ticket without a card is not): shares of what is
    return sums.assign(conversions=sums["conversions"] / sums["orders"])


def yearly_effects(folder: Path) -> pd.DataFrame:
    """channel -> orders and revenue caused in all the market's days: less noise, another season."""
    table = pd.read_parquet(folder / "channel_effects.parquet").set_index("channel")
    return pd.DataFrame({"conversions": table["incremental_orders"], "revenue": table["incremental_revenue"]})


def credits(warehouse: Warehouse, as_of: date) -> pd.DataFrame:
    """Credits of every model: of the marts where they are built, else of the fitted models alone."""
    marts = warehouse.value("select to_regclass('marts.fct_channel_attribution') is not null")
    fitted = warehouse.frame(
        CREDITS.format(table="scores.attribution_channel", as_of=as_of, condition="and dimension = 'all'")
    )
    if not marts:
        return fitted
    rules = warehouse.frame(CREDITS.format(table="marts.fct_channel_attribution", as_of=as_of, condition=""))
    return pd.concat([rules[~rules["model"].isin(fitted["model"])], fitted], ignore_index=True)


def score(credit: pd.Series[float], effect: pd.Series[float]) -> tuple[float, float]:
    """(share error, rank correlation) over the channels of the truth; ``credit`` without its base."""
    mine = credit.reindex(effect.index, fill_value=0.0)
    shares = mine / mine.sum()
    truth = effect.clip(lower=0) / effect.clip(lower=0).sum()
    return 0.5 * float((shares - truth).abs().sum()), float(spearmanr(mine, effect).statistic)


def of_everything(credit: pd.Series[float], effect: pd.Series[float], total: float) -> float:
    """Half the L1 distance of credits and effects, base included, over all conversions."""
    given = credit.drop(BASE, errors="ignore").reindex(effect.index, fill_value=0.0)
    shares, caused = given / total, effect.clip(lower=0)
    return 0.5 * (float((shares - caused).abs().sum()) + abs(float(shares.sum() - caused.sum())))


def table(found: pd.DataFrame, effects: pd.DataFrame, yearly: pd.DataFrame) -> pd.DataFrame:
    """A row a model, best first by its share error of revenue."""
    rows = []
    for model, part in found.groupby("model"):
        part = part.set_index("channel")
        variants = {str(model): part.drop(BASE, errors="ignore")}
        if BASE not in part.index:
            variants[f"{model}, without direct and store"] = part.drop(list(OWN_ACCORD), errors="ignore")
        for name, kept in variants.items():
            revenue, conversions = (
                score(kept["revenue"], effects["revenue"]),
                score(kept["conversions"], effects["conversions"]),
            )
            year = score(kept["revenue"], yearly["revenue"])
            rows.append(
                {
                    "model": name,
                    "revenue: share error": revenue[0],
                    "rank": revenue[1],
                    "conversions: share error": conversions[0],
                    "rank ": conversions[1],
                    "of everything": of_everything(
                        kept["conversions"], effects["conversions"], float(part["conversions"].sum())
                    ),
                    "year: share error": year[0],
                    "rank  ": year[1],
                }
            )
    return pd.DataFrame(rows).sort_values("revenue: share error", ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, help="state folder of an embedded warehouse")
    parser.add_argument("--warehouse", help="URI of another warehouse")
    parser.add_argument("--truth", type=Path, required=True, help="truth folder of the simulation")
    parser.add_argument("--as-of", type=date.fromisoformat, required=True)
    parser.add_argument("--days", type=int, default=90, help="attribution window (90)")
    options = parser.parse_args()
    environment = dict(os.environ)
    if options.state:
        environment["MILLIBAR_STATE"] = str(options.state)
    if options.warehouse:
        environment["MILLIBAR_WAREHOUSE_URI"] = options.warehouse
    effects = true_effects(options.truth, options.as_of, options.days)
    with Warehouse.open(Settings.from_environment(environment)) as warehouse:
        found = credits(warehouse, options.as_of)
    print(table(found, effects, yearly_effects(options.truth)).round(3).to_string(index=False))
    calibrated = found[found["model"] == "calibrated"].set_index("channel")
    if len(calibrated):
        total = float(calibrated["conversions"].sum())
        shown = calibrated.join((effects["conversions"] * total).rename("truth")).drop(BASE)
        held = shown["truth"].clip(lower=0).between(shown["conversions_low"] - 0.5, shown["conversions_high"] + 0.5)
        print(f"\ncalibrated intervals hold the truth of {int(held.sum())} of {len(held)} channels")
        columns = ["conversions", "conversions_low", "conversions_high", "truth"]
        print(shown[columns].sort_values("truth", ascending=False).round(0).to_string())
        caused = float(np.clip(effects["conversions"], 0, None).sum()) * total
        low, high = calibrated.loc[BASE, ["conversions_low", "conversions_high"]]
        print(f"base: {calibrated.loc[BASE, 'conversions']:.0f} ({low:.0f} to {high:.0f}); true: {total - caused:.0f}")


if __name__ == "__main__":
    main()
