"""Holdout experiments and the credits that agree with them: scores.attribution_experiment, model calibrated."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from millibar.attribution.causes.calibration import Calibration, calibrate
from millibar.attribution.causes.experiments import (
    TREATED,
    Difference,
    ExperimentResult,
    IncrementalShare,
    experiment_result,
    pooled_share,
)
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.attribution.credits import ALL, Fitted, credit_rows
from millibar.pipeline.stages.attribution.journeys import days_between, window
from millibar.pipeline.stages.attribution.rules import AttributionRules
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.warehouse.connect import Warehouse

EXPERIMENT_MODEL, CALIBRATION_MODEL = "attribution_experiment", "attribution_calibration"
EXPERIMENTS = """
    select experiment_id, max(channel) as channel, min(assigned_on) as first_on,
        least(coalesce(max(ends_on), %(as_of)s), %(as_of)s) as last_on,
        coalesce(max(ends_on) <= %(as_of)s, false) as is_complete,
        count(*) filter (where is_contaminated)::bigint as contaminated
    from marts.fct_experiment_assignment
    where assigned_on <= %(as_of)s
    group by experiment_id
    order by experiment_id
"""
GROUPS = Path(__file__).with_name("experiment_groups.sql")
CONVERSIONS = """
    select conversions.converted_on as day, count(*)::float8 as conversions,
        count(*) filter (where customers.is_known)::float8 as of_known, sum(conversions.value)::float8 as revenue,
        coalesce(sum(conversions.value) filter (where customers.is_known), 0)::float8 as revenue_of_known
    from marts.fct_conversion as conversions
    left join marts.dim_customer as customers on conversions.customer_id = customers.customer_id
    where conversions.converted_on <= %(as_of)s
    group by conversions.converted_on
    order by conversions.converted_on
"""
# each conversion split evenly over its steps: enough to see how busy a channel was
ACTIVITY = """
    select converted_on as day, channel, sum(1.0 / steps)::float8 as conversions
    from intermediate.int_journey__steps
    where converted_on >= %(first)s and converted_on <= %(last)s
    group by converted_on, channel
    order by converted_on, channel
