"""Credits of the fitted models for the window and its segments, with the order of the chain that was chosen."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.attribution.chains.markov import markov_credits, sequence_effects, transition_table
from millibar.attribution.chains.order import best_order, order_scores
from millibar.attribution.coalitions.markov_shapley import markov_shapley_credits
from millibar.attribution.parameters import AttributionParameters
from millibar.attribution.paths import Paths
from millibar.attribution.result import Credits
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.attribution.journeys import read_paths, read_segments, window
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.warehouse.connect import Warehouse

MODEL = "attribution_channel"
ALL = "all"
# exact over all coalitions, which a longer memory is not within the time of a stage
SHAPLEY_ORDER = 1


@dataclass(frozen=True)
class Fitted:
    """What was fitted on the window: its paths, the order of the chain, and credits by model, the default one last."""

    paths: Paths
    order: int
    markov: Credits
    markov_shapley: Credits


def fit(paths: Paths, parameters: AttributionParameters, *, errors: bool = True) -> tuple[Fitted, pd.DataFrame]:
    """The models of these paths, and how each order did on journeys held out."""
    scores = order_scores(paths, parameters.highest_order, parameters.order_folds)
    return fit_order(paths, best_order(scores), errors=errors), scores


def fit_order(paths: Paths, order: int, *, errors: bool = True) -> Fitted:
    """The models of these paths, the chain of this order."""
    return Fitted(
        paths,
        order,
        markov_credits(paths, order, errors=errors),
        markov_shapley_credits(paths, SHAPLEY_ORDER, errors=errors),
    )


def credit_rows(credits: Credits, dimension: str, segment: str, z: float) -> pd.DataFrame:
    """Rows of scores.attribution_channel; channels no journey visited are left out."""
    rows = credits.frame(z).rename(columns={"order": "model_order"})
    seen = (rows["conversions"] > 0) | (rows["revenue"] > 0) | (rows["removal_effect"].fillna(0) > 0)
    return rows[seen].assign(dimension=dimension, segment=segment)


def score(warehouse: Warehouse, run: RunContext, parameters: AttributionParameters) -> tuple[Fitted, int]:
    """Fit the window and its segments; returns what was fitted on all of it, and the rows written."""
    started = time.monotonic()
    first, last = window(run.as_of, parameters.window_days)
    paths = read_paths(warehouse, first, last)
    fitted, orders = fit(paths, parameters)
    rows = [credit_rows(part, ALL, ALL, parameters.interval_z) for part in (fitted.markov, fitted.markov_shapley)]
    segments, left_out = _segments(warehouse, run, parameters, fitted)
    # a model with nothing to say has no rows
    channels = pd.concat([*rows, *segments], ignore_index=True)
    conversions = float(paths.conversions.sum())
    where = {"as_of": run.as_of}
    with warehouse.transaction():
        written = sum(
            warehouse.replace(f"scores.{table}", stamped(frame, run), where)
            for table, frame in (
                ("attribution_channel", channels),
                ("attribution_transition", transition_table(paths)),
                ("attribution_sequence", sequence_effects(paths)),
                ("attribution_order", _order_rows(orders)),
            )
        )
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={
                "paths": len(paths),
                "journeys": paths.journeys,
                "conversions": conversions,
                "revenue": float(paths.value.sum()),
                "channels": len(paths.channels),
            },
            parameters=parameters,
            fit_quality={
                "conversion_rate": conversions / paths.journeys if paths.journeys else None,
                "order": fitted.order,
                "segments": len(segments) // 2,
                "segments_left_out": left_out,
            },
        )
    return fitted, written


def _segments(
    warehouse: Warehouse, run: RunContext, parameters: AttributionParameters, whole: Fitted
) -> tuple[list[pd.DataFrame], dict[str, int]]:
    """Rows of every segment with enough conversions, and how many of each dimension had too few."""
    rows: list[pd.DataFrame] = []
    left_out: dict[str, int] = {}
    for segment in read_segments(warehouse, *window(run.as_of, parameters.window_days)):
        if segment.paths.conversions.sum() < max(parameters.minimum_conversions, 1):
            left_out[segment.dimension] = left_out.get(segment.dimension, 0) + 1
            continue
        # the only goal, or the only device, is the whole
        is_whole = segment.paths.journeys == whole.paths.journeys
        fitted = whole if is_whole else fit_order(segment.paths, whole.order)
        rows += [
            credit_rows(part, segment.dimension, segment.name, parameters.interval_z)
            for part in (fitted.markov, fitted.markov_shapley)
        ]
    return rows, left_out


def _order_rows(scores: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_number": scores["order"].to_numpy(dtype=np.int64),
            "held_out_log_likelihood": scores["held_out_log_likelihood"],
            "bic": scores["bic"],
            "parameters": scores["parameters"],
            "is_chosen": scores["is_best"].astype(bool),
        }
    )
