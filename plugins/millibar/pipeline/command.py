"""`millibar run`, `backfill`, `status` and `dbt`: the pipeline without Airflow, by the functions its tasks call."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from datetime import date, timedelta

from millibar.pipeline import context, dbt_calls, flow
from millibar.pipeline.ingest import SourceFailed, claim, load, prepare
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser("run", help="load what was delivered, run every stage of a business date, publish")
    run.add_argument("--as-of", type=date.fromisoformat, metavar="DATE", help="the business date, as 2026-01-05")
    run.add_argument("--release", metavar="RUN_ID", help="mark a run that was killed as ended, and do nothing else")
    run.set_defaults(run=run_day)
    backfill = commands.add_parser("backfill", help="run several business dates, one after the other")
    backfill.add_argument("--from", dest="first", type=date.fromisoformat, required=True, metavar="DATE")
    backfill.add_argument("--to", dest="last", type=date.fromisoformat, required=True, metavar="DATE")
    backfill.set_defaults(run=run_backfill)
    status = commands.add_parser("status", help="the last runs, their stages, what is published")
    status.set_defaults(run=show_status)
    analyst = commands.add_parser("dbt", help="dbt on this warehouse, as `millibar dbt build --select fct_journey`")
    analyst.add_argument("arguments", nargs=argparse.REMAINDER)
    analyst.set_defaults(run=run_dbt)


def run_day(arguments: argparse.Namespace) -> int:
    """One business date, or the release of a run that was killed."""
    settings = Settings.from_environment()
    if arguments.release:
        with Warehouse.open(settings) as warehouse:
            context.end(warehouse, arguments.release, failed="released by hand")
        print(f"{arguments.release} is released")
        return 0
    if arguments.as_of is None:
        print("which day? give --as-of DATE, as 2026-01-05")
        return 2
    return 0 if run_business_date(settings, arguments.as_of) else 1


def run_backfill(arguments: argparse.Namespace) -> int:
    """Several business dates in order; stops at the first that fails."""
    settings = Settings.from_environment()
    day = arguments.first
    while day <= arguments.last:
        if not run_business_date(settings, day):
            return 1
        day += timedelta(days=1)
    return 0


def run_business_date(settings: Settings, as_of: date) -> bool:
    """Ingest and every stage; false where a source failed (the others were loaded and published)."""
    run_id = f"cli:{as_of}:{time.time_ns()}"
    names = prepare(settings)
    claim(settings, run_id, as_of, "command line")
    try:
        failed = _load_all(settings, names, run_id, as_of)
    except BaseException as fault:  # an interrupt, too
        with Warehouse.open(settings) as warehouse:
            context.end(warehouse, run_id, failed=f"ingest: {str(fault) or type(fault).__name__}"[:4000])
        raise
    flow.run_day(settings, run_id, as_of, "command line", lambda stage, rows: print(f"  {stage:<24}{rows:>10,} rows"))
    print(f"{as_of} is published" + (f"; not loaded: {', '.join(failed)}" if failed else ""))
    return not failed


def _load_all(settings: Settings, names: list[str], run_id: str, as_of: date) -> list[str]:
    """Load every source; returns the names of those with refused files."""
    failed = []
    for name in names:
        try:
            print("  " + load(settings, name, run_id, as_of).message)
        except SourceFailed as fault:
            failed.append(name)
            print(f"  {fault}")
    return failed


def show_status(arguments: argparse.Namespace) -> int:
    """The last ten runs, the stages of the newest, the sources' last batches, what bi holds."""
    del arguments
    with Warehouse.open(Settings.from_environment()) as warehouse:
        runs = warehouse.rows(
            "select run_id, as_of, status, started_at, message from ops.pipeline_runs order by started_at desc limit 10"
        )
        for run in runs:
            message = (run["message"] or "").splitlines()
            print(f"{run['as_of']}  {run['status']:<8} {run['run_id']}  {message[0] if message else ''}")
        if runs:
            stages = warehouse.rows(
                """
                select stage, status, rows,
                    extract(epoch from coalesce(finished_at, now()) - started_at)::float8 as seconds
                from ops.stage_runs where run_id = %(run_id)s order by started_at
                """,
                {"run_id": runs[0]["run_id"]},
            )
            for stage in stages:
                took = f"{stage['seconds']:7.1f} s"
                print(f"  {stage['stage']:<18}{stage['status']:<9}{took}  {stage['rows'] or 0:>12,} rows")
        published = warehouse.rows(
            "select max(as_of) as as_of, count(*) as tables, sum(rows) as rows, max(published_at) as at "
            "from bi.publication"
        )[0]
        if published["tables"]:
            print(
                f"bi: {published['tables']} tables, {published['rows']:,} rows, business date {published['as_of']}, "
                f"published {published['at']:%Y-%m-%d %H:%M} UTC"
            )
    return 0


def run_dbt(arguments: argparse.Namespace) -> int:
    """dbt with the project, profile and warehouse of these settings; the rest of the line is dbt's."""
    settings = Settings.from_environment()
    verb, *rest = [word for word in arguments.arguments if word != "--"] or ["--help"]
    target = settings.state / "dbt"
    target.mkdir(parents=True, exist_ok=True)
    line = dbt_calls.command(verb, settings, target, *rest)
    return subprocess.run(line, env=os.environ | dbt_calls.environment(settings)).returncode
