"""Response curves of the channels money is spent on, and the plan that follows: attribution_response and _budget."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from scipy.stats import norm

from millibar.attribution.causes.budget import expected_revenue, plan_budget
from millibar.attribution.causes.calibration import Calibration
from millibar.attribution.causes.response import DailySeries, Response, demand_index, fit_response
from millibar.attribution.paths import Floats
from millibar.attribution.steps.step_weights import fit_step_weights
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.attribution.credits import Fitted
from millibar.pipeline.stages.attribution.journeys import days_between, window
from millibar.pipeline.stages.attribution.rules import AttributionRules
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.warehouse.connect import Warehouse

MODEL = "attribution_budget"
# as the marts count cost: what the spend feed says, and the touchpoints' own costs for channels it does not know
SPEND = """
    with costs as (
        select spent_on as day, channel, cost::float8 as cost
        from staging.stg_spend__costs
        where spent_on >= %(first)s and spent_on <= %(last)s

        union all

        select day, channel, cost::float8 as cost
        from intermediate.int_touchpoint__daily
        where day >= %(first)s and day <= %(last)s
            and channel not in (select spend.channel from staging.stg_spend__costs as spend)
    )

    select day, channel, sum(cost)::float8 as cost
    from costs
    group by day, channel
    having sum(cost) > 0
    order by day, channel
"""
# credits of conversions by the day of their touches
CREDITS = """
    with weighted as (
        select steps.conversion_id, steps.channel, steps.occurred_on, coalesce(weights.weight, 1) as weight
        from intermediate.int_journey__steps as steps
        left join unnest(%(channels)s::text[], %(weights)s::float8[]) as weights (channel, weight)
            on steps.channel = weights.channel
        where steps.converted_on >= %(first)s and steps.converted_on <= %(as_of)s
    ),

    shared as (
        select channel, occurred_on, weight / sum(weight) over (partition by conversion_id) as credit
        from weighted
    )

    select occurred_on as day, channel, sum(credit)::float8 as credit
    from shared
    where occurred_on >= %(first)s and occurred_on <= %(last)s
    group by occurred_on, channel
    order by occurred_on, channel
"""
SALES = """
    select converted_on as day, count(*)::float8 as conversions
    from marts.fct_conversion
    where converted_on >= %(first)s and converted_on <= %(last)s
    group by converted_on
    order by converted_on
