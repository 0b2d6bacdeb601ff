"""Best moments of a channel: response of every weekday and hour, shrunk to the channel's mean."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.churn.parameters import MomentParameters

MOMENT_COLUMNS = ["channel", "weekday", "hour", "responses", "exposures", "expected_response"]
WEEKDAYS, HOURS = 7, 24


def channel_moments(counts: pd.DataFrame, parameters: MomentParameters) -> pd.DataFrame:
    """Expected response of each channel at each weekday (0 = Monday) and local hour; 168 rows a channel.

    ``counts``: channel, weekday, hour, exposures, responses (at the hour of the exposure); rows may repeat.
    ``expected_response = (responses + prior * channel mean) / (exposures + prior)``. Channels never exposed
    are left out.
    """
    if counts.empty:
        return pd.DataFrame(columns=MOMENT_COLUMNS)
    channels = np.sort(counts["channel"].unique())
    grid = pd.MultiIndex.from_product([channels, range(WEEKDAYS), range(HOURS)], names=["channel", "weekday", "hour"])
    sums = counts.groupby(["channel", "weekday", "hour"])[["responses", "exposures"]].sum().astype(float)
    moments = sums.reindex(grid, fill_value=0.0).reset_index()
    totals = moments.groupby("channel")[["responses", "exposures"]].transform("sum")
    moments, totals = moments[totals["exposures"] > 0], totals[totals["exposures"] > 0]
    mean = totals["responses"] / totals["exposures"]
    prior = parameters.prior_exposures
    moments["expected_response"] = (moments["responses"] + prior * mean) / (moments["exposures"] + prior)
    return moments[MOMENT_COLUMNS].reset_index(drop=True)
