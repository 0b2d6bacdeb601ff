"""Risk bands: what is likely to be lost with a customer, against what an order of anybody is worth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from millibar.churn.risk.parameters import RiskParameters

Floats = npt.NDArray[np.float64]
BANDS = ("low", "medium", "high", "lost")


def risk_bands(
    p_alive: npt.ArrayLike,
    p_active: npt.ArrayLike,
    expected_loss: npt.ArrayLike,
    order_value: float,
    parameters: RiskParameters,
) -> npt.NDArray[np.object_]:
    """low, medium, high or lost of each customer, (n,).

    ``p_alive``, ``p_active``, ``expected_loss``: (n,); the loss is the chance to lose the customer times what he would
    bring over a year. ``order_value``: mean value of an order in the whole base, in the same currency. ``lost``: both
    chances below ``lost_alive`` and ``lost_active``, whatever he was worth: winning back, not keeping, is the action.
    Else the loss in order values decides: ``medium_above``, ``high_above``. A greater loss never gives a lower band.
    What is not a number counts 0; where the base has no value (0 or less) nobody is above low.
    """
    alive, active, loss = (_numbers(given) for given in (p_alive, p_active, expected_loss))
    orders = loss / order_value if np.isfinite(order_value) and order_value > 0 else np.zeros(len(loss))
    lost = (alive < parameters.lost_alive) & (active < parameters.lost_active)
    conditions = [lost, orders >= parameters.high_above, orders >= parameters.medium_above]
    return np.select(conditions, ["lost", "high", "medium"], default="low").astype(object)


def _numbers(given: npt.ArrayLike) -> Floats:
    return np.nan_to_num(np.atleast_1d(np.asarray(given, dtype=np.float64)), nan=0.0)
