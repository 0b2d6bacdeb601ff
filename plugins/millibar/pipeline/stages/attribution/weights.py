"""Weights of steps inside a journey, month by month, fitted again only where the journeys they stand on changed."""

from __future__ import annotations

import hashlib
import time
from datetime import date, timedelta

import pandas as pd

from millibar.attribution.chains.markov import MARKOV
from millibar.attribution.coalitions.markov_shapley import MARKOV_SHAPLEY
from millibar.attribution.parameters import AttributionParameters
from millibar.attribution.paths import Paths
from millibar.attribution.steps.step_weights import StepWeights, equal_weights, fit_step_weights
from millibar.attribution.steps.time_to_conversion import fit_hazard
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.attribution.credits import fit
from millibar.pipeline.stages.attribution.journeys import read_paths
from millibar.pipeline.stages.attribution.rules import AttributionRules
from millibar.pipeline.stages.attribution.touch_ages import TouchDays, read_touch_days
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.warehouse.connect import Warehouse

MODEL = "attribution_weight"
TIME_TO_CONVERSION = "time_to_conversion"
ANY_PLACE = "any"

# A fingerprint of each closed day: when it stays the same, so do the weights fitted on it. The paths do not know when
# their touches were, which is what the time to conversion is made of.
DAYS = """
    with paths as (
        select closed_on, sum(conversions)::float8 as conversions, sum(non_conversions)::float8 as non_conversions,
            round(sum(value)::numeric, 2)::text as value,
            sum((hashtextextended(path, 0) %% 1000003) * (conversions + 31 * non_conversions))::text as mix
        from intermediate.int_attribution__paths
        where closed_on <= %(as_of)s
        group by closed_on
    ),

    clocks as (
        select converted_on,
            sum(round(extract(epoch from converted_at - occurred_at) * (1 + hashtextextended(channel, 0) %% 7)))::text
                as ages
        from intermediate.int_journey__steps
        where converted_on <= %(as_of)s
        group by converted_on
    )

    select paths.*, coalesce(clocks.ages, '0') as ages
    from paths
    left join clocks on paths.closed_on = clocks.converted_on
    order by paths.closed_on
"""


def score(warehouse: Warehouse, run: RunContext, rules: AttributionRules) -> int:
    """Weights of a month come from the journeys closed in the days before it, and from nothing else."""
    started = time.monotonic()
    parameters = rules.attribution
    told = _told(rules)
    days = warehouse.frame(DAYS, {"as_of": run.as_of})
    current = month_fingerprints(days, run.as_of, parameters.weight_window_days, told)
    known = _known_fingerprints(warehouse)
    months = months_to_refresh(known, current)
    touches = read_touch_days(warehouse, *_span(months, parameters), rules.hazard) if months else None
    written, distances = 0, {}
    with warehouse.transaction():
        for month in months:
            first, last = month - timedelta(days=parameters.weight_window_days), month - timedelta(days=1)
            paths = read_paths(warehouse, first, last)
            frames, distances[month.isoformat()] = _path_weights(paths, parameters)
            if touches is not None:
                frames.append(_age_weights(touches, first, last, paths, rules))
            rows = stamped(pd.concat(frames, ignore_index=True).assign(month=month), run)
            written += warehouse.replace("scores.attribution_weight", rows, {"month": month})
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"months": known | current},
            parameters=parameters,
            fit_quality={"months_fitted": [month.isoformat() for month in months], "distance": distances},
        )
    return written


def months_to_refresh(known: dict[str, str], current: dict[str, str]) -> list[date]:
    """Months of ``current`` (month -> fingerprint of its journeys) whose fingerprint is not the known one."""
    return [date.fromisoformat(month) for month, mark in sorted(current.items()) if known.get(month) != mark]


def month_fingerprints(days: pd.DataFrame, as_of: date, window_days: int, told: str) -> dict[str, str]:
    """Fingerprint of the journeys each month's weights are fitted on, for every month from the first closed day.

    ``days``: closed_on and the figures of each closed day, in order. ``told``: what else the weights follow from.
    """
    if days.empty:
        return {}
    closed = pd.to_datetime(days["closed_on"]).dt.date
    marks = days.astype(str).agg("|".join, axis=1)
    fingerprints = {}
    month = closed.iloc[0].replace(day=1)
    while month <= as_of:
        inside = (closed >= month - timedelta(days=window_days)) & (closed < month)
        text = f"{told}\n" + "\n".join(marks[inside])
        fingerprints[month.isoformat()] = hashlib.sha256(text.encode()).hexdigest()[:16]
        month = (month + timedelta(days=31)).replace(day=1)
    return fingerprints


def _told(rules: AttributionRules) -> str:
    """The parameters weights follow from; the others may change without a month being fitted again."""
    names = ("weight_window_days", "minimum_conversions", "highest_order", "order_folds", "weight_floor")
    return f"{[getattr(rules.attribution, name) for name in names]}\n{rules.hazard}"


def _span(months: list[date], parameters: AttributionParameters) -> tuple[date, date]:
    return months[0] - timedelta(days=parameters.weight_window_days), months[-1] - timedelta(days=1)


def _path_weights(paths: Paths, parameters: AttributionParameters) -> tuple[list[pd.DataFrame], dict[str, float]]:
    """Rows of the two models of paths, and how far the credits of their steps are from the models'."""
    if paths.conversions.sum() < max(parameters.minimum_conversions, 1):
        weights = {name: equal_weights(paths.channels) for name in (MARKOV, MARKOV_SHAPLEY)}
    else:
        fitted, _ = fit(paths, parameters, errors=False)
        weights = {
            part.model: fit_step_weights(paths, part.conversions, parameters.weight_floor)
            for part in (fitted.markov, fitted.markov_shapley)
        }
    frames = [_rows(name, part) for name, part in weights.items()]
    return frames, {name: part.distance for name, part in weights.items()}


def _rows(model: str, weights: StepWeights) -> pd.DataFrame:
    return pd.DataFrame({"model": model, "channel": weights.channels, "place": ANY_PLACE, "weight": weights.weights})


def _age_weights(touches: TouchDays, first: date, last: date, paths: Paths, rules: AttributionRules) -> pd.DataFrame:
    """Rows of the hazard by channel and age; with few conversions every touch weighs 1."""
    ages = touches.between(first, last)
    weights = fit_hazard(ages, rules.hazard.prior_conversions).weights(rules.attribution.weight_floor)
    if paths.conversions.sum() < rules.attribution.minimum_conversions:
        weights = weights.assign(weight=1.0)
    return weights.assign(model=TIME_TO_CONVERSION)


def _known_fingerprints(warehouse: Warehouse) -> dict[str, str]:
    """Fingerprints at the last fit of each month."""
    known = warehouse.value(
        "select inputs -> 'months' from ops.model_runs where model = %(model)s order by finished_at desc limit 1",
        {"model": MODEL},
    )
    return dict(known or {})