"""
LARGEST_RATIO = 2.0  # of a channel's share of activity now to that while an experiment ran
STEADYING_CONVERSIONS = 20.0


@dataclass(frozen=True)
class Shown:
    """An experiment, what it showed, and what that means for the brand while it ran."""

    experiment_id: str
    channel: str | None
    first_on: date
    last_on: date
    is_complete: bool
    contaminated: int
    result: ExperimentResult
    customers: float  # effects of one customer times this are effects on the brand's conversions
    customers_by_revenue: float
    conversions: float  # of the brand while it ran


def score(
    warehouse: Warehouse, run: RunContext, rules: AttributionRules, fitted: Fitted
) -> tuple[Calibration | None, int]:
    """What every experiment shows, and the calibrated credits; returns these (None without experiments) and rows."""
    started = time.monotonic()
    shown = _shown(warehouse, run, rules)
    with warehouse.transaction():
        rows = pd.DataFrame([_row(each, rules.calibration.interval_z) for each in shown])
        written = warehouse.replace("scores.attribution_experiment", stamped(rows, run), {"as_of": run.as_of})
        record_model_run(
            warehouse,
            run,
            EXPERIMENT_MODEL,
            started,
            inputs={"experiments": len(shown), "contaminated": sum(each.contaminated for each in shown)},
            parameters=rules.calibration,
            fit_quality={each.experiment_id: _quality(each) for each in shown},
        )
        calibration, calibrated = _calibrate(warehouse, run, rules, fitted, shown)
    return calibration, written + calibrated


def _shown(warehouse: Warehouse, run: RunContext, rules: AttributionRules) -> list[Shown]:
    when = {"as_of": run.as_of}
    experiments = warehouse.rows(EXPERIMENTS, when)
    if not experiments:
        return []
    parameters = rules.calibration
    groups = warehouse.frame(GROUPS.read_text(), when | {"history_days": parameters.history_days})
    days = warehouse.frame(CONVERSIONS, when)
    shown = []
    for experiment in experiments:
        name = experiment["experiment_id"]
        own = groups[groups["experiment_id"] == name]
        if own.empty:
            continue
        result = experiment_result(own, name, parameters.least_customers, parameters.least_reach)
        sums = days_between(days, experiment["first_on"], experiment["last_on"])
        shown.append(
            Shown(
                **experiment,
                result=result,
                customers=_customers(own, result, "conversions", float(sums["of_known"].sum())),
                customers_by_revenue=_customers(own, result, "revenue", float(sums["revenue_of_known"].sum())),
                conversions=float(sums["conversions"].sum()),
            )
        )
    return shown


def _customers(groups: pd.DataFrame, result: ExperimentResult, outcome: str, of_brand: float) -> float:
    """Effects of one customer in the brand's outcome, had nobody been held out.

    The customers of the experiment stand for all customers known by name: what the channel causes is the same share
    of their conversions.
    """
    treated = groups[groups["arm"] == TREATED]
    size = float(treated["customers"].sum())
    mean = float(treated[outcome].sum()) / size if size > 0 else 0.0
    within = (result.treated + result.holdout) / float(groups["customers"].sum())
    return within * of_brand / mean if mean > 0 else 0.0


def _calibrate(
    warehouse: Warehouse, run: RunContext, rules: AttributionRules, fitted: Fitted, shown: list[Shown]
) -> tuple[Calibration | None, int]:
    started = time.monotonic()
    shares = _shares(warehouse, run, rules, shown)
    credits = fitted.markov_shapley
    calibration, said = None, ""
    try:
        calibration = calibrate(credits, shares, rules.calibration)
    except ValueError as reason:
        said = str(reason)
    written = 0
    if calibration is not None:
        rows = credit_rows(calibration.credits, ALL, ALL, rules.calibration.interval_z).set_index("channel", drop=False)
        names = list(calibration.credits.channels)
        bounds = pd.DataFrame(
            {
                "conversions_low": calibration.low,
                "conversions_high": calibration.high,
                "revenue_low": calibration.revenue_low,
                "revenue_high": calibration.revenue_high,
            },
            index=names,
        )
        rows[bounds.columns] = bounds.loc[rows.index]
        # the rows of the other models of this as_of stand already
        warehouse.execute(
            "delete from scores.attribution_channel where as_of = %(as_of)s and model = %(model)s",
            {"as_of": run.as_of, "model": calibration.credits.model},
        )
        written = warehouse.append("scores.attribution_channel", stamped(rows, run))
    record_model_run(
        warehouse,
        run,
        CALIBRATION_MODEL,
        started,
        inputs={share.channel: {"share": share.share, "error": share.error} for share in shares},
        parameters=rules.calibration,
        fit_quality={"left_out": said}
        if calibration is None
        else {
            "scale": calibration.scale,
            "slope": calibration.slope,
            "spread": calibration.spread,
            "below_nothing": list(calibration.truncated),
        },
    )
    return calibration, written


def _shares(
    warehouse: Warehouse, run: RunContext, rules: AttributionRules, shown: list[Shown]
) -> list[IncrementalShare]:
    """Share of the window's conversions each channel with experiments causes."""
    usable = [each for each in shown if each.channel and each.result.conversions is not None and each.conversions > 0]
    if not usable:
        return []
    first, last = window(run.as_of, rules.attribution.window_days)
    span = {"first": min(first, *(each.first_on for each in usable)), "last": last}
    activity = warehouse.frame(ACTIVITY, span)
    by_channel: dict[str, list[tuple[float, float]]] = {}
    for each in usable:
        effect = each.result.conversions
        if effect is None or each.channel is None or effect.error <= 0:
            continue
        ratio = _busier(activity, each.channel, (each.first_on, each.last_on), (first, last))
        scale = ratio * each.customers / each.conversions
        by_channel.setdefault(each.channel, []).append((effect.effect * scale, effect.error * scale))
    return [
        pooled_share(channel, *(np.asarray(part, dtype=np.float64) for part in zip(*values, strict=True)))
        for channel, values in sorted(by_channel.items())
        if all(error > 0 for _, error in values)
    ]


def _busier(activity: pd.DataFrame, channel: str, then: tuple[date, date], now: tuple[date, date]) -> float:
    """How much larger the channel's share of all steps before conversions is now, within bounds."""
    shares = []
    for first, last in (then, now):
        part = days_between(activity, first, last)
        total = float(part["conversions"].sum())
        mine = float(part.loc[part["channel"] == channel, "conversions"].sum())
        shares.append((mine + STEADYING_CONVERSIONS) / (total + STEADYING_CONVERSIONS))
    return float(np.clip(shares[1] / shares[0], 1.0 / LARGEST_RATIO, LARGEST_RATIO))


def _row(each: Shown, z: float) -> dict[str, object]:
    row: dict[str, object] = {
        "experiment_id": each.experiment_id,
        "channel": each.channel,
        "first_on": each.first_on,
        "last_on": each.last_on,
        "treated": each.result.treated,
        "holdout": each.result.holdout,
        "conversions_treated": each.result.conversions_treated,
        "conversions_holdout": each.result.conversions_holdout,
        "is_complete": each.is_complete,
    }
    row |= _told("effect", each.result.conversions, 1.0, z)
    row |= _told("incremental_conversions", each.result.conversions, each.customers, z)
    return row | _told("incremental_revenue", each.result.revenue, each.customers_by_revenue, z)


def _told(name: str, found: Difference | None, scale: float, z: float) -> dict[str, float | None]:
    if found is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = found.interval(z)
    return {name: found.effect * scale, f"{name}_low": low * scale, f"{name}_high": high * scale}


def _quality(each: Shown) -> dict[str, object]:
    found = each.result.conversions
    return {
        "out_of_reach": each.result.out_of_reach,
        "contaminated": each.contaminated,
        "variance_explained": None if found is None else found.explained,
    }
