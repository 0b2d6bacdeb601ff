"""Ingest: what the sources are, and loading one of them for a business date."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

from millibar.pipeline import context
from millibar.settings import Settings
from millibar.sources.channels import known_channels
from millibar.sources.definition import Source
from millibar.sources.load import LoadReport, load_source
from millibar.sources.mapping import read_sources
from millibar.warehouse import setup
from millibar.warehouse.connect import Warehouse


class SourceFailed(RuntimeError):
    """Files of a source were refused; trying again without a correction would refuse them again."""


def prepare(settings: Settings) -> list[str]:
    """Make what is missing in the warehouse; returns the names of the sources, customers first."""
    setup.prepare(settings)
    return [source.name for source in _sources(settings)]


def claim(settings: Settings, run_id: str, as_of: date, started_by: str, wait_seconds: float = 0.0) -> None:
    """Claim the warehouse for a business date; waits until the run before it has ended (see pipeline.context)."""
    with Warehouse.open(settings) as warehouse:
        context.claim(warehouse, run_id, as_of, started_by, wait_seconds)


def load(settings: Settings, source_name: str, run_id: str, as_of: date) -> LoadReport:
    """Load every file of one source delivered on or before ``as_of`` that is not loaded yet.

    Raises :class:`SourceFailed`, with file, line and reason, where a file was refused; its other files are loaded.
    """
    source = next(source for source in _sources(settings) if source.name == source_name)
    with Warehouse.open(settings) as warehouse:
        report = load_source(warehouse, settings, source, run_id, as_of, known_channels(settings))
    if report.failed:
        raise SourceFailed(report.message)
    return report


def _sources(settings: Settings) -> list[Source]:
    files = (path for path in settings.sources.glob("*.y*ml"))
    stamps = tuple(sorted((path.name, path.stat().st_mtime_ns) for path in files))
    return list(_read(settings.sources, stamps, known_channels(settings)))


@lru_cache(maxsize=4)
def _read(folder: Path, stamps: tuple[tuple[str, int], ...], channels: frozenset[str]) -> tuple[Source, ...]:
    """The sources of a folder whose files have these times of change: a run loads one source after the other."""
    del stamps
    sources = read_sources(folder, channels)
    return tuple(sorted(sources, key=lambda source: (source.feed.name != "customers", source.name)))
