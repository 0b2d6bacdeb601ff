"""Chances, orders, value and band of a customer out of models that know nothing of each other, made to agree.

The chance of an order comes from what is learned on earlier periods, life and orders from a model of purchases:

    p_alive = max(p_alive, p_active)                                  nobody is less alive than likely to order
    expected orders = p_active * E[orders | at least one]             orders are of those who order at all
    expected loss = (1 - p_alive) * orders of a year if alive * value of an order
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.churn.purchase import PurchasePrediction, ValueFit, expected_value, fit_value
from millibar.churn.risk.bands import risk_bands
from millibar.churn.risk.parameters import RiskParameters

Floats = npt.NDArray[np.float64]
LEAST_CHANCE = 1e-9


def net_worth(customers: pd.DataFrame) -> tuple[ValueFit, Floats]:
    """(fit, value to expect of a purchase day of each customer, net of what he sends back; 0 where that is all).

    ``customers``: purchase_days, mean_day_value, returned_share (unknown counts 0).
    """
    days = customers["purchase_days"].to_numpy(dtype=np.float64)
    kept = 1 - np.clip(customers["returned_share"].fillna(0).to_numpy(dtype=np.float64), 0, 1)
    means = customers["mean_day_value"].to_numpy(dtype=np.float64) * kept
    fit = fit_value(days, means)
    return fit, expected_value(fit, days, means)


def agreed(
    alive: Floats,
    active: Floats,
    soon: PurchasePrediction,
    year: PurchasePrediction,
    worth: Floats,
    parameters: RiskParameters,
) -> pd.DataFrame:
    """Columns p_alive, p_active, expected_orders, expected_value, expected_loss and risk_band, a row a customer.

    ``alive``, ``active``: chances; ``soon``: the purchase model within the horizon p_active is of, ``year``: within the
    time whose orders are at stake; ``worth``: value of an order, 0 or more. All of shape (customers,).
    """
    still = np.maximum(alive, active)
    given_any = np.maximum(soon.expected_orders / np.maximum(soon.p_active, LEAST_CHANCE), 1.0)
    orders = active * given_any
    loss = (1 - still) * worth * year.expected_orders / np.maximum(year.p_alive, LEAST_CHANCE)
    order_value = float(np.mean(worth)) if len(worth) else 0.0
    return pd.DataFrame(
        {
            "p_alive": still,
            "p_active": active,
            "expected_orders": orders,
            "expected_value": orders * worth,
            "expected_loss": loss,
            "risk_band": risk_bands(still, active, loss, order_value, parameters),
        }
    )
