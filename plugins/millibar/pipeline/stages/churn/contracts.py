"""Subscriptions of marts.fct_subscription -> scores.contract, and the model in scores.churn_parameters."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.churn.contract import (
    ContractFit,
    ContractParameters,
    ContractTerms,
    expected_survival,
    fit_contracts,
    predict_contracts,
    survival,
)
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

MODEL = "shifted_beta_geometric"

SUBSCRIPTIONS = """
    select subscription_id, customer_id, terms, ends_on, cancelled_on is not null as is_cancelled, is_ended,
        amount::float8 as amount
    from marts.fct_subscription
    order by subscription_id
"""


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Score every running subscription at as_of; returns rows written, 0 without the feed.

    ``scores.contract`` holds the newest as_of only. To run after what else writes scores.churn_parameters of the day.
    """
    started = time.monotonic()
    subscriptions = warehouse.frame(SUBSCRIPTIONS)
    if subscriptions.empty:
        with warehouse.transaction():
            warehouse.execute("delete from scores.contract")
            _forget_parameters(warehouse, run)
        return 0
    parameters = load(settings, "contract", ContractParameters())
    history = ContractTerms.of(subscriptions["terms"], subscriptions["is_ended"])
    fit = fit_contracts(history, parameters)
    scored = score_running(subscriptions, fit, parameters)
    with warehouse.transaction():
        warehouse.execute("delete from scores.contract")
        written = warehouse.append("scores.contract", stamped(scored, run))
        _forget_parameters(warehouse, run)
        written += warehouse.append("scores.churn_parameters", stamped(_parameter_rows(fit), run))
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"subscriptions": len(subscriptions), "running": len(scored), "ended": int(fit.ended)},
            parameters=parameters,
            fit_quality=_quality(fit, history),
        )
    return written


def score_running(subscriptions: pd.DataFrame, fit: ContractFit, parameters: ContractParameters) -> pd.DataFrame:
    """Rows of scores.contract, less as_of and run_id, of the subscriptions that run.

    ``subscriptions``: columns subscription_id, customer_id, terms, ends_on, is_cancelled, is_ended, amount (null where
    unknown: it counts 0). ``expected_value``: amount of the terms to expect after the running one.
    """
    running = subscriptions[~_flags(subscriptions["is_ended"])].reset_index(drop=True)
    found = predict_contracts(fit, running["terms"], _flags(running["is_cancelled"]), parameters)
    amount = pd.to_numeric(running["amount"], errors="coerce").fillna(0.0).to_numpy(dtype=np.float64)
    return pd.DataFrame(
        {
            "subscription_id": running["subscription_id"],
            "customer_id": running["customer_id"],
            "terms": running["terms"].astype("int64"),
            "ends_on": running["ends_on"],
            "p_renewal": found.p_renewal,
            "expected_terms": found.expected_terms,
            "expected_value": found.expected_terms * amount,
            "basis": found.basis,
        }
    )


def _forget_parameters(warehouse: Warehouse, run: RunContext) -> None:
    where = {"as_of": run.as_of, "model": MODEL}
    warehouse.execute("delete from scores.churn_parameters where as_of = %(as_of)s and model = %(model)s", where)


def _parameter_rows(fit: ContractFit) -> pd.DataFrame:
    values = {"renewed_share": fit.renewed_share} | (fit.values if fit.fitted else {})
    return pd.DataFrame(
        {
            "model": MODEL,
            "parameter": list(values),
            "value": list(values.values()),
            "low": [fit.low.get(name, np.nan) for name in values],
            "high": [fit.high.get(name, np.nan) for name in values],
        }
    )


def _quality(fit: ContractFit, history: ContractTerms) -> dict[str, object]:
    """Fitted survival beside the observed one, a row a term whose end somebody reached."""
    seen = survival(history)
    table = seen.assign(expected=expected_survival(fit, seen["term"]))
    return {
        "fitted": fit.fitted,
        "log_likelihood": fit.log_likelihood,
        "largest_gap": fit.largest_gap,
        "survival": table.to_dict("records"),
    }


def _flags(column: pd.Series) -> npt.NDArray[np.bool_]:
    return np.asarray(column.to_numpy(dtype=bool))
