"""The hours of a week a channel may be used in, from its quiet times."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from millibar.moments.evidence import HOURS, WEEKDAYS


def allowed_hours(quiet_from: int, quiet_to: int, last_weekday: int) -> NDArray[np.bool_]:
    """Hours outside quiet time, shape (7, 24): quiet from ``quiet_from`` until before ``quiet_to``, over midnight too.

    Equal ends mean no quiet time; weekdays after ``last_weekday`` (6 is Sunday) are quiet all day.
    """
    hour = np.arange(HOURS)
    if quiet_from <= quiet_to:
        quiet = (hour >= quiet_from) & (hour < quiet_to)
    else:
        quiet = (hour >= quiet_from) | (hour < quiet_to)
    return np.asarray((np.arange(WEEKDAYS) <= last_weekday)[:, None] & ~quiet)


def allowed_by_channel(channels: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Of each channel in rows of marts.dim_channel: channel, quiet_from_hour, quiet_to_hour, last_weekday."""
    columns = ("quiet_from_hour", "quiet_to_hour", "last_weekday")
    return {
        str(row["channel"]): allowed_hours(*(int(row[name]) for name in columns)) for row in channels.to_dict("records")
    }
