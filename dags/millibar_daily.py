"""Turn raw into the customer view, attribution, pressure and churn of a business date, and publish them to bi."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, PartitionedAssetTimetable, chain, task

from millibar.pipeline.assets import BI, RAW
from millibar.pipeline.tasks import business_date, run_id, tell_failure

with DAG(
    dag_id="millibar_daily",
    schedule=PartitionedAssetTimetable(assets=RAW),
    catchup=False,
    max_active_runs=1,
    default_args={
        "owner": "data-engineering",
        "retries": 1,
        "retry_delay": timedelta(seconds=30),
        "on_failure_callback": tell_failure,
    },
    tags=["millibar", "daily"],
    doc_md="""
**What**: one business date through the house: dbt staging, raw gate, identity, dbt core, core gate, attribution,
pressure and churn side by side, dbt marts and reporting, reporting gate, publish.

**Inputs**: `raw.*` of the partition `millibar_ingest` settled (partition key = business date).
**Outputs**: `scores.*`, `marts.*`, `reporting.*` and, only when the gates are green, `bi.*`; the asset `millibar_bi`.

**When it fails**: the task's log and `ops.pipeline_runs.message` say what failed and what to do. A red gate stops the
publish: BI keeps yesterday's tables. Every task may be cleared and run again: running twice gives the same tables.
Two runs never overlap: a second one waits, and a run of the command line is refused while this one works.

**Owner**: data-engineering
""",
):

    @task
    def begin(dag_run=None) -> None:
        """Claim the warehouse for this business date."""
        from millibar.pipeline import flow
        from millibar.settings import Settings

        flow.begin(Settings.from_environment(), run_id(dag_run), business_date(dag_run), "airflow")

    @task
    def run_stage(stage: str, dag_run=None) -> int:
        """Run one stage of millibar.pipeline.flow.STAGES."""
        from millibar.pipeline import flow
        from millibar.settings import Settings

        return flow.run_stage(Settings.from_environment(), run_id(dag_run), stage)

    def stage(name: str, **options: object):
        return run_stage.override(task_id=name, **options)(name)

    estimations = [stage("attribution"), stage("pressure"), stage("churn")]
    chain(
        begin(),
        stage("staging"),
        stage("raw_gate", retries=0),
        stage("identity"),
        stage("core"),
        stage("core_gate", retries=0),
        estimations,
        stage("marts"),
        stage("reporting"),
        stage("reporting_gate", retries=0),
        stage("publish", outlets=[BI]),
    )
