"""One tool, one file of histories, timed: run by bench_churn.py in a process of its own, in the tool's environment.

python churn_run.py "millibar bg_nbd" HISTORIES.csv      # prints JSON: seconds, processor, peak_mb, parameters, means
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

HORIZON = 90.0


def millibar(frame: pd.DataFrame, model: str) -> dict:
    """BG/NBD, or MBG/NBD with the value of orders."""
    from millibar.churn.purchase import (
        PurchaseCounts,
        expected_value,
        fit_purchases,
        fit_value,
        predict_counts,
    )

    began, worked = time.perf_counter(), time.process_time()
    counts, places = PurchaseCounts.of(frame["x"], frame["t_x"], frame["T"])
    fit = fit_purchases(model, counts)
    found = predict_counts(fit, counts, HORIZON)
    alive, orders = found.p_alive[places], found.expected_orders[places]
    parameters = dict(fit.values)
    if model == "mbg_nbd":
        active = found.p_active[places]
        value = fit_value(frame["orders"], frame["mean_value"])
        worth = expected_value(value, frame["orders"], frame["mean_value"])
        parameters |= value.values
        assert len(active) == len(worth) == len(frame)
    return _said(began, worked, parameters, alive, orders)


def lifetimes(frame: pd.DataFrame) -> dict:
    from lifetimes import BetaGeoFitter

    began, worked = time.perf_counter(), time.process_time()
    fitter = BetaGeoFitter()
    fitter.fit(frame["x"], frame["t_x"], frame["T"])
    alive = fitter.conditional_probability_alive(frame["x"], frame["t_x"], frame["T"])
    orders = fitter.conditional_expected_number_of_purchases_up_to_time(HORIZON, frame["x"], frame["t_x"], frame["T"])
    parameters = {name: float(fitter.params_[name]) for name in ("r", "alpha", "a", "b")}
    return _said(began, worked, parameters, alive, orders)


def _said(began: float, worked: float, parameters: dict, alive: object, orders: object) -> dict:
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked,
        "peak_mb": int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024,
        "parameters": parameters,
        "p_alive": float(np.mean(np.asarray(alive))),
        "expected_orders": float(np.mean(np.asarray(orders))),
    }


def main(tool: str, file: str) -> None:
    frame = pd.read_csv(file)
    name, _, model = tool.partition(" ")
    print(json.dumps(lifetimes(frame) if name == "lifetimes" else millibar(frame, model)))


if __name__ == "__main__":
    main(*sys.argv[1:])
