"""Generic content: the share of contacts that say the same to everybody."""

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
from millibar.pressure.signals.parameters import SignParameters

LEVELS = ("generic", "product", "customer", "context")
PERSONAL = ("customer", "context")
SIGN = "generic_content"


def generic_content(plan: pd.DataFrame, parameters: SignParameters) -> list[Finding]:
    """A finding a channel and team: the share of contacts with generic content now and before.

    Campaigns whose content level nobody wrote down are left out.
    """
    units = campaign_units(plan, parameters.plan_weeks)
    units = units[units["content"].isin(LEVELS)]
    found = []
    for channel, segment, part in groups(units, parameters):
        is_new = part["is_new"].to_numpy(dtype=bool)
        contacts = np.asarray(part["contacts"], dtype=np.float64)
        is_generic = np.asarray((part["content"] == "generic"), dtype=np.float64)
        is_personal = np.asarray(part["content"].isin(PERSONAL), dtype=np.float64)
        trend = weighted_trend(is_generic, contacts, is_new, f"{SIGN} {channel} {segment}")
        personal = weighted_trend(is_personal, contacts, is_new, f"personal {channel} {segment}")
        gap = trend.now - trend.before
        cause = (
            f"{100 * trend.now:.0f} % of contacts were generic in the last {parameters.plan_weeks} weeks against "
            f"{100 * trend.before:.0f} % before; personal or contextual content {100 * personal.now:.0f} % against "
            f"{100 * personal.before:.0f} %"
        )
        found.append(
            Finding(
                SIGN, channel, segment, trend.now, trend.before, float(contacts[is_new].sum()), trend.p_value,
                max(gap, 0.0) * float(contacts[is_new].sum()),
                trend_verdict(trend, trend.p_value, parameters.generic_limit, parameters), "campaign_permutation",
                trend.now, parameters.generic_limit, cause, gap,
                share_drivers(part, is_generic, gap, parameters.drivers),
            )
        )  # fmt: skip
    return found
