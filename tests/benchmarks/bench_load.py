"""Loading speed, end to end (contract check, hashing, duplicates, COPY), beside a bare COPY of the same rows.

Run by hand: python tests/benchmarks/bench_load.py [--rows 1000000]. Prints rows a second, the ratio to the bare
COPY and the peak memory of the loading process. Wants a PostgreSQL of its own: it starts the embedded one in a
temporary folder, or takes an empty database by --uri.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from millibar.settings import Settings
from millibar.sources.load import load_source
from millibar.sources.mapping import read_source
from millibar.warehouse import schema
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer

DAY = date(2025, 3, 1)
CUSTOMERS_PER_ROW = 0.02  # the demo's market: 20,000 customers, 1 M touchpoints
MIB = 1 << 20
SOURCE = """
source: bench_{form}
feed: touchpoints
location: {{path: "{{date}}/touchpoints{ending}"}}
format: {form}
columns:
  touchpoint_id: id
  occurred_at: {{from: at, timezone: Europe/Paris}}
  channel: channel
  event_type: {{from: event, map: {{SENT: send, OPEN: open, CLICK: click, VISIT: visit}}}}
  campaign_id: campaign
  message_id: message
  theme: theme
  device: device
  cost: cost
  currency: {{value: EUR}}
  email: email
  cookie_id: cookie
"""
CASES = {"parquet": ".parquet", "csv": ".csv", "csv with 2 % bad rows": ".bad.csv", "csv again, changed": ".again.csv"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--uri", help="an empty database to use in place of the embedded server")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(run_case(arguments.case, arguments.folder, arguments.uri)))
        return 0
    with tempfile.TemporaryDirectory(prefix="bench_load_") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = None if arguments.uri else EmbeddedServer(folder / "postgres")
        try:
            uri = arguments.uri or server.start()  # type: ignore[union-attr]
            write_rows(folder, arguments.rows)
            compare(folder, uri, arguments.rows)
        finally:
            if server is not None:
                server.stop()
    return 0


def compare(folder: Path, uri: str, rows: int) -> None:
    print(f"{rows:,} touchpoints into raw.touchpoints (12 columns mapped, 2 identifiers, primary key and batch index)")
    for case in CASES:
        command = [sys.executable, __file__, "--case", case, "--folder", str(folder), "--uri", uri]
        result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        bare = bare_copy(uri)  # beside each case: the load of a shared machine changes by the minute
        speed = result["read"] / result["seconds"]
        print(
            f"{case:24} {speed:>10,.0f} rows/s  {result['seconds']:6.2f} s  {result['seconds'] / bare:5.2f} x bare COPY"
            f" ({rows / bare:,.0f} rows/s)  loader's CPU {result['cpu']:.2f} s, peak {result['peak_mib']:.0f} MiB"
        )
        print(f"{'':24} {result['message']}")


def run_case(case: str, folder: Path, uri: str) -> dict[str, float | str]:
    """Load one file in this process; the file ``again`` shares its keys with ``csv``, a tenth of them changed."""
    ending, form = CASES[case], "parquet" if case == "parquet" else "csv"
    path = folder / f"{form}{ending}.yml"
    path.write_text(SOURCE.format(form=form, ending=ending))
    settings = Settings.from_environment({"MILLIBAR_STATE": str(folder), "MILLIBAR_HASH_KEY": "0f" * 32})
    settings = replace(settings, landing=folder / "landing", warehouse_uri=uri)
    source = read_source(path)
    with Warehouse.open(settings) as warehouse:
        schema.create(warehouse)
        if "again" not in case:
            warehouse.execute("truncate raw.touchpoints, pii.identifier_values, ops.load_batches")
        before, cpu_before = time.perf_counter(), time.process_time()
        report = load_source(warehouse, settings, source, "bench", DAY)
        seconds = time.perf_counter() - before
    cpu = time.process_time() - cpu_before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    read = report.total("read")
    return {"read": read, "seconds": seconds, "cpu": cpu, "peak_mib": peak, "message": report.message}


def bare_copy(uri: str) -> float:
    """Seconds of a COPY of raw.touchpoints' rows, as text, into an empty table of the same shape."""
    with (
        Warehouse.open(uri) as warehouse,
        tempfile.TemporaryFile() as file,
        warehouse.connection.cursor() as cursor,
    ):
        cursor.copy_expert("copy raw.touchpoints to stdout with (format csv)", file)
        file.seek(0)
        cursor.execute(
            "drop table if exists public.bare; create table public.bare (like raw.touchpoints including all)"
        )
        before = time.perf_counter()
        cursor.copy_expert("copy public.bare from stdin with (format csv)", file, size=MIB)
        seconds = time.perf_counter() - before
        cursor.execute("drop table public.bare")
    return seconds


def write_rows(folder: Path, rows: int) -> None:
    """The same touchpoints as Parquet and CSV, a CSV in which 2 % of the times are no times, and one with changes."""
    landing = folder / "landing" / DAY.isoformat()
    landing.mkdir(parents=True)
    table = make_rows(rows)
    pyarrow.parquet.write_table(table, landing / "touchpoints.parquet")
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    pyarrow.csv.write_csv(table, landing / "touchpoints.csv", options)
    times = np.array(table["at"].to_pylist(), dtype=object)
    times[::50] = "31/02/2025"
    bad = table.set_column(table.column_names.index("at"), "at", pa.array(times, pa.string()))
    pyarrow.csv.write_csv(bad, landing / "touchpoints.bad.csv", options)
    themes = np.array(table["theme"].to_pylist(), dtype=object)
    themes[::10] = "changed"
    again = table.set_column(table.column_names.index("theme"), "theme", pa.array(themes, pa.string()))
    pyarrow.csv.write_csv(again, landing / "touchpoints.again.csv", options)


def make_rows(rows: int) -> pa.Table:
    draw = np.random.default_rng(7)
    customers = max(int(rows * CUSTOMERS_PER_ROW), 1)
    seconds = draw.integers(1_735_689_600, 1_740_700_000, rows).astype("datetime64[s]")

    def pick(values: list[str], missing: float = 0.0) -> pa.Array:
        places = draw.integers(0, len(values), rows)
        return pa.array(np.array(values, dtype=object)[places], pa.string(), mask=draw.random(rows) < missing)

    return pa.table(
        {
            "id": pa.array([f"tp-{number:010d}" for number in range(rows)]),
            "at": pa.array(np.char.replace(seconds.astype(str), "T", " ")),
            "channel": pick(["email", "sms", "onsite", "push_app", "social", "direct_mail"]),
            "event": pick(["SENT", "OPEN", "CLICK", "VISIT"]),
            "campaign": pick([f"campaign-{number}" for number in range(60)], 0.2),
            "message": pick([f"message-{number}" for number in range(900)], 0.2),
            "theme": pick(["spring", "sale", "loyalty", "news"], 0.1),
            "device": pick(["mobile", "desktop", "tablet"], 0.3),
            "cost": pa.array(np.round(draw.random(rows), 4), mask=draw.random(rows) < 0.5),
            "email": pick([f"person{number}@example.org" for number in range(customers)]),
            "cookie": pick([f"c{number:015x}" for number in range(5 * customers)], 0.3),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
