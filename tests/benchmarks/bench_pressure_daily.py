"""What an ordinary day of the pressure barometer costs after 30 days of history and after 360.

Run by hand: python tests/benchmarks/bench_pressure_daily.py [--customers 3000] [--runs 5]. Two warehouses hold the same
customers and live the same last days; one was given the 30 days of touchpoints before them, the other 360. Everything
before the pressure step (loading, staging, identity, what the step reads) is done once; then the step itself runs on
copies of both in turn. Prints the seconds of each model and of the estimation, the ratio of long to short pair by
pair (bar: 1.2) and the rows each table holds. Exit status 1 above the bar.

A customer and channel that had a contact in the year but none in the month has a state in the one and not in the other:
the longer warehouse holds some two and a half times the states, which the ratio bears with.

Timed are the models of pressure (as dbt tells for each of them) and the stage, not the start of dbt and not its tests.
Starts the embedded PostgreSQL in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from millibar.pipeline import context, flow, ingest
from millibar.pipeline.dbt_calls import command, environment
from millibar.settings import Settings, recorded_uri
from millibar.simulation.market import TOOLS, simulate
from millibar.simulation.parameters import MarketParameters
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer

PROJECT = Path(__file__).resolve().parents[2]
START = date(2025, 1, 1)
BAR = 1.2
SHORT, LONG = 30, 360  # days of history
# Who the customers are and what the company planned is known in full in both; what happened is not.
KNOWN_FEEDS = ("customers", "consents", "campaigns", "theme_plans", "experiments", "staffing")
PRESSURE = ("path:models/intermediate/pressure", "path:models/marts/pressure")
NOT_NEEDED = tuple(f"path:models/{layer}/attribution" for layer in ("intermediate", "marts"))
MEASURED = (
    "marts.fct_touchpoint",
    "marts.fct_pressure_daily",
    "intermediate.int_pressure__current",
    "marts.fct_channel_health_daily",
    "marts.fct_pressure_state",
    "marts.fct_pressure_state_history",
    "marts.fct_pressure_signal",
)

Seconds = dict[str, float]


@dataclass(frozen=True)
class Place:
    """A server and the folder everything is in."""

    folder: Path
    state: Path

    def settings(self, name: str, landing: Path) -> Settings:
        """Settings of the database of that name."""
        base = Settings.from_environment({"MILLIBAR_STATE": str(self.folder / name), "MILLIBAR_HASH_KEY": "0f" * 32})
        uri = recorded_uri(self.state, "warehouse").rsplit("/", 1)[0] + f"/{name}"
        return replace(base, landing=landing, sources=PROJECT / "config" / "sources", warehouse_uri=uri, reader_uri="")

    def admin(self, statement: str) -> None:
        with Warehouse.open(recorded_uri(self.state, "superuser")) as admin:
            admin.execute(statement)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=3_000, help="known persons (%(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="timed pairs, after one that is not counted (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench_pressure_") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedServer(folder / "postgres")
        try:
            server.start()
            return compare(Place(folder, folder), arguments.customers, arguments.runs)
        finally:
            server.stop()


def compare(place: Place, customers: int, runs: int) -> int:
    """Bring both warehouses to the eve of the step, time the step on copies, print; 1 above the bar."""
    days = LONG + 2  # the history, an ordinary day that is not timed, and the day that is
    parameters = MarketParameters(customers=customers, start=START, days=days, effect_sample=0, seed=5)
    simulate(parameters, place.folder / "all", place.folder / "truth")
    last = START + timedelta(days=days - 1)
    eves = {}
    for length in (SHORT, LONG):
        landing = place.folder / f"landing_{length}"
        shorten(place.folder / "all", landing, last - timedelta(days=length + 1))
        eves[length] = eve(place, f"eve_{length}", landing, last)
    timed: dict[int, list[Seconds]] = {SHORT: [], LONG: []}
    for number in range(runs + 1):
        order = (SHORT, LONG) if number % 2 else (LONG, SHORT)
        for length in order:
            seconds = on_a_copy(place, eves[length], last, show_rows=number == 0)
            if number:
                timed[length].append(seconds)
    return tell(timed)


def shorten(landing: Path, shorter: Path, first: date) -> None:
    """The same deliveries, without what happened before ``first``: hard links to the files."""
    known = {tool.file for tool in TOOLS if tool.feed in KNOWN_FEEDS}
    for path in sorted(landing.glob("*/*")):
        if date.fromisoformat(path.parent.name) >= first or path.name in known:
            (shorter / path.parent.name).mkdir(parents=True, exist_ok=True)
            os.link(path, shorter / path.parent.name / path.name)


def eve(place: Place, name: str, landing: Path, last: date) -> Settings:
    """A warehouse that lived the history in one load and an ordinary day, and of the last day all but the step."""
    place.admin(f"create database {name} owner millibar")
    settings = place.settings(name, landing)
    for as_of in (last - timedelta(days=2), last - timedelta(days=1)):
        began = time.monotonic()
        before_the_step(settings, as_of)
        step(settings, as_of)
        with Warehouse.open(settings) as warehouse:
            context.end(warehouse, f"bench:{as_of}")
        print(f"{name} lived {as_of} in {time.monotonic() - began:.0f} s", flush=True)
    before_the_step(settings, last)
    with Warehouse.open(settings) as warehouse:
        warehouse.execute("analyze")
    return settings


def before_the_step(settings: Settings, as_of: date) -> None:
    """Load the day's files; staging, identity, and the models of core the step reads."""
    run_id = f"bench:{as_of}"
    for source in ingest.prepare(settings):
        ingest.load(settings, source, run_id, as_of)
    flow.begin(settings, run_id, as_of, "bench")
    for stage in ("staging", "identity"):
        flow.run_stage(settings, run_id, stage)
    later = ("tag:identity_inputs", "tag:after_scores", *(f"{path}+" for path in (*PRESSURE, *NOT_NEEDED)))
    dbt(settings, ["tag:core"], list(later))


