"""Load every source delivered by the business date into raw, a mapped task a source."""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import DAG, CronPartitionTimetable, TriggerRule, task

from millibar.pipeline.assets import RAW
from millibar.pipeline.tasks import business_date, run_id, schedule_until, tell_failure

WAIT_SECONDS = 6 * 3600.0  # for the run before to end; a claim older than that is of a run that was killed

with DAG(
    dag_id="millibar_ingest",
    # The day that ended last night; the partition key is that business date.
    schedule=CronPartitionTimetable(
        "0 5 * * *",
        timezone=os.environ.get("MILLIBAR_TIMEZONE", "Europe/Paris"),
        run_offset=-1,
        key_format="%Y-%m-%d",
    ),
    catchup=False,
    end_date=schedule_until(),
    max_active_runs=1,
    default_args={
        "owner": "data-engineering",
        "retries": 1,
        "retry_delay": timedelta(seconds=30),
        "on_failure_callback": tell_failure,
    },
    tags=["millibar", "ingest"],
    doc_md="""
**What**: reads every source of `config/sources/` delivered on or before the business date and not loaded yet; rows
that keep their feed's contract go to `raw.<feed>`, the others to `ops.rejected_rows` with file, line and reason.

**Inputs**: the landing folder (or object store, or SQL connection) of each source.
**Outputs**: `raw.*`, `ops.load_batches`, `ops.rejected_rows`; the asset `millibar_raw` starts `millibar_daily`.

**When it fails**: one bad source fails alone and the others go on; its task's log names file and line. Deliver the
corrected file under its old name (it replaces what it brought) or raise the source's limit, then clear the task.
Loading the same file twice changes nothing. The run is marked failed, but the day goes on without the bad source.

**Backfill**: `airflow backfill create --dag-id millibar_ingest --from-date 2026-01-01 --to-date 2026-01-07T23:59
--max-active-runs 1` (the day's run is keyed 05:00, so an end date without a time leaves its day out).
**Owner**: data-engineering
""",
):

    @task
    def plan(dag_run=None) -> list[str]:
        """Wait until the day before has ended, claim the warehouse, and name the configured sources."""
        from millibar.pipeline import ingest
        from millibar.settings import Settings

        settings = Settings.from_environment()
        names = ingest.prepare(settings)
        ingest.claim(settings, run_id(dag_run), business_date(dag_run), "airflow", WAIT_SECONDS)
        return names

    @task(max_active_tis_per_dagrun=2, map_index_template="{{ source_name }}")
    def load(source_name: str, dag_run=None) -> str:
        """Load one source; a refused file is not tried again before it is corrected."""
        from airflow.sdk import get_current_context
        from airflow.sdk.exceptions import AirflowFailException

        from millibar.pipeline import ingest
        from millibar.settings import Settings

        get_current_context()["source_name"] = source_name
        try:
            return ingest.load(
                Settings.from_environment(), source_name, run_id(dag_run), business_date(dag_run)
            ).message
        except ingest.SourceFailed as fault:
            raise AirflowFailException(str(fault)) from fault

    @task(trigger_rule=TriggerRule.ALL_DONE, outlets=[RAW])
    def settle(reports: list[str], dag_run=None) -> None:
        """Say what was loaded; the asset tells `millibar_daily` that this business date may run."""
        import logging

        for told in reports or []:
            logging.getLogger(__name__).info(told)
        logging.getLogger(__name__).info("raw is settled for %s", business_date(dag_run))

    @task(trigger_rule=TriggerRule.ONE_FAILED, retries=0, on_failure_callback=None)
    def watch() -> None:
        """Mark the run failed where a source failed, though the day went on without it."""
        raise RuntimeError("a source was not loaded: see the failed `load` task, its log names file and line")

    loaded = load.expand(source_name=plan())
    settle(loaded)
    loaded >> watch()