"""


@dataclass(frozen=True)
class Paid:
    """A channel money is spent on: money a day in the window, what a conversion is worth, and draws of the conversions
    it is credited with in the window."""

    name: str
    spend_day: float
    worth: float
    credit: Floats


def score(
    warehouse: Warehouse, run: RunContext, rules: AttributionRules, fitted: Fitted, calibration: Calibration | None
) -> int:
    """Fit a curve to every channel with spend in the window and plan the same money again; returns rows written."""
    started = time.monotonic()
    parameters, days = rules.budget, rules.attribution.window_days
    basis = fitted.markov_shapley.model if calibration is None else calibration.credits.model
    longest = max(days, parameters.response_days + parameters.settling_days)
    spend = warehouse.frame(SPEND, _span(run.as_of, longest))
    in_window = days_between(spend, *window(run.as_of, days))
    paid = _paid(in_window, fitted, calibration, rules)
    series = _series(warehouse, run, rules, fitted, spend) if paid else {}
    responses = {
        channel.name: fit_response(
            series[channel.name], channel.spend_day, channel.credit / days, parameters, seed_offset=place
        )
        for place, channel in enumerate(paid)
    }
    plan = plan_budget(responses, {channel.name: channel.worth for channel in paid}, parameters.step_share)
    tails = norm.cdf((-parameters.interval_z, parameters.interval_z))
    curves = [_response_row(channel, responses[channel.name], basis, tails) for channel in paid]
    by_name = {channel.name: channel for channel in paid}
    budget = [
        _budget_row(by_name[name], responses[name], float(then), days, basis, tails) | {"is_limited": bool(limited)}
        for name, then, limited in zip(plan.channels, plan.recommended, plan.is_limited, strict=True)
    ]
    where = {"as_of": run.as_of}
    with warehouse.transaction():
        written = warehouse.replace("scores.attribution_response", stamped(pd.DataFrame(curves), run), where)
        written += warehouse.replace("scores.attribution_budget", stamped(pd.DataFrame(budget), run), where)
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"channels": len(paid), "spend": float(plan.current.sum()) * days, "credits": basis},
            parameters=parameters,
            fit_quality={
                # too little, or spent on what no journey holds: its return is unknown, and its money stays where it is
                "not_planned": sorted(set(in_window["channel"]) - {channel.name for channel in paid}),
                "curves": {name: response.curve for name, response in responses.items()},
                "moved": float(np.abs(plan.recommended - plan.current).sum()) / 2 * days,
            },
        )
    return written


def _paid(spend: pd.DataFrame, fitted: Fitted, calibration: Calibration | None, rules: AttributionRules) -> list[Paid]:
    """Channels with credits and a part of the spend worth planning, by name."""
    credits = fitted.markov_shapley if calibration is None else calibration.credits
    if calibration is None:
        error = np.zeros(len(credits.channels)) if credits.conversions_error is None else credits.conversions_error
        random = np.random.default_rng(rules.budget.seed)
        noise = random.standard_normal((rules.budget.draws, len(credits.channels)))
        draws = np.maximum(credits.conversions + noise * error, 0.0)
    else:
        draws = calibration.draws * float(credits.conversions.sum())
    costs = spend.groupby("channel")["cost"].sum().to_dict()
    least = rules.budget.least_spend_share * sum(costs.values())
    paid = []
    for place, name in enumerate(credits.channels):
        if costs.get(name, 0.0) > least:
            conversions = float(credits.conversions[place])
            worth = float(credits.revenue[place]) / conversions if conversions > 0 else 0.0
            paid.append(Paid(name, float(costs[name]) / rules.attribution.window_days, worth, draws[:, place]))
    return sorted(paid, key=lambda channel: channel.name)


def _series(
    warehouse: Warehouse, run: RunContext, rules: AttributionRules, fitted: Fitted, spend: pd.DataFrame
) -> dict[str, DailySeries]:
    """Days of every channel with spend that are settled: conversions of younger touches are still to come."""
    last = run.as_of - timedelta(days=rules.budget.settling_days)
    span = _span(last, rules.budget.response_days)
    weights = fit_step_weights(fitted.paths, fitted.markov_shapley.conversions, rules.attribution.weight_floor)
    weighed = {"channels": list(weights.channels), "weights": weights.weights.tolist()}
    credits = warehouse.frame(CREDITS, span | weighed | {"as_of": run.as_of})
    sales = warehouse.frame(SALES, span)
    # the feeds may begin later than the window
    first = max(span["first"], pd.Timestamp(sales["day"].min()).date()) if len(sales) else span["first"]
    days = pd.date_range(first, last)
    demand = demand_index(_by_day(sales, "conversions", days), first.weekday())
    return {
        str(channel): DailySeries(
            _by_day(own, "cost", days), _by_day(credits[credits["channel"] == channel], "credit", days), demand
        )
        for channel, own in spend.groupby("channel")
    }


def _response_row(channel: Paid, response: Response, basis: str, tails: Floats) -> dict[str, object]:
    marginal = response.marginal(response.spend_day)
    low, high = np.quantile(marginal, tails)
    bent = response.curve == "saturating"
    return {
        "channel": channel.name,
        "spend_day": response.spend_day,
        "curve": response.curve,
        "ceiling": float(np.median(response.ceiling)) if bent else None,
        "half_spend": float(np.median(response.half_spend)) if bent else None,
        "marginal_conversions": float(marginal.mean()),
        "marginal_revenue": float(marginal.mean()) * channel.worth,
        "marginal_revenue_low": float(low) * channel.worth,
        "marginal_revenue_high": float(high) * channel.worth,
        "days": response.days,
        "basis": f"{basis}; {response.basis}",
    }


def _budget_row(
    channel: Paid, response: Response, spend_day: float, days: int, basis: str, tails: Floats
) -> dict[str, object]:
    """The channel at the recommended spend a day; amounts are of the window, returns of one more unit of money."""
    expected = expected_revenue(response, channel.worth, spend_day, days)
    low, high = np.quantile(expected, tails)
    marginal = response.marginal(spend_day) * channel.worth
    marginal_low, marginal_high = np.quantile(marginal, tails)
    return {
        "channel": channel.name,
        "current_spend": channel.spend_day * days,
        "recommended_spend": spend_day * days,
        "current_revenue": float(expected_revenue(response, channel.worth, channel.spend_day, days).mean()),
        "expected_revenue": float(expected.mean()),
        "expected_low": float(low),
        "expected_high": float(high),
        "marginal_return": float(marginal.mean()),
        "marginal_return_low": float(marginal_low),
        "marginal_return_high": float(marginal_high),
        "basis": f"{basis}; {response.basis}",
    }


def _span(last: date, days: int) -> dict[str, date]:
    first, last = window(last, days)
    return {"first": first, "last": last}


def _by_day(table: pd.DataFrame, column: str, days: pd.DatetimeIndex) -> Floats:
    sums = table.set_index(pd.to_datetime(table["day"]))[column].astype(float)
    return np.asarray(sums.reindex(days, fill_value=0.0))
