"""A house: one warehouse with the deliveries of the small simulated market before it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from databases import database, named
from millibar.pipeline import flow, ingest
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

PROJECT = Path(__file__).resolve().parents[2]
START = date(2025, 10, 1)
HISTORY_DAYS = 92  # to 2025-12-31
LAST_OF_HISTORY = START + timedelta(days=HISTORY_DAYS - 1)
DAYS = [LAST_OF_HISTORY + timedelta(days=n) for n in range(1, 3)]
CUSTOMERS = 250
AT_WORK = "house"


@dataclass(frozen=True)
class House:
    """One warehouse with the market's deliveries before it. ``admin_uri`` may rename its database."""

    settings: Settings
    admin_uri: str

    def run(self, as_of: date, run_id: str | None = None) -> None:
        """Ingest and every stage of a business date, in this process."""
        name = run_id or f"test:{as_of}"
        with self._at_work() as settings:
            for source in ingest.prepare(settings):
                ingest.load(settings, source, name, as_of)
            flow.run_day(settings, name, as_of, "test")

    @contextmanager
    def _at_work(self) -> Iterator[Settings]:
        """Its settings while its database has the one name all houses have at work.

        A dbt project is parsed for a database: so it is parsed once for all houses.
        """
        own = database(self.settings.warehouse_uri)
        settings = replace(
            self.settings,
            warehouse_uri=named(self.settings.warehouse_uri, AT_WORK),
            reader_uri=named(self.settings.reader_uri, AT_WORK),
        )
        with Warehouse.open(self.admin_uri) as admin:
            _rename(admin, own, AT_WORK)
            try:
                yield settings
            finally:
                _rename(admin, AT_WORK, own)

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


def _rename(admin: Warehouse, name: str, other: str) -> None:
    """Rename a database once nobody is in it any more: what a killed run asked for last may be under way."""
    deadline = time.monotonic() + 60
    while admin.value("select count(*) from pg_stat_activity where datname = %(name)s", {"name": name}):
        assert time.monotonic() < deadline, f"somebody stays in {name}"
        time.sleep(0.1)
    admin.execute(f"alter database {name} rename to {other}")


HouseMaker = Callable[..., House]  # (name, like="millibar_template")


@contextmanager
def opened(house: House) -> Iterator[Warehouse]:
    with Warehouse.open(house.settings) as warehouse:
        yield warehouse
