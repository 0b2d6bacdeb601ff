"""Stage attribution: aggregated paths -> scores.attribution_channel, attribution_transition, attribution_weight."""

from __future__ import annotations

import hashlib
import time
from datetime import date, timedelta

import pandas as pd

from millibar.attribution import (
    AttributionParameters,
    Paths,
    channel_results,
    encode_paths,
    touchpoint_weights,
    transition_table,
)
from millibar.attribution.channels import MARKOV
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

CHANNEL_MODEL, WEIGHT_MODEL = "attribution_channel", "attribution_weight"

PATHS = """
    select path, sum(conversions)::float8 as conversions, sum(non_conversions)::float8 as non_conversions,
        sum(value)::float8 as value, sum(value_squared)::float8 as value_squared
    from intermediate.int_attribution__paths
    where closed_on >= %(first)s and closed_on <= %(last)s
    group by path
"""
# A fingerprint of each closed day: when it stays the same, so do the weights fitted on it.
DAYS = """
    select closed_on, sum(conversions)::float8 as conversions, sum(non_conversions)::float8 as non_conversions,
        round(sum(value)::numeric, 2)::text as value,
        sum((hashtextextended(path, 0) %% 1000003) * (conversions + 31 * non_conversions))::text as mix
    from intermediate.int_attribution__paths
    where closed_on <= %(as_of)s
    group by closed_on
    order by closed_on
"""


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Fit the channel models of as_of and the weights of the months whose journeys changed; returns rows written."""
    parameters = load(settings, "attribution", AttributionParameters())
    return _fit_channels(warehouse, run, parameters) + _fit_weights(warehouse, run, parameters)


def months_to_refresh(known: dict[str, str], current: dict[str, str]) -> list[date]:
    """Months of ``current`` (month -> fingerprint of its journeys) whose fingerprint is not the known one."""
    return [date.fromisoformat(month) for month, mark in sorted(current.items()) if known.get(month) != mark]


def month_fingerprints(days: pd.DataFrame, as_of: date, parameters: AttributionParameters) -> dict[str, str]:
    """Fingerprint of the journeys each month's weights are fitted on, for every month from the first closed day.

    ``days``: closed_on and the figures of each closed day, in order.
    """
    if days.empty:
        return {}
    closed = pd.to_datetime(days["closed_on"]).dt.date
    marks = days.astype(str).agg("|".join, axis=1)
    fingerprints = {}
    month = closed.iloc[0].replace(day=1)
    while month <= as_of:
        inside = (closed >= month - timedelta(days=parameters.weight_window_days)) & (closed < month)
        told = f"{parameters}\n" + "\n".join(marks[inside])
        fingerprints[month.isoformat()] = hashlib.sha256(told.encode()).hexdigest()[:16]
        month = (month + timedelta(days=31)).replace(day=1)
    return fingerprints


def _paths(warehouse: Warehouse, first: date, last: date) -> Paths:
    return encode_paths(warehouse.frame(PATHS, {"first": first, "last": last}))


def _fit_channels(warehouse: Warehouse, run: RunContext, parameters: AttributionParameters) -> int:
    started = time.monotonic()
    paths = _paths(warehouse, run.as_of - timedelta(days=parameters.window_days - 1), run.as_of)
    channels, transitions = channel_results(paths, parameters), transition_table(paths)
    conversions = float(paths.conversions.sum())
    with warehouse.transaction():
        where = {"as_of": run.as_of}
        written = warehouse.replace("scores.attribution_channel", stamped(channels, run), where)
        written += warehouse.replace("scores.attribution_transition", stamped(transitions, run), where)
        record_model_run(
            warehouse,
            run,
            CHANNEL_MODEL,
            started,
            inputs={
                "paths": len(paths.conversions),
                "journeys": paths.journeys,
                "conversions": conversions,
                "revenue": float(paths.value.sum()),
                "channels": len(paths.channels),
            },
            parameters=parameters,
            fit_quality={"conversion_rate": conversions / paths.journeys if paths.journeys else None},
        )
    return written


def _fit_weights(warehouse: Warehouse, run: RunContext, parameters: AttributionParameters) -> int:
    """Weights of a month come from the journeys closed in the days before it, and from nothing else."""
    started = time.monotonic()
    current = month_fingerprints(warehouse.frame(DAYS, {"as_of": run.as_of}), run.as_of, parameters)
    known = _known_fingerprints(warehouse)
    months = months_to_refresh(known, current)
    written = 0
    with warehouse.transaction():
        for month in months:
            window = timedelta(days=parameters.weight_window_days)
            weights = touchpoint_weights(_paths(warehouse, month - window, month - timedelta(days=1)), parameters)
            rows = stamped(weights.assign(month=month, model=MARKOV), run)
            written += warehouse.replace("scores.attribution_weight", rows, {"month": month, "model": MARKOV})
        record_model_run(
            warehouse,
            run,
            WEIGHT_MODEL,
            started,
            inputs={"months": known | current},
            parameters=parameters,
            fit_quality={"months_fitted": [month.isoformat() for month in months]},
        )
    return written


def _known_fingerprints(warehouse: Warehouse) -> dict[str, str]:
    """Fingerprints at the last fit of each month."""
    known = warehouse.value(
        "select inputs -> 'months' from ops.model_runs where model = %(model)s order by finished_at desc limit 1",
        {"model": WEIGHT_MODEL},
    )
    return dict(known or {})
