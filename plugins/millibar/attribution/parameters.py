"""Numbers of attribution an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class AttributionParameters:
    """Windows are days, ends included as named.

    ``window_days``: journeys closed in the days ``(as_of - window_days, as_of]`` make the channel results.
    ``weight_window_days``: journeys closed in that many days before a month make the month's weights.
    ``minimum_conversions``: with fewer in that window every channel of the month weighs 1.
    ``weight_floor``: least weight, as a share of the mean one, so that a journey of channels without removal effect
    still hands out its whole credit.
    """

    window_days: int = 90
    weight_window_days: int = 90
    minimum_conversions: int = 200
    weight_floor: float = 0.01
    replicates: int = 200
    seed: int = 20_250_101
    interval_z: float = 1.959964
