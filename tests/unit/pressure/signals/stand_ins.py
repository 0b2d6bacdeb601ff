"""Daily tables, campaigns and thresholds made by hand, for the tests of the signs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from millibar.pressure.detection import DetectionParameters, Thresholds, load_thresholds
from millibar.pressure.signals import SignalInputs, SignalSheet, SignParameters, find_signals
from millibar.pressure.signals.inputs import CONTRIBUTORS, EVENT_COUNTS

SEEDS = Path(__file__).resolve().parents[4] / "dbt_project" / "seeds"
DETECTION = DetectionParameters()
PARAMETERS = SignParameters()
LAST = pd.Timestamp("2025-06-30")
DAYS = DETECTION.history_days
COUNTS = (
    "contacts", "human_opens", "human_clicks", "unsubscribes", "spam_complaints", "complaints", "comments",
    "negative_comments", "orders", "returns",
)  # fmt: skip


def thresholds() -> Thresholds:
    """The published ones."""
    return load_thresholds(SEEDS / "detection_thresholds.csv")


def health(channel: str = "email", segment: str = "all", days: int = DAYS, last: pd.Timestamp = LAST, **daily: object):
    """One series; each count a number or an array of ``days`` days, the last one last."""
    frame = pd.DataFrame({"day": pd.date_range(end=last, periods=days), "channel": channel, "segment": segment})
    for name in COUNTS:
        frame[name] = daily.get(name, 0)
    return frame


def noisy(mean: float | np.ndarray, seed: int, days: int = DAYS) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, days)


def campaign_rows(*rows: dict[str, object]) -> pd.DataFrame:
    """Rows of SignalInputs.campaigns; what is left out is null or 0."""
    blank = dict.fromkeys(CONTRIBUTORS) | dict.fromkeys(EVENT_COUNTS, 0.0)
    return pd.DataFrame([blank | {"window": "recent", "channel": "email"} | row for row in rows])


def find(inputs: SignalInputs | pd.DataFrame, last: pd.Timestamp = LAST, **changes: object) -> SignalSheet:
    if isinstance(inputs, pd.DataFrame):
        inputs = SignalInputs(inputs)
    return find_signals(inputs, last, replace(PARAMETERS, **changes), DETECTION, thresholds())


def signal(sheet: SignalSheet, sign: str, channel: str = "email", segment: str = "all") -> pd.Series:
    return sheet.signals.set_index(["sign", "channel", "segment"]).loc[(sign, channel, segment)]


def drivers(sheet: SignalSheet, sign: str, channel: str = "email", segment: str = "all") -> pd.DataFrame:
    table = sheet.drivers
    return table[(table["sign"] == sign) & (table["channel"] == channel) & (table["segment"] == segment)]
