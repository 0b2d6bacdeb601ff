"""The newest days against the ones before: scores.attribution_change."""

from __future__ import annotations

import time
from datetime import timedelta

import pandas as pd

from millibar.attribution.comparison import CHANGE_COLUMNS, compare
from millibar.attribution.models import fit_models
from millibar.attribution.parameters import AttributionParameters
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.attribution.journeys import read_paths, window
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.warehouse.connect import Warehouse

MODEL = "attribution_change"
# both periods with the same chain, so that a change of order is no change of share
ORDER = 1
# of the rules those that no variable of an analyst changes, and no clock
MODELS = ("markov", "markov_shapley", "shapley", "first", "last", "last_non_direct", "linear")


def score(warehouse: Warehouse, run: RunContext, parameters: AttributionParameters) -> int:
    """Compare the credits of two periods; returns rows written: none where one of them has no conversion."""
    started = time.monotonic()
    first_now, last_now = window(run.as_of, parameters.comparison_days)
    first_before, last_before = window(first_now - timedelta(days=1), parameters.comparison_days)
    before = read_paths(warehouse, first_before, last_before)
    now = read_paths(warehouse, first_now, last_now)
    tables = []
    if before.conversions.sum() > 0 and now.conversions.sum() > 0:
        fitted = [fit_models(paths, MODELS, ORDER) for paths in (before, now)]
        tables = [compare(then, later, parameters.interval_z) for then, later in zip(*fitted, strict=True)]
    rows = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=CHANGE_COLUMNS)
    rows = rows.assign(first_before=first_before, last_before=last_before, first_now=first_now, last_now=last_now)
    with warehouse.transaction():
        written = warehouse.replace("scores.attribution_change", stamped(rows, run), {"as_of": run.as_of})
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={
                "conversions_before": float(before.conversions.sum()),
                "conversions_now": float(now.conversions.sum()),
            },
            parameters=parameters,
            fit_quality={"real_changes": {str(m): int(n) for m, n in rows.groupby("model")["is_real"].sum().items()}},
        )
    return written
