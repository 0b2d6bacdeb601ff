"""The channels a feed may name: the built-in ones and those an analyst added to the seed of channel profiles."""

from __future__ import annotations

import csv

from millibar.settings import Settings
from millibar.sources.contracts import CHANNELS


def known_channels(settings: Settings) -> frozenset[str]:
    """Built-in channels and those of dbt_project/seeds/channel_profiles.csv, where there is one."""
    seed = settings.dbt_project / "seeds" / "channel_profiles.csv"
    if not seed.exists():
        return frozenset(CHANNELS)
    with seed.open(newline="", encoding="utf-8") as file:
        return frozenset(CHANNELS) | {row["channel"] for row in csv.DictReader(file)}
