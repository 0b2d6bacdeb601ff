"""Fits are kept as JSON whatever they hold."""

from __future__ import annotations

import time

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.scores import record_model_run
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF


def test_a_fit_of_the_same_run_is_replaced_and_may_hold_what_json_cannot(warehouse: Warehouse, run: RunContext) -> None:
    for quality in ({"auc": float("nan")}, {"auc": 0.7, "parts": [float("inf"), 1], "day": AS_OF}):
        record_model_run(warehouse, run, "m", time.monotonic(), inputs={}, parameters={}, fit_quality=quality)
    assert [row["fit_quality"] for row in warehouse.rows("select fit_quality from ops.model_runs")] == [
        {"auc": 0.7, "parts": [None, 1], "day": AS_OF.isoformat()}
    ]
