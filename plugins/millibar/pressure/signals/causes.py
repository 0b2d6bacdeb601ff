"""Cause sheets: what contributes how much to a gap, in partitions that each sum to it.

Of a rate the gap k - E splits over contributors g with n_g contacts now, their own past rate R_g and that of all, R:

    k - E = sum_g n_g (r_g - R_g)   (rate: each against its own past)
          + sum_g n_g (R_g - R)     (mix: more of those who always had less)
          + n R - E                 (other: what weekday and robust baseline know and plain sums do not)

Of a count each channel or segment of the same sign has its own gap; what they leave is (other).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.pressure.signals.inputs import ALL, CONTRIBUTORS
from millibar.pressure.signals.signs import Sign

MIX, OTHER, UNKNOWN = "(mix)", "(other)", "(none)"
LONGEST_NAME = 120  # characters of a driver kept: some tools write whole briefs into a campaign's name


@dataclass(frozen=True)
class Driver:
    """A part of a gap: ``contribution`` in events, signed as the gap is (observed less expected)."""

    kind: str
    driver: str
    contribution: float
    detail: str | None = None


def rate_drivers(
    campaigns: pd.DataFrame, sign: Sign, channel: str, segment: str, gap: float, keep: int, prior_events: float
) -> list[Driver]:
    """Contributions of campaigns, teams, themes, message types and devices to the gap of a rate.

    ``campaigns``: as SignalInputs.campaigns. A kind with one contributor alone explains nothing and is left out, except
    campaigns.
    """
    count = "human_clicks" if sign.name == "click_rate_falls" else sign.count
    rows = campaigns if channel == ALL else campaigns[campaigns["channel"] == channel]
    if segment.startswith("device:"):
        rows = rows[rows["device"] == segment.removeprefix("device:")]
    if rows.empty or not {count, sign.exposure} <= set(rows.columns):
        return []
    found = []
    for kind in CONTRIBUTORS:
        if kind in rows and (kind == "campaign" or rows[kind].nunique(dropna=False) > 1):
            found += _rate_parts(rows, kind, count, sign.exposure, gap, keep, prior_events)
    return found


def _rate_parts(
    rows: pd.DataFrame, kind: str, count: str, exposure: str, gap: float, keep: int, prior_events: float
) -> list[Driver]:
    named = rows.assign(part=rows[kind].astype(object).where(rows[kind].notna(), UNKNOWN).astype(str))
    names = np.sort(named["part"].unique())
    windows = {
        window: part.groupby("part")[[count, exposure]].sum().reindex(names, fill_value=0).astype(float)
        for window, part in ((word, named[named["window"] == word]) for word in ("baseline", "recent"))
    }
    past, past_exposed = (windows["baseline"][name].to_numpy() for name in (count, exposure))
    now, exposed = (windows["recent"][name].to_numpy() for name in (count, exposure))
    if not past_exposed.sum() or not past.sum() or not exposed.sum():
        return []
    usual = past.sum() / past_exposed.sum()
    own = (past + prior_events) / (past_exposed + prior_events / usual)
    # acts of a campaign whose contacts lie before the window are nobody's rate: they go to (other)
    rate = np.where(exposed > 0, now - exposed * own, 0.0)
    mix = float((exposed * (own - usual)).sum())
    kept = np.argsort(-np.abs(rate), kind="stable")[:keep]
    found = [
        Driver(
            kind,
            str(names[place])[:LONGEST_NAME],
            float(rate[place]),
            f"{now[place]:.0f} of {exposed[place]:.0f} against {100 * own[place]:.3g} % before",
        )
        for place in kept
        if exposed[place] > 0
    ]
    found.append(Driver(kind, MIX, mix, "who was contacted more or less than before, each at its own past rate"))
    found.append(Driver(kind, OTHER, gap - sum(part.contribution for part in found)))
    return found


def series_drivers(parts: pd.DataFrame, kind: str, gap: float, keep: int) -> list[Driver]:
    """Contributions of the series of one partition: ``parts`` has part, gap, observed_count, expected_count."""
    parts = parts.sort_values("gap", key=np.abs, ascending=False, kind="stable").head(keep)
    found = [
        Driver(
            kind,
            str(name)[:LONGEST_NAME],
            own_gap,
            f"{observed:.0f} against {expected:.4g} expected",
        )
        for name, own_gap, observed, expected in zip(
            parts["part"],
            parts["gap"].to_numpy(dtype=float).tolist(),
            parts["observed_count"].to_numpy(dtype=float).tolist(),
            parts["expected_count"].to_numpy(dtype=float).tolist(),
            strict=True,
        )
    ]
    return [*found, Driver(kind, OTHER, gap - sum(part.contribution for part in found))] if found else []


def ranked(drivers: list[Driver], gap: float) -> pd.DataFrame:
    """rank, kind, driver, contribution, share, detail: those that push the way of the gap first, largest first."""
    table = pd.DataFrame(
        {
            "kind": [part.kind for part in drivers],
            "driver": [part.driver for part in drivers],
            "contribution": [part.contribution for part in drivers],
            "share": [part.contribution / gap if gap else None for part in drivers],
            "detail": [part.detail for part in drivers],
        }
    )
    table = table.sort_values(
        "contribution", key=lambda column: -np.sign(gap or 1.0) * column, kind="stable", ignore_index=True
    )
    table.insert(0, "rank", np.arange(1, len(table) + 1))
    return table


def largest(drivers: list[Driver], gap: float, preferred: tuple[str, ...]) -> Driver | None:
    """The named driver that pushes most the way of the gap; a preferred kind wins where it holds a quarter of it."""
    named = [part for part in drivers if part.driver not in (MIX, OTHER, UNKNOWN) and part.contribution * gap > 0]
    for kind in preferred:
        of_kind = [part for part in named if part.kind == kind]
        best = max(of_kind, key=lambda part: abs(part.contribution), default=None)
        if best is not None and best.contribution / gap >= 0.25:
            return best
    return max(named, key=lambda part: abs(part.contribution), default=None)
