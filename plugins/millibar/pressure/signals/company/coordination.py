"""Uncoordinated plans: the same customer, two teams, within a day, against the same calendars moved apart.

Each team's calendar is turned around the window by whole weeks (a circular shift), which keeps its volume, its weekdays
and whom it writes to, and breaks only what the teams do *at the same time*. Contacts that meet another team's more
often than after such turns collide. Teams that always write on the same weekday collide after every turn, too: that
habit is seen by the share alone, which has a limit of its own.
"""

from __future__ import annotations

import zlib
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import norm

from millibar.pressure.signals.arrays import Flags, Floats
from millibar.pressure.signals.causes import OTHER, Driver
from millibar.pressure.signals.company.trend import Finding
from millibar.pressure.signals.inputs import ALL
from millibar.pressure.signals.parameters import SignParameters

SIGN = "uncoordinated_plan"
WEEK_HOURS = 168.0
LEAST_CONTACTS = 200


def uncoordinated_plan(encounters: pd.DataFrame, last_day: pd.Timestamp, parameters: SignParameters) -> list[Finding]:
    """A finding for all teams and one for each: the share of contacts that follow another team's within a day.

    ``encounters``: customer_id, at, team of a sample of customers. Contacts without a team are left out.
    """
    rows = encounters[encounters["team"].notna()] if len(encounters) else encounters
    if len(rows) < LEAST_CONTACTS or rows["team"].nunique() < 2:
        return []
    weeks = parameters.plan_weeks
    ends = pd.Timestamp(last_day) + pd.Timedelta(days=1)
    at = pd.to_datetime(rows["at"])
    at = at.dt.tz_localize(None) if at.dt.tz is not None else at
    hours = np.asarray((at - (ends - pd.Timedelta(weeks=weeks))).dt.total_seconds(), dtype=np.float64) / 3600.0
    inside = (hours >= 0) & (hours < weeks * WEEK_HOURS)
    team, names = pd.factorize(rows["team"].astype(str).to_numpy()[inside], sort=True)
    customer = pd.factorize(rows["customer_id"].to_numpy()[inside])[0]
    if len(team) < LEAST_CONTACTS or len(names) < 2:
        return []
    calendar = _Calendar(customer, team, hours[inside], weeks * WEEK_HOURS, parameters.collision_hours)
    real = calendar.follows(np.zeros(len(names)))
    draw = np.random.default_rng(zlib.crc32(f"{SIGN} {last_day:%Y-%m-%d}".encode()))
    turned = np.zeros((parameters.collision_rounds, len(names), len(names)))
    for place in range(parameters.collision_rounds):
        turned[place] = calendar.follows(_turns(draw, weeks, len(names)) * WEEK_HOURS)
    contacts = np.bincount(team, minlength=len(names)).astype(float)
    found = [_finding(ALL, np.ones(len(names), dtype=bool), real, turned, contacts, names, parameters)]
    if len(names) > 2:
        for place, name in enumerate(names):
            mine = np.arange(len(names)) == place
            found.append(_finding(f"team:{name}", mine, real, turned, contacts, names, parameters))
    return found


def _turns(draw: np.random.Generator, weeks: int, teams: int) -> Floats:
    """Weeks each team's calendar is turned by, all different where there are weeks enough: two teams turned alike stand
    to each other as they really do.
    """
    turns = draw.permutation(weeks)[:teams] if teams <= weeks else draw.integers(0, weeks, teams)
    return np.asarray(turns, dtype=np.float64)


class _Calendar:
    """Contacts of a sample, counted by which team follows which within some hours."""

    def __init__(self, customer: np.ndarray, team: np.ndarray, hours: Floats, length: float, within: float) -> None:
        self._customer, self._team, self._hours = customer, team, hours
        self._length, self._within = length, within
        self._teams = int(team.max()) + 1

    def follows(self, turn: Floats) -> Floats:
        """Contacts of team j whose customer's contact before was team i's within the hours; shape (teams, teams)."""
        hours = (self._hours + turn[self._team]) % self._length
        order = np.argsort(self._customer * self._length + hours, kind="stable")
        customer, team, at = self._customer[order], self._team[order], hours[order]
        near = (customer[1:] == customer[:-1]) & (at[1:] - at[:-1] <= self._within) & (team[1:] != team[:-1])
        pairs = team[:-1][near] * self._teams + team[1:][near]
        return np.bincount(pairs, minlength=self._teams**2).reshape(self._teams, self._teams).astype(float)


def _finding(
    segment: str,
    mine: Flags,
    real: Floats,
    turned: Floats,
    contacts: Floats,
    names: np.ndarray,
    parameters: SignParameters,
) -> Finding:
    """``mine``: the teams whose collisions count."""
    counted = mine[:, None] | mine[None, :]
    observed, chance = float(real[counted].sum()), turned[:, counted].sum(axis=1)
    usual, spread = float(chance.mean()), max(float(chance.std(ddof=1)), np.sqrt(max(float(chance.mean()), 1.0)) / 2)
    exposure = float(contacts[mine].sum())
    p_value = float(norm.sf((observed - usual) / spread))
    share, expected = observed / exposure, usual / exposure
    moved = p_value < parameters.trend_p and observed >= (1 + parameters.trend_least) * usual
    verdict = "alert" if share > parameters.collision_limit else "trend" if moved else "nothing"
    both, usual_both = real + real.T, turned.mean(axis=0) + turned.mean(axis=0).T
    pairs = [
        Driver(
            "team", f"{names[one]} and {names[other]}"[:120], float(both[one, other] - usual_both[one, other]),
            f"{both[one, other]:.0f} collisions against {usual_both[one, other]:.0f} by chance",
        )
        for one, other in combinations(range(len(names)), 2)
        if mine[one] or mine[other]
    ]  # fmt: skip
    pairs = sorted(pairs, key=lambda driver: -driver.contribution)[: parameters.drivers]
    gap = observed - usual
    pairs.append(Driver("team", OTHER, gap - sum(driver.contribution for driver in pairs)))
    cause = (
        f"{100 * share:.0f} % of contacts came within {parameters.collision_hours:.0f} hours of another team's to the "
        f"same customer, where independent calendars give {100 * expected:.0f} %; most between {pairs[0].driver}"
    )
    return Finding(
        SIGN, ALL, segment, share, expected, exposure, p_value, max(gap, 0.0), verdict, "calendar_turns",
        (observed - usual) / spread, float(norm.isf(parameters.trend_p)), cause, gap, pairs,
    )  # fmt: skip
