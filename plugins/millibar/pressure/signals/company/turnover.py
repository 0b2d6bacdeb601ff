"""Team turnover: leavers a head and month against the team's past and the company's other teams.

Leavers of n heads are Beta-binomial: the company's rate is the prior (its strength by moments over teams), the
team's own past its data, and the chance of as many leavers as now the p-value. Small teams lose somebody by chance.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import betabinom

from millibar.pressure.signals.causes import Driver
from millibar.pressure.signals.company.trend import Finding
from millibar.pressure.signals.inputs import ALL
from millibar.pressure.signals.parameters import SignParameters

SIGN = "team_turnover"
STRENGTH = (12.0, 240.0)  # head-months the prior is worth, at least and at most
HISTORY_MONTHS = 24


def team_turnover(
    staffing: pd.DataFrame, plan: pd.DataFrame, last_day: pd.Timestamp, parameters: SignParameters
) -> list[Finding]:
    """A finding a team with months before the recent ones; rates are leavers a head and month."""
    if staffing.empty:
        return []
    rows = staffing.assign(month=pd.to_datetime(staffing["month_on"])).dropna(subset=["team", "headcount", "leavers"])
    rows = rows[(rows["month"] <= last_day) & (rows["headcount"].astype(float) > 0)]
    if rows.empty:
        return []
    newest = rows["month"].max()
    age = 12 * (newest.year - rows["month"].dt.year) + newest.month - rows["month"].dt.month
    rows = rows.assign(is_recent=age < parameters.turnover_months)[age < HISTORY_MONTHS]
    sums = (
        rows.assign(headcount=rows["headcount"].astype(float), leavers=rows["leavers"].astype(float))
        .groupby(["team", "is_recent"])[["headcount", "leavers"]]
        .sum()
        .unstack("is_recent", fill_value=0.0)
    )
    columns = pd.MultiIndex.from_product([["headcount", "leavers"], [False, True]])
    sums = sums.reindex(columns=columns, fill_value=0.0)
    prior = _prior(sums["leavers", False].to_numpy(), sums["headcount", False].to_numpy())
    found = []
    for team, figures in sums.iterrows():
        heads, left = figures["headcount", True], figures["leavers", True]
        past_heads, past_left = figures["headcount", False], figures["leavers", False]
        if heads > 0 and past_heads > 0:
            found.append(_finding(str(team), (left, heads), (past_left, past_heads), prior, plan, parameters))
    return found


def _prior(leavers: np.ndarray, heads: np.ndarray) -> tuple[float, float]:
    """Mean and strength (head-months) of the Beta prior over teams; never certain of zero."""
    mean = float((leavers.sum() + 0.5) / (heads.sum() + 50.0))
    rates = leavers / np.maximum(heads, 1.0)
    chance = mean * (1 - mean) * float((1 / np.maximum(heads, 1.0)).mean())
    between = float(rates.var()) - chance
    strength = mean * (1 - mean) / between if between > 0 else STRENGTH[1]
    return mean, float(np.clip(strength, *STRENGTH))


def _finding(
    team: str,
    recent: tuple[float, float],
    past: tuple[float, float],
    prior: tuple[float, float],
    plan: pd.DataFrame,
    parameters: SignParameters,
) -> Finding:
    mean, strength = prior
    a, b = mean * strength + past[0], (1 - mean) * strength + past[1] - past[0]
    left, heads = recent
    expected = a / (a + b)
    p_value = float(betabinom.sf(round(left) - 1, max(round(heads), round(left)), a, max(b, 1e-6)))
    rate = left / heads
    moved = p_value < parameters.trend_p and left >= 2
    verdict = "nothing" if not moved else "alert" if 12 * rate > parameters.turnover_limit else "trend"
    beside = _results(plan, team, parameters.plan_weeks)
    cause = (
        f"{left:.0f} of {heads / parameters.turnover_months:.0f} people of team {team} left in "
        f"{parameters.turnover_months} months, {expected * heads:.1f} were to be expected" + beside
    )
    gap = left - expected * heads
    return Finding(
        SIGN, ALL, f"team:{team}", rate, expected, heads, p_value, max(gap, 0.0), verdict, "beta_binomial", rate * 12,
        parameters.turnover_limit, cause, gap, [Driver("team", team[:120], gap, "leavers more than expected")],
    )  # fmt: skip


def _results(plan: pd.DataFrame, team: str, weeks: int) -> str:
    """How the team's campaigns did in the meantime, in words."""
    rows = plan[(plan["team"] == team) & (plan["week"] >= 0) & (plan["week"] < 2 * weeks)]
    now, before = rows[rows["week"] < weeks], rows[rows["week"] >= weeks]
    if not now["contacts"].sum() or not before["contacts"].sum():
        return ""
    told = [
        f"{label} a contact {100 * now[name].sum() / now['contacts'].sum():.2g} % against "
        f"{100 * before[name].sum() / before['contacts'].sum():.2g} %"
        for name, label in (("human_clicks", "clicks"), ("complaints", "complaints and unsubscriptions"))
    ]
    return "; its campaigns in the meantime: " + ", ".join(told)
