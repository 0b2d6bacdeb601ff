"""Themes off the plan: the quarter's contacts by theme against the shares each channel committed to."""

from __future__ import annotations

import zlib
from datetime import date

import numpy as np
import pandas as pd

from millibar.pressure.signals.causes import Driver
from millibar.pressure.signals.company.trend import Finding
from millibar.pressure.signals.parameters import SignParameters

SIGN, SEGMENT = "generic_content", "theme_plan"
ROUNDS = 999


def quarter_of(day: date) -> str:
    """The quarter as theme plans write it, 2025-Q3."""
    return f"{day.year}-Q{(day.month - 1) // 3 + 1}"


def theme_drift(
    plan: pd.DataFrame, themes: pd.DataFrame, last_day: pd.Timestamp, parameters: SignParameters
) -> list[Finding]:
    """A finding a channel with a plan for the quarter: observed is the distance of the mix from the plan.

    Distance: half the sum of absolute differences of shares (total variation), 0 as planned, 1 wholly elsewhere.
    Expected: the distance chance alone gives when every campaign draws its theme from the plan, which few campaigns
    make large; p is the share of such draws at least as far off.
    """
    if plan.empty or themes.empty:
        return []
    quarter = quarter_of(last_day)
    begins = pd.Timestamp(last_day.year, 3 * ((last_day.month - 1) // 3) + 1, 1)
    weeks = max((last_day - begins).days // 7, 0)
    planned = themes[themes["quarter"].astype(str) == quarter]
    rows = plan[(plan["week"] >= 0) & (plan["week"] < weeks) & plan["theme"].notna()]
    found = []
    for channel, promised in planned.groupby("channel"):
        shares = promised.groupby("theme")["committed_share"].sum().astype(float)
        part = rows[rows["channel"] == channel].groupby("campaign").agg({"contacts": "sum", "theme": "first"})
        part = part[part["contacts"] > 0]
        if len(part) >= parameters.minimum_campaigns and shares.sum() > 0:
            found.append(_finding(str(channel), shares / shares.sum(), part, quarter, parameters))
    return found


def _finding(
    channel: str, shares: pd.Series, campaigns: pd.DataFrame, quarter: str, parameters: SignParameters
) -> Finding:
    contacts = campaigns["contacts"].to_numpy(dtype=float)
    names = sorted({*shares.index.astype(str), *campaigns["theme"].astype(str)})
    promised = shares.reindex(names, fill_value=0.0).to_numpy()
    actual = campaigns.groupby(campaigns["theme"].astype(str))["contacts"].sum().reindex(names, fill_value=0)
    mix = actual.to_numpy(dtype=float) / contacts.sum()
    distance = float(np.abs(mix - promised).sum() / 2)
    draw = np.random.default_rng(zlib.crc32(f"{SIGN} {channel} {quarter}".encode()))
    picks = draw.choice(len(names), (ROUNDS, len(contacts)), p=promised / promised.sum())
    drawn = np.zeros((ROUNDS, len(names)))
    np.add.at(drawn, (np.arange(ROUNDS)[:, None], picks), contacts / contacts.sum())
    chance = np.abs(drawn - promised).sum(axis=1) / 2
    usual = float(chance.mean())
    p_value = float((1 + (chance >= distance - 1e-12).sum()) / (ROUNDS + 1))
    moved = p_value < parameters.trend_p and distance - usual >= parameters.trend_least
    verdict = "nothing" if not moved else "alert" if distance > parameters.theme_limit else "trend"
    gap = distance - usual
    drivers = [
        Driver(
            "theme", names[place][:120], float(abs(mix[place] - promised[place]) / 2),
            f"{100 * mix[place]:.0f} % of contacts against {100 * promised[place]:.0f} % planned",
        )
        for place in np.argsort(-np.abs(mix - promised), kind="stable")[: parameters.drivers]
    ]  # fmt: skip
    drivers.append(Driver("theme", "(other)", gap - sum(driver.contribution for driver in drivers), "chance and rest"))
    worst = int(np.argmax(np.abs(mix - promised)))
    cause = (
        f"the themes of {quarter} are {distance:.2f} off the plan, where chance explains {usual:.2f}; most of it "
        f"{names[worst][:120]}: {100 * mix[worst]:.0f} % of contacts against {100 * promised[worst]:.0f} % planned"
    )
    return Finding(
        SIGN, channel, SEGMENT, distance, usual, float(contacts.sum()), p_value, max(gap, 0.0) * float(contacts.sum()),
        verdict, "plan_resampling", distance, parameters.theme_limit, cause, gap, drivers,
    )  # fmt: skip
