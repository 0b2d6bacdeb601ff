"""Mass sending: the share of contacts sent to everybody, the targeting level, the entropy of the audience."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.pressure.signals.company.trend import (
    Finding,
    campaign_units,
    groups,
    share_drivers,
    trend_verdict,
    weighted_trend,
)
from millibar.pressure.signals.inputs import ALL
from millibar.pressure.signals.parameters import SignParameters

LEVELS = {"mass": 0.0, "segment": 1.0, "trigger": 2.0, "one_to_one": 3.0}
SIGN = "mass_sending"


def mass_sending(
    plan: pd.DataFrame, health: pd.DataFrame, last_day: pd.Timestamp, parameters: SignParameters
) -> list[Finding]:
    """A finding a channel and team: observed and expected are the mass share of contacts now and before.

    The trend is told when the mass share rises or the targeting level falls (both tested, Bonferroni). Campaigns whose
    targeting nobody wrote down are left out.
    """
    units = campaign_units(plan, parameters.plan_weeks)
    units = units[units["targeting"].isin(list(LEVELS))]
    found = []
    for channel, segment, part in groups(units, parameters):
        is_new = part["is_new"].to_numpy(dtype=bool)
        contacts = np.asarray(part["contacts"], dtype=np.float64)
        is_mass = np.asarray((part["targeting"] == "mass"), dtype=np.float64)
        level = np.asarray(part["targeting"].map(LEVELS), dtype=np.float64)
        seed = f"{SIGN} {channel} {segment} {last_day:%Y-%m-%d}"
        trend = weighted_trend(is_mass, contacts, is_new, seed)
        falls = weighted_trend(-level, contacts, is_new, seed)
        p_value = min(1.0, 2 * min(trend.p_value, falls.p_value))
        gap = trend.now - trend.before
        entropy = audience_entropy(health, channel, last_day, parameters.plan_weeks) if segment == ALL else None
        drivers = share_drivers(part, is_mass, gap, parameters.drivers)
        cause = (
            f"{100 * trend.now:.0f} % of contacts went to everybody in the last {parameters.plan_weeks} weeks against "
            f"{100 * trend.before:.0f} % before; targeting level {-falls.now:.1f} against {-falls.before:.1f} (0 mass "
            f"to 3 one to one)" + (f"; audience entropy {entropy[0]:.2f} against {entropy[1]:.2f}" if entropy else "")
        )
        found.append(
            Finding(
                SIGN, channel, segment, trend.now, trend.before, float(contacts[is_new].sum()), p_value,
                max(gap, 0.0) * float(contacts[is_new].sum()), trend_verdict(trend, p_value, parameters.mass_limit,
                parameters), "campaign_permutation", trend.now, parameters.mass_limit, cause, gap, drivers,
            )
        )  # fmt: skip
    return found


def audience_entropy(
    health: pd.DataFrame, channel: str, last_day: pd.Timestamp, weeks: int
) -> tuple[float, float] | None:
    """Entropy of contacts over customer segments, 1 where all segments are written to alike: now and before.

    Measured over the segments of the health table that are neither ``all`` nor devices; None with fewer than two.
    """
    if not {"segment", "contacts"} <= set(health.columns):
        return None
    segment = health["segment"].astype(str)
    rows = health[(health["channel"] == channel) & (segment != ALL) & ~segment.str.startswith("device:")]
    age = (last_day - pd.to_datetime(rows["day"])).dt.days
    now, before = (
        rows[(age >= first) & (age < first + 7 * weeks)].groupby("segment")["contacts"].sum()
        for first in (0, 7 * weeks)
    )
    if len(now) < 2 or len(before) < 2:
        return None
    return _entropy(now), _entropy(before)


def _entropy(contacts: pd.Series) -> float:
    share = contacts.to_numpy(dtype=float)
    share = share[share > 0] / max(share.sum(), 1e-12)
    return float(-(share * np.log(share)).sum() / np.log(max(len(contacts), 2)))
