"""States of everybody at as_of, and how each channel presses: scores.pressure_state and scores.pressure_channel."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pandas as pd

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.pressure import inputs
from millibar.pipeline.stages.pressure.inputs import Profiles
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.pressure.index import mean_paths
from millibar.pressure.index.contacts import Contacts, day_number
from millibar.pressure.index.mixing import mean_coefficients
from millibar.pressure.learning.learn import Learned
from millibar.pressure.learning.personal import errors_of
from millibar.pressure.states import StateParameters, judge_states
from millibar.pressure.states.judge import Bearing, channel_shares
from millibar.warehouse.connect import Warehouse

MODEL = "pressure_state"


def score(
    warehouse: Warehouse,
    run: RunContext,
    profiles: Profiles,
    learned: Learned,
    tolerances: pd.DataFrame,
    parameters: StateParameters,
) -> int:
    """Write the states of as_of; returns rows written. ``tolerances``: of everybody, sorted by customer."""
    started = time.monotonic()
    customers = tolerances["customer_id"].tolist()
    last = int(day_number(pd.DatetimeIndex([run.as_of]))[0])
    first = run.as_of - timedelta(days=parameters.path_days - 1)
    window = {"first": first, "end": run.as_of + timedelta(days=1)}
    recent, _ = inputs.contacts_of(warehouse, profiles, inputs.RECENT, window, customers)
    current, contacts_7d = inputs.contacts_of(warehouse, profiles, inputs.CURRENT, {"last": run.as_of}, customers)
    bearing = Bearing(
        np.log(tolerances["tolerance"].to_numpy(dtype=float)),
        errors_of(tolerances),
        tolerances["basis"].to_numpy(dtype=object),
    )
    mix, parameters = learned.channels.mix, parameters.with_plateau(learned.plateau)
    judged = judge_states(recent, current, contacts_7d, mix, bearing, profiles.rules, last, parameters)
    pressing = _channels(recent, current, learned, last)
    counts = judged[judged["channel"] == "all"]["state"].astype(str).value_counts()
    with warehouse.transaction():
        written = warehouse.replace("scores.pressure_channel", stamped(pressing, run), {"as_of": run.as_of})
        warehouse.execute("delete from scores.pressure_state")
        written += warehouse.append("scores.pressure_state", stamped(judged, run))
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"customers": len(customers), "rows": len(current)},
            parameters=parameters,
            fit_quality={str(state): int(count) for state, count in counts.items()},
        )
    return written


def _channels(recent: Contacts, current: Contacts, learned: Learned, last_day: int) -> pd.DataFrame:
    """Weight, half-life, their intervals and the usual share of all pressure, a row a channel."""
    fit = learned.channels
    path = mean_paths(recent, current, mean_coefficients(fit.mix, current.decays()), last_day, 1)
    shares = fit.mix.shares()
    return pd.DataFrame(
        {
            "channel": list(fit.mix.channels),
            "weight": fit.mix.weights,
            "weight_low": fit.low[:, 0],
            "weight_high": fit.high[:, 0],
            "half_life_days": fit.mix.half_lives,
            "half_life_low": fit.low[:, 1],
            "half_life_high": fit.high[:, 1],
            "short_share": shares[:, 0],
            "middle_share": shares[:, 1],
            "long_share": shares[:, 2],
            "tolerance_share": channel_shares(current, path[:, -1]),
            "basis": np.where(fit.learned, "learned", "profile"),
        }
    )
