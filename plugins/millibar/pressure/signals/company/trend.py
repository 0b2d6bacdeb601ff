"""Whether a share of the plan has moved between two periods, where a campaign is the unit and not its contacts.

A campaign of a million contacts is one decision. The share sum(n_g x_g) / sum(n_g) of the newer period is held against
that of the older one by permuting which campaigns belong to which period (all else fixed), so that a few large
campaigns do not pass for evidence.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from millibar.pressure.signals.arrays import Flags, Floats
from millibar.pressure.signals.causes import Driver
from millibar.pressure.signals.inputs import ALL
from millibar.pressure.signals.parameters import SignParameters

ROUNDS = 999  # permutations: the smallest p-value is 0.001


@dataclass(frozen=True)
class Finding:
    """One judged company sign; figures as in scores.pressure_signal. ``gap``: observed less expected, in its unit."""

    sign: str
    channel: str
    segment: str
    observed: float
    expected: float
    exposure: float
    p_value: float
    customers: float
    verdict: str
    detector: str
    statistic: float
    threshold: float
    cause: str
    gap: float
    drivers: list[Driver] = field(default_factory=list)


@dataclass(frozen=True)
class Trend:
    """Contact-weighted mean of ``x`` over campaigns now and before; ``p_value``: one-sided, that it rose by chance.

    ``error``: standard error of ``now`` between campaigns.
    """

    now: float
    before: float
    p_value: float
    error: float


def weighted_trend(x: Floats, contacts: Floats, is_new: Flags, seed: str) -> Trend:
    """Arrays of shape (campaigns,); ``seed``: any text, so that a rerun draws the same permutations."""
    now, before = _mean(x[is_new], contacts[is_new]), _mean(x[~is_new], contacts[~is_new])
    draw = np.random.default_rng(zlib.crc32(seed.encode()))
    order = draw.permuted(np.broadcast_to(is_new, (ROUNDS, len(x))), axis=1)
    weight_new, weight_all = order @ contacts, contacts.sum()
    sum_new, sum_all = order @ (x * contacts), float(x @ contacts)
    weight_old = weight_all - weight_new
    known = (weight_new > 0) & (weight_old > 0)
    difference = np.where(
        known, sum_new / np.maximum(weight_new, 1e-12) - (sum_all - sum_new) / np.maximum(weight_old, 1e-12), 0.0
    )
    beyond = (difference >= now - before - 1e-12).sum()
    units = int(is_new.sum())
    spread = np.sqrt((contacts[is_new] ** 2 * (x[is_new] - now) ** 2).sum() * units / max(units - 1, 1))
    return Trend(now, before, float((1 + beyond) / (ROUNDS + 1)), float(spread / max(contacts[is_new].sum(), 1e-12)))


def _mean(x: Floats, contacts: Floats) -> float:
    return float(x @ contacts / contacts.sum()) if contacts.sum() > 0 else 0.0


def campaign_units(plan: pd.DataFrame, weeks: int) -> pd.DataFrame:
    """A row a campaign x channel x period: contacts, is_new and the plan's columns; the two periods of ``weeks``."""
    rows = plan[(plan["week"] >= 0) & (plan["week"] < 2 * weeks)]
    rows = rows.assign(is_new=rows["week"] < weeks)
    keys = ["campaign", "channel", "is_new"]
    units = rows.groupby(keys, as_index=False).agg(
        {
            "contacts": "sum",
            "team": "first",
            "targeting": "first",
            "content": "first",
            "theme": "first",
            "name": "first",
        }
    )
    return units[units["contacts"] > 0].reset_index(drop=True)


def groups(units: pd.DataFrame, parameters: SignParameters) -> list[tuple[str, str, pd.DataFrame]]:
    """Channel, segment and the campaigns of: everything, each channel, each team; where both periods have enough."""
    found = [(ALL, ALL, units)]
    found += [(str(name), ALL, part) for name, part in units.groupby("channel")]
    found += [(ALL, f"team:{name}", part) for name, part in units.dropna(subset=["team"]).groupby("team")]
    least = parameters.minimum_campaigns
    return [group for group in found if group[2]["is_new"].sum() >= least and (~group[2]["is_new"]).sum() >= least]


def trend_verdict(trend: Trend, p_value: float, limit: float, parameters: SignParameters) -> str:
    """``trend`` when it rose beyond chance and by enough, ``alert`` beyond the limit as well, else ``nothing``."""
    moved = p_value < parameters.trend_p and trend.now - trend.before >= parameters.trend_least
    if trend.now > limit and (moved or trend.now - 1.645 * trend.error > limit):
        return "alert"
    return "trend" if moved else "nothing"


def share_drivers(units: pd.DataFrame, x: Floats, gap: float, keep: int) -> list[Driver]:
    """What each campaign adds to the change of a share; with ``(other)`` they sum to ``gap``.

    now - before = sum over new of w_g (x_g - before), w_g a campaign's part of the new contacts.
    """
    is_new = units["is_new"].to_numpy(dtype=bool)
    contacts = units["contacts"].to_numpy(dtype=float)
    before = _mean(x[~is_new], contacts[~is_new])
    part = contacts[is_new] / contacts[is_new].sum() * (x[is_new] - before)
    order = np.argsort(-np.abs(part), kind="stable")[:keep]
    names = units.loc[is_new, "name"].fillna(units.loc[is_new, "campaign"]).to_numpy()
    found = [
        Driver("campaign", str(names[place])[:120], float(part[place]), f"{contacts[is_new][place]:.0f} contacts")
        for place in order
    ]
    return [*found, Driver("campaign", "(other)", gap - sum(driver.contribution for driver in found))]
