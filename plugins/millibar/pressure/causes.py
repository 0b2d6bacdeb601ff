"""The cause of a signal in words: the channel or campaign that contributes most to what is missing or too much."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.pressure.cusum import Floats

ALL = "all"


def contributor_cause(
    campaigns: pd.DataFrame, count: str, expected_rate: float, gap: float, event: str, side: float
) -> str:
    """The campaign with the largest part of the gap.

    ``campaigns``: campaign, contacts and the ``count`` column over the recent days, one channel. ``expected_rate``:
    events a contact by the channel's baseline. ``side``: +1 too many events, -1 too few.
    """
    told = _told(gap, event, side)
    if campaigns.empty:
        return f"{told}; no campaign is recorded on the messages"
    counted, contacts = campaigns[count].to_numpy(dtype=float), campaigns["contacts"].to_numpy(dtype=float)
    excess = side * (counted - contacts * expected_rate)
    worst = int(np.argmax(excess))
    if excess[worst] <= 0:
        return f"{told}; no single campaign stands out"
    return f"{told}; the largest part, {excess[worst]:.0f}, by campaign {campaigns['campaign'].iloc[worst]}"


def channel_cause(
    keys: pd.DataFrame, channel: str, segment: str, gaps: Floats, gap: float, event: str, side: float
) -> str:
    """For channel ``all``: the channel with the largest part of the gap, among the series of the same segment.

    ``keys``: channel, segment of each series; ``gaps``: signed gap of each, above 0 is bad.
    """
    told = _told(gap, event, side)
    if channel != ALL:
        return told
    rivals = (keys["segment"] == segment).to_numpy() & (keys["channel"] != ALL).to_numpy() & (gaps > 0)
    if not rivals.any():
        return told
    worst = int(np.argmax(np.where(rivals, gaps, -np.inf)))
    return f"{told}; the largest part, {gaps[worst]:.0f}, by channel {keys['channel'].iloc[worst]}"


def _told(gap: float, event: str, side: float) -> str:
    return f"{abs(gap):.0f} {event} {'more' if side > 0 else 'fewer'} than expected in the last days"
