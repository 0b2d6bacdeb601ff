"""Ingest: what the sources are, and loading one of them for a business date."""

from __future__ import annotations

import csv
from datetime import date

from millibar.settings import Settings
from millibar.sources.contracts import CHANNELS
from millibar.sources.load import LoadReport, load_source
from millibar.sources.mapping import Source, read_sources
from millibar.warehouse import setup
from millibar.warehouse.connect import Warehouse


def source_names(settings: Settings) -> list[str]:
    """Names of the configured sources, customers first: identity needs their records most."""
    return [source.name for source in _sources(settings)]


def prepare(settings: Settings) -> list[str]:
    """Make what is missing in the warehouse; returns the names of the sources to load."""
    setup.prepare(settings)
    return source_names(settings)


def load(settings: Settings, source_name: str, run_id: str, as_of: date) -> LoadReport:
    """Load every file of one source delivered on or before ``as_of`` that is not loaded yet."""
    source = next(source for source in _sources(settings) if source.name == source_name)
    with Warehouse.open(settings) as warehouse:
        return load_source(warehouse, settings, source, run_id, as_of, known_channels(settings))


def known_channels(settings: Settings) -> frozenset[str]:
    """The channels a touchpoint may have: the built-in ones and those an analyst added to the seed."""
    seed = settings.dbt_project / "seeds" / "channel_profiles.csv"
    if not seed.exists():
        return frozenset(CHANNELS)
    with seed.open(newline="", encoding="utf-8") as file:
        return frozenset(CHANNELS) | {row["channel"] for row in csv.DictReader(file)}


def _sources(settings: Settings) -> list[Source]:
    return sorted(read_sources(settings.sources), key=lambda source: (source.feed.name != "customers", source.name))
