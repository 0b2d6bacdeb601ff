"""A house: one warehouse with the deliveries of the small simulated market before it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from millibar.pipeline import flow, ingest
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

PROJECT = Path(__file__).resolve().parents[2]
START = date(2025, 10, 1)
HISTORY_DAYS = 92  # to 2025-12-31
LAST_OF_HISTORY = START + timedelta(days=HISTORY_DAYS - 1)
DAYS = [LAST_OF_HISTORY + timedelta(days=n) for n in range(1, 3)]
CUSTOMERS = 250


@dataclass(frozen=True)
class House:
    """One warehouse with the market's deliveries before it."""

    settings: Settings

    def run(self, as_of: date, run_id: str | None = None) -> None:
        """Ingest and every stage of a business date, in this process."""
        name = run_id or f"test:{as_of}"
        for source in ingest.prepare(self.settings):
            ingest.load(self.settings, source, name, as_of)
        flow.run_day(self.settings, name, as_of, "test")

    def command(self, *words: str) -> subprocess.Popen[str]:
        """The millibar command on this warehouse, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "millibar.command", *words],
            env=self.environment(), text=True, start_new_session=True, cwd="/",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "MILLIBAR_PROJECT": str(PROJECT),
            "MILLIBAR_STATE": str(self.settings.state),
            "MILLIBAR_LANDING": str(self.settings.landing),
            "MILLIBAR_SOURCES": str(self.settings.sources),
            "MILLIBAR_WAREHOUSE_URI": self.settings.warehouse_uri,
            "MILLIBAR_READER_URI": self.settings.reader_uri,
            "MILLIBAR_HASH_KEY": self.settings.hash_key.hex(),
        }


HouseMaker = Callable[..., House]  # (name, like="millibar_template")


@contextmanager
def opened(house: House) -> Iterator[Warehouse]:
    with Warehouse.open(house.settings) as warehouse:
        yield warehouse
