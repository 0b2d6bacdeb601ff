"""The order of the day's stages; the DAG tasks and the command line call the same functions from here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import date

from millibar.pipeline import context, dbt
from millibar.pipeline.context import RunContext, Stage
from millibar.settings import Settings
from millibar.warehouse import publish, setup
from millibar.warehouse.connect import Warehouse


def _dbt_layer(layer: str) -> Stage:
    return lambda warehouse, settings, run: dbt.build(warehouse, settings, run, layer)


def _estimation(name: str) -> Stage:
    def stage(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
        # imported when it runs: scipy and scikit-learn would slow every other task down
        module = importlib.import_module(f"millibar.pipeline.stages.{name}")
        return int(module.run(warehouse, settings, run))

    return stage


def _gate(layer: str) -> Stage:
    def stage(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
        from millibar.quality.gate import check_layer  # great_expectations takes seconds to import

        return check_layer(warehouse, settings, run, layer)

    return stage


def _publish(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    return publish.publish(warehouse, run.run_id, run.as_of)


# In the order they run. A stage reads only what the stages before it wrote.
STAGES: dict[str, Stage] = {
    "staging": _dbt_layer("staging"),
    "raw_gate": _gate("raw"),
    "identity": _estimation("identity"),
    "core": _dbt_layer("core"),
    "core_gate": _gate("core"),
    "attribution": _estimation("attribution"),
    "pressure": _estimation("pressure"),
    "churn": _estimation("churn"),
    "marts": _dbt_layer("marts"),
    "reporting": _dbt_layer("reporting"),
    "reporting_gate": _gate("reporting"),
    "publish": _publish,
}


def begin(settings: Settings, run_id: str, as_of: date, started_by: str) -> RunContext:
    """Make what is missing in the warehouse and claim it for this run."""
    setup.prepare(settings)
    with Warehouse.open(settings) as warehouse:
        return context.begin(warehouse, run_id, as_of, started_by)


def run_stage(settings: Settings, run_id: str, name: str) -> int:
    """Run one stage of the run in progress; a failure or an interrupt ends the run, told in ops.pipeline_runs."""
    with Warehouse.open(settings) as warehouse:
        run = context.current(warehouse)
        if run.run_id != run_id:
            raise context.RunInProgress(
                f"stage {name} belongs to run {run_id}, but the warehouse is in run {run.run_id} of {run.as_of}; "
                f"start the day again from its first task"
            )
        try:
            rows = context.run_stage(warehouse, settings, run, name, STAGES[name])
        except BaseException as fault:
            context.end(warehouse, run_id, failed=f"stage {name}: {str(fault) or type(fault).__name__}"[:4000])
            raise
        if name == next(reversed(STAGES)):
            context.end(warehouse, run_id)
        return rows


def run_day(
    settings: Settings, run_id: str, as_of: date, started_by: str, progress: Callable[[str, int], None] | None = None
) -> RunContext:
    """Run every stage of a day, in order, in this process."""
    run = begin(settings, run_id, as_of, started_by)
    for name in STAGES:
        rows = run_stage(settings, run_id, name)
        if progress:
            progress(name, rows)
    return run
