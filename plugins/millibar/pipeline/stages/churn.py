"""Stage churn: counted purchases -> scores.churn_customer, churn_parameters, moment_channel."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from millibar.churn import (
    ChurnParameters,
    MomentParameters,
    Rhythm,
    channel_moments,
    fit_rhythm,
    holdout_quality,
    purchases_of,
    score_customers,
)
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.scores import forget_old_days, record_model_run, stamped
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

MODEL = "purchase_rhythm"

CUSTOMERS = """
    select customer_id, repeat_purchases, recency_days, age_days, mean_day_value::float8 as mean_day_value,
        %(as_of)s::date - last_response_on as days_since_response, contacts, unsubscribes, complaints
    from intermediate.int_churn__customer
    order by customer_id
"""
# What was known horizon_days ago of everybody who had bought by then, and what he bought since.
EARLIER = """
    with days as (
        select distinct customer_id, ordered_on from marts.fct_order where ordered_on <= %(as_of)s
    )
    select count(*) filter (where ordered_on <= %(cut)s) - 1 as repeat_purchases,
        max(ordered_on) filter (where ordered_on <= %(cut)s) - min(ordered_on) as recency_days,
        %(cut)s::date - min(ordered_on) as age_days,
        count(*) filter (where ordered_on > %(cut)s) as later_purchases
    from days
    group by customer_id
    having min(ordered_on) <= %(cut)s
"""
MOMENTS = """
    select channel, weekday, hour, sum(exposures)::float8 as exposures, sum(responses)::float8 as responses
    from intermediate.int_moment__channel_hour
    where day > %(first)s and day <= %(as_of)s
    group by channel, weekday, hour
"""


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Score every buyer and every channel's hours at as_of; returns rows written.

    ``scores.churn_customer`` keeps the newest SCORE_HISTORY_DAYS days of as_of, and month ends.
    """
    return _churn(warehouse, settings, run) + _moments(warehouse, settings, run)


def _churn(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    started = time.monotonic()
    parameters = load(settings, "churn", ChurnParameters())
    customers = warehouse.frame(CUSTOMERS, {"as_of": run.as_of})
    rhythm = fit_rhythm(purchases_of(customers), parameters)
    scored = score_customers(customers, rhythm, parameters)
    cut = run.as_of - timedelta(days=parameters.horizon_days)
    quality = holdout_quality(warehouse.frame(EARLIER, {"as_of": run.as_of, "cut": cut}), parameters)
    where = {"as_of": run.as_of}
    with warehouse.transaction():
        written = warehouse.replace("scores.churn_customer", stamped(scored, run), where)
        written += warehouse.replace("scores.churn_parameters", stamped(_parameter_rows(rhythm), run), where)
        forget_old_days(warehouse, "scores.churn_customer")
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"customers": len(customers), "repeat_customers": int((customers["repeat_purchases"] > 0).sum())},
            parameters=parameters,
            fit_quality=_quality(rhythm, quality, scored),
        )
    return written


def _moments(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    parameters = load(settings, "moments", MomentParameters())
    first = run.as_of - timedelta(days=parameters.history_days)
    moments = channel_moments(warehouse.frame(MOMENTS, {"first": first, "as_of": run.as_of}), parameters)
    return warehouse.replace("scores.moment_channel", stamped(moments, run), {"as_of": run.as_of})


def _parameter_rows(rhythm: Rhythm) -> pd.DataFrame:
    values = {
        "purchase_rate_shape": rhythm.shape,
        "purchase_rate_scale_days": rhythm.scale_days,
        "departure_rate_a_day": rhythm.departure_rate,
    }
    return pd.DataFrame(
        {
            "model": MODEL,
            "parameter": list(values),
            "value": list(values.values()),
            "low": np.nan,
            "high": np.nan,
        }
    )


def _quality(rhythm: Rhythm, holdout: dict[str, Any], scored: pd.DataFrame) -> dict[str, Any]:
    return {
        "fitted": rhythm.fitted,
        "log_likelihood_a_customer": rhythm.log_likelihood,
        "holdout": holdout,
        "customers_by_band": scored["risk_band"].value_counts().sort_index().to_dict(),
    }
