"""The demo: server, simulated market, Airflow, one historical load and ordinary days, told as it goes."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from millibar.services.airflow_client import AirflowClient
from millibar.services.airflow_processes import AirflowServices
from millibar.services.summary import summary
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer

HISTORY_UNTIL = date(2025, 12, 31)
HISTORY_DAYS = 365
ORDINARY_DAYS = 2
DELIVERED_DAYS = HISTORY_DAYS + 5  # a few days more than the demo runs: the next ones are the reader's to run
DAGS = ("millibar_ingest", "millibar_daily")


@dataclass
class Teller:
    """Prints lines with the time since the start."""

    started: float

    def say(self, text: str) -> None:
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)

    def progress(self, what: str, done: int, of: int) -> None:
        """Say how far a long step is, four times on its way."""
        if done * 4 // of > (done - 1) * 4 // of:
            self.say(f"  {done:,} of {of:,} {what}")


def demo(customers: int) -> int:
    """Run the whole demo; returns the exit code."""
    teller = Teller(time.monotonic())
    # Airflow's metadata live in the embedded server even where MILLIBAR_WAREHOUSE_URI names another warehouse
    EmbeddedServer(Settings.from_environment().state / "postgres").start()
    settings = Settings.from_environment()
    teller.say("PostgreSQL is up")
    last = HISTORY_UNTIL + timedelta(days=DELIVERED_DAYS - HISTORY_DAYS)
    airflow = AirflowServices(settings, schedule_until=str(last))
    fault: list[BaseException] = []
    starting = threading.Thread(target=_start, args=(airflow, fault), name="airflow")
    starting.start()
    _market(settings, customers, teller)
    starting.join()
    if fault:
        raise fault[0]
    teller.say(f"Airflow is up at {airflow.url}")
    _run_days(settings, airflow, teller)
    with Warehouse.open(settings, read_only=True) as warehouse:
        print(summary(warehouse))
    print(_addresses(airflow, settings, last))
    return 0


def _start(airflow: AirflowServices, fault: list[BaseException]) -> None:
    try:
        airflow.start()
    except BaseException as raised:  # handed to the main thread
        fault.append(raised)


def _market(settings: Settings, customers: int, teller: Teller) -> None:
    """Write the market's feeds, unless the same market lies in the landing folder already."""
    from millibar.simulation.market import simulate
    from millibar.simulation.parameters import MarketParameters

    parameters = MarketParameters(
        customers=customers, start=HISTORY_UNTIL - timedelta(days=HISTORY_DAYS - 1), days=DELIVERED_DAYS
    )
    mark = settings.state / "market.json"
    told = json.dumps({"parameters": repr(parameters), "landing": str(settings.landing)})
    if mark.exists() and mark.read_text() == told:
        teller.say(f"the simulated market of {customers:,} customers is in {settings.landing}")
        return
    teller.say(f"simulating a market of {customers:,} customers, {DELIVERED_DAYS} days")
    report = simulate(parameters, settings.landing, settings.state / "truth", teller.progress)
    mark.write_text(told)
    teller.say(f"{report.rows:,} rows in {report.files:,} files written to {_short(settings.landing)}")


def _run_days(settings: Settings, airflow: AirflowServices, teller: Teller) -> None:
    """Let the scheduler run the historical load and the ordinary days that are not published yet."""
    wanted = [HISTORY_UNTIL + timedelta(days=day) for day in range(ORDINARY_DAYS + 1)]
    published = _published(settings)
    missing = [day for day in wanted if published is None or day > published]
    if not missing:
        teller.say(f"published up to {published}; nothing to run")
        return
    client = AirflowClient(airflow.url, "admin", airflow.passwords["admin"])
    client.wait_for_dags(DAGS)
    for dag_id in DAGS:
        client.unpause(dag_id)
    client.backfill("millibar_ingest", missing[0], missing[-1])
    for day in missing:
        kind = "historical load of 12 months" if day == HISTORY_UNTIL else "ordinary day"
        teller.say(f"{kind}, business date {day}")
        watch = _Watch(settings, teller, day)
        watch.until_published(client)


@dataclass
class _Watch:
    """Tells each stage of a day once, when it starts and when it has ended."""

    settings: Settings
    teller: Teller
    day: date
    told: int = 0
    loaded: int = 0

    def until_published(self, client: AirflowClient) -> None:
        with Warehouse.open(self.settings) as warehouse:
            client.wait_for_partition("millibar_daily", self.day, lambda: self._look(warehouse, client))
            self._tell_stages(warehouse)

    def _look(self, warehouse: Warehouse, client: AirflowClient) -> None:
        if not warehouse.value("select to_regclass('ops.stage_runs') is not null"):
            return
        loaded = warehouse.value(
            "select coalesce(sum(rows_loaded), 0)::bigint from ops.load_batches where status = 'loaded'"
        )
        if loaded >= self.loaded + 200_000:
            self.loaded = loaded
            self.teller.say(f"  ingest: {loaded:,} rows in raw")
        self._tell_stages(warehouse)
        run = client.newest_run("millibar_ingest", self.day)
        if run and run["state"] == "failed" and not self.told:
            self.teller.say("  a source was not loaded; the day goes on without it (see millibar_ingest in Airflow)")

    def _tell_stages(self, warehouse: Warehouse) -> None:
        rows = warehouse.rows(
            """
            select stage, status, rows, extract(epoch from finished_at - started_at)::float8 as seconds
            from ops.stage_runs where as_of = %(day)s and finished_at is not null order by finished_at
            """,
            {"day": self.day},
        )
        for row in rows[self.told :]:
            count = f"{row['rows']:,} rows" if row["rows"] is not None else ""
            self.teller.say(f"  {row['stage']:<16}{row['status']:<9}{row['seconds']:6.1f} s  {count}")
        self.told = max(self.told, len(rows))


def _published(settings: Settings) -> date | None:
    with Warehouse.open(settings) as warehouse:
        if not warehouse.value("select to_regclass('bi.publication') is not null"):
            return None
        newest = warehouse.value("select max(as_of) from bi.publication")
        return newest if isinstance(newest, date) else None


def _addresses(airflow: AirflowServices, settings: Settings, last: date) -> str:
    return "\n".join(
        (
            f"Airflow       {airflow.url}   user admin, password {airflow.passwords['admin']}",
            f"cockpit       {airflow.url}/plugin/millibar   (marketer: user marketer, password "
            f"{airflow.passwords['marketer']})",
            "BI tool       `.venv/bin/millibar warehouse-uri` prints the read-only address; `make psql` opens a prompt",
            f"the next day  deliveries lie ready up to {last}: "
            f"`.venv/bin/millibar run --as-of {HISTORY_UNTIL + timedelta(days=ORDINARY_DAYS + 1)}`",
            f"state         {_short(settings.state)}; `make stop` ends the services, `make clean` removes all it made",
        )
    )


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
