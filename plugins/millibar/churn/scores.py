"""Scores of every buyer: alive, active, expected orders and value, expected loss, band and reasons.

P(alive) comes from all acts (``churn.alive``), the rhythm of orders from the MBG/NBD, the value of an order from the
Gamma-Gamma, the chance of an order within the horizon from the risk model (``churn.risk``); ``churn.agreement`` makes
them agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.churn.agreement import agreed, net_worth
from millibar.churn.alive import Acts, AliveModel, AliveParameters, fit_alive, p_alive
from millibar.churn.parameters import ChurnParameters
from millibar.churn.purchase import (
    PurchaseCounts,
    PurchaseFit,
    PurchaseModel,
    PurchaseParameters,
    ValueFit,
    fit_purchases,
    predict_purchases,
)
from millibar.churn.risk import CustomerRisk, RiskParameters, predicted, score_features

Floats = npt.NDArray[np.float64]

RHYTHM: PurchaseModel = "mbg_nbd"
SCORE_COLUMNS = (
    "customer_id", "p_alive", "p_active", "expected_orders", "expected_value", "expected_loss", "risk_band",
    "main_reason", "second_reason", "third_reason", "basis",
)  # fmt: skip


@dataclass(frozen=True)
class ChurnModels:
    """Parameters of everything that is fitted."""

    churn: ChurnParameters = field(default_factory=ChurnParameters)
    alive: AliveParameters = field(default_factory=AliveParameters)
    purchase: PurchaseParameters = field(default_factory=PurchaseParameters)
    risk: RiskParameters = field(default_factory=RiskParameters)


@dataclass(frozen=True)
class BuyerScores:
    """``rows``: a row a customer with ``SCORE_COLUMNS``; the rest is what they were made with."""

    rows: pd.DataFrame
    risk: CustomerRisk
    alive: AliveModel
    purchases: PurchaseFit
    value: ValueFit

    def parameters(self) -> pd.DataFrame:
        """Rows of scores.churn_parameters, less as_of and run_id."""
        fits: tuple[tuple[str, AliveModel | PurchaseFit | ValueFit], ...] = (
            ("activity", self.alive), (RHYTHM, self.purchases), ("gamma_gamma", self.value)
        )  # fmt: skip
        rows = [
            (model, name, value, fit.low[name], fit.high[name])
            for model, fit in fits
            for name, value in fit.values.items()
            if np.isfinite(value)
        ]
        return pd.DataFrame(rows, columns=["model", "parameter", "value", "low", "high"])

    def told(self) -> dict[str, Any]:
        """For ops.model_runs."""
        return {
            "risk": self.risk.told | {"basis": self.risk.basis},
            "fitted": {"activity": self.alive.fitted, RHYTHM: self.purchases.fitted, "gamma_gamma": self.value.fitted},
            "customers_by_band": self.rows["risk_band"].value_counts().sort_index().to_dict(),
        }


def with_alive(customers: pd.DataFrame, parameters: AliveParameters) -> tuple[pd.DataFrame, AliveModel]:
    """``customers`` of one cut (columns of int_churn__customer) with a column p_alive, fitted on themselves alone."""
    acts = Acts.of(customers)
    model = fit_alive(acts, parameters)
    return customers.assign(p_alive=p_alive(acts, model)), model


def with_alive_by_cut(earlier: pd.DataFrame, parameters: AliveParameters) -> pd.DataFrame:
    """The same for several cuts, each fitted on what was known then."""
    parts = [with_alive(rows, parameters)[0] for _, rows in earlier.groupby("cut", sort=True)]
    return pd.concat(parts, ignore_index=True) if parts else earlier.assign(p_alive=np.empty(0))


def score_buyers(customers: pd.DataFrame, earlier: pd.DataFrame, models: ChurnModels) -> BuyerScores:
    """Score every row of ``customers``.

    ``customers``: columns of int_churn__customer at one cut; ``earlier``: of int_churn__earlier with p_alive (see
    ``with_alive_by_cut``), whose periods are over by that cut; empty where there is no such period yet.
    """
    horizon = models.churn.horizon_days
    customers, alive = with_alive(customers, models.alive)
    repeats, recency, age = (
        customers[name].to_numpy(dtype=float) for name in ("repeat_purchases", "recency_days", "age_days")
    )
    counts, _ = PurchaseCounts.of(repeats, recency, age)
    purchases = fit_purchases(RHYTHM, counts, models.purchase)
    risk = score_features(customers, earlier, horizon, models.risk, purchases)
    soon = predicted(risk.features)
    year = predict_purchases(purchases, repeats, recency, age, models.churn.stake_days)
    value, worth = net_worth(customers)
    rows = agreed(customers["p_alive"].to_numpy(dtype=float), risk.p_active, soon, year, worth, models.risk)
    usual = float(np.mean(risk.p_active)) if len(rows) else 0.0
    leaving = rows["risk_band"].isin(["high", "lost"]).to_numpy() | (risk.p_active < usual)
    reasons = risk.reasons(top=3, leaving=leaving)
    rows = rows.assign(customer_id=customers["customer_id"].to_numpy(), basis=risk.basis)
    for place, name in enumerate(("main_reason", "second_reason", "third_reason")):
        rows[name] = reasons[:, place]
    return BuyerScores(rows[list(SCORE_COLUMNS)], risk, alive, purchases, value)