def step(settings: Settings, as_of: date) -> Seconds:
    """The pressure step of a day: models of core, the estimation, models that read its scores. Seconds by name."""
    seconds = dbt(settings, [f"{path},tag:core" for path in PRESSURE], ["tag:after_scores"])
    began = time.perf_counter()
    flow.run_stage(settings, f"bench:{as_of}", "pressure")
    seconds["estimation"] = time.perf_counter() - began
    return seconds | dbt(settings, [f"{path},tag:after_scores" for path in PRESSURE], [])


def dbt(settings: Settings, select: list[str], exclude: list[str]) -> Seconds:
    """Build the models selected, one after the other; seconds of each as dbt measured them."""
    target = settings.state / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    words = ["--select", *select, *(["--exclude", *exclude] if exclude else []), "--threads", "1"]
    done = subprocess.run(
        command("run", settings, target, *words), env=os.environ | environment(settings), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"dbt run {' '.join(words)} failed:\n{done.stdout[-4000:]}")
    results = json.loads((target / "run_results.json").read_text())["results"]
    models = [node for node in results if node["unique_id"].startswith("model.")]  # not the hooks of the invocation
    return {node["unique_id"].split(".")[-1]: float(node["execution_time"]) for node in models}


def on_a_copy(place: Place, original: Settings, last: date, show_rows: bool) -> Seconds:
    """The step on a fresh copy of a warehouse, which is dropped again."""
    name = original.warehouse_uri.rsplit("/", 1)[1]
    copy = f"{name}_copy"
    place.admin(f"create database {copy} owner millibar template {name}")
    settings = replace(original, warehouse_uri=original.warehouse_uri.replace(f"/{name}", f"/{copy}"))
    try:
        with Warehouse.open(settings) as warehouse:
            warehouse.execute("vacuum analyze")  # a copy knows nothing of its tables, and no run should wait for that
        seconds = step(settings, last)
        if show_rows:
            told = ((table, rows(settings, table)) for table in MEASURED)
            print(f"{name}: " + ", ".join(f"{table.split('.')[1]} {count:,}" for table, count in told), flush=True)
    finally:
        place.admin(f"drop database {copy} with (force)")
    return seconds


def rows(settings: Settings, table: str) -> int:
    with Warehouse.open(settings) as warehouse:
        return int(warehouse.value(f"select count(*) from {table}"))


def tell(timed: dict[int, list[Seconds]]) -> int:
    """Print each part's median and the ratio of the whole, pair by pair."""
    parts = sorted(timed[LONG][0], key=lambda part: -middle(timed[LONG], part))
    print(f"{'':<44}{f'{SHORT} days':>10}{f'{LONG} days':>10}   ratio   (median seconds of {len(timed[LONG])} runs)")
    for part in parts:
        short, long = middle(timed[SHORT], part), middle(timed[LONG], part)
        print(f"{part:<44}{short:>10.2f}{long:>10.2f}{long / short:>8.2f}")
    totals = {length: [sum(seconds.values()) for seconds in runs] for length, runs in timed.items()}
    ratios = sorted(long / short for long, short in zip(totals[LONG], totals[SHORT], strict=True))
    ratio = statistics.median(ratios)
    short, long = (statistics.median(totals[length]) for length in (SHORT, LONG))
    print(f"{'whole step':<44}{short:>10.2f}{long:>10.2f}{ratio:>8.2f}   from {ratios[0]:.2f} to {ratios[-1]:.2f}")
    print(f"bar {BAR}: {'met' if ratio <= BAR else 'missed'}")
    return int(ratio > BAR)


def middle(runs: list[Seconds], part: str) -> float:
    return statistics.median(seconds[part] for seconds in runs)


if __name__ == "__main__":
    raise SystemExit(main())
