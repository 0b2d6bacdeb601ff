"""Two periods compared: what moved, and whether it is more than noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from millibar.attribution.paths import Floats
from millibar.attribution.result import NORMAL_95, Credits

FALSE_DISCOVERIES = 0.05
CHANGE_COLUMNS = [
    "model", "channel", "conversions_before", "conversions_now", "share_before", "share_now",
    "change", "change_low", "change_high", "p_value", "q_value", "is_real", "volume_effect", "share_effect",
]  # fmt: skip


def compare(before: Credits, now: Credits, z: float = NORMAL_95) -> pd.DataFrame:
    """Change of each channel's share of credit between two periods that have no journey in common.

    A row a channel of either period, columns ``CHANGE_COLUMNS``. ``change`` is share now less share before, in 0..1,
    with the interval that follows from both standard errors; ``p_value`` is two-sided, ``q_value`` controls false
    discoveries over the channels (Benjamini & Hochberg 1995), ``is_real`` holds below 0.05. Of the difference in
    conversions, ``volume_effect`` is what the same share of the new total would have changed, ``share_effect`` the
    rest. Raises ``ValueError`` where the credits are of two models.
    """
    if before.model != now.model:
        raise ValueError(f"credits of {before.model} and of {now.model} cannot be compared; give two of one model")
    channels = tuple(sorted({*before.channels, *now.channels}))
    counts = [_by_channel(part, part.conversions, channels) for part in (before, now)]
    totals = [float(values.sum()) for values in counts]
    shares = [values / total if total > 0 else values for values, total in zip(counts, totals, strict=True)]
    error = np.sqrt(sum(_share_error(part, channels) ** 2 for part in (before, now)))
    change = shares[1] - shares[0]
    chance = _p_values(change, error)
    q_values = false_discovery_rates(chance)
    table = pd.DataFrame(
        {
            "model": now.model,
            "channel": channels,
            "conversions_before": counts[0],
            "conversions_now": counts[1],
            "share_before": shares[0],
            "share_now": shares[1],
            "change": change,
            "change_low": np.clip(change - z * error, -1.0, 1.0),
            "change_high": np.clip(change + z * error, -1.0, 1.0),
            "p_value": chance,
            "q_value": q_values,
            "is_real": np.nan_to_num(q_values, nan=1.0) < FALSE_DISCOVERIES,
            "volume_effect": shares[0] * (totals[1] - totals[0]),
            "share_effect": change * totals[1],
        }
    )
    return table[CHANGE_COLUMNS]


def false_discovery_rates(p_values: Floats) -> Floats:
    """Benjamini-Hochberg q-values; nan stays nan and counts as no test."""
    known = np.flatnonzero(~np.isnan(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    q_values = np.full(len(p_values), np.nan)
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    q_values[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.asarray(np.minimum(q_values, 1.0))


def _p_values(change: Floats, error: Floats) -> Floats:
    """Two-sided; a channel whose credits have no error cannot be tested."""
    tested = error > 0
    ratio = np.abs(change) / np.where(tested, error, 1.0)
    return np.asarray(np.where(tested, 2.0 * norm.sf(ratio), np.nan))


def _by_channel(part: Credits, values: Floats, channels: tuple[str, ...]) -> Floats:
    known = dict(zip(part.channels, values.tolist(), strict=True))
    return np.asarray([known.get(channel, 0.0) for channel in channels])


def _share_error(part: Credits, channels: tuple[str, ...]) -> Floats:
    total = float(part.conversions.sum())
    if part.conversions_error is None or total <= 0:
        return np.full(len(channels), np.nan)
    return _by_channel(part, part.conversions_error, channels) / total
