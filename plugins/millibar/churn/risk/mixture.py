"""Logistic regression and gradient boosting mixed as log odds and calibrated, by customers not learned from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.churn.risk.boosting import Boosting, fit_boosting
from millibar.churn.risk.logistic import Logistic, fit_logistic
from millibar.churn.risk.matrix import Floats, Scaling
from millibar.churn.risk.parameters import RiskParameters

Flags = npt.NDArray[np.bool_]
_SLOPE_SPREAD = 0.1  # prior standard deviation of the slope of calibration around 1


@dataclass(frozen=True)
class Linear:
    """The logistic part: scaling of the features, coefficients."""

    scaling: Scaling
    fitted: Logistic

    def log_odds(self, raw: Floats) -> Floats:
        """(n,) of the raw matrix (n, features)."""
        return self.fitted.log_odds(self.scaling.apply(raw))


@dataclass(frozen=True)
class Mixture:
    """``weight``: of the boosting's log odds; ``shift`` and ``slope`` calibrate the mixture's."""

    linear: Linear
    boosting: Boosting | None
    weight: float
    shift: float
    slope: float

    def log_odds(self, raw: Floats) -> Floats:
        """Calibrated log odds of an order, (n,)."""
        return self.shift + self.slope * self.mixed(raw)

    def mixed(self, raw: Floats) -> Floats:
        """Log odds before calibration, (n,)."""
        linear = self.linear.log_odds(raw)
        if self.boosting is None:
            return linear
        return np.asarray((1 - self.weight) * linear + self.weight * self.boosting.log_odds(raw))


def fit_linear(raw: Floats, names: list[str], active: Flags, parameters: RiskParameters) -> Linear:
    """A logistic model of the features ``names``; drawn to the purchase model's chance where there is one.

    With coefficient 1 for the log odds of the purchase model and 0 elsewhere as the prior's middle, a base of few
    customers gets the purchase model's order with its own level.
    """
    scaling = Scaling.of(raw, names)
    prior = np.zeros(len(scaling.kept))
    own = scaling.place("model_p_active")
    if own is not None:
        prior[own] = scaling.deviation[own]
    fitted = fit_logistic(scaling.apply(raw), active, prior, parameters.coefficient_spread)
    return Linear(scaling, fitted)


def fit_mixture(
    raw: Floats, names: list[str], active: Flags, fold: npt.NDArray[np.int64], parameters: RiskParameters
) -> Mixture:
    """``raw`` (n, names), ``active`` (n,), ``fold`` (n,): the part of the customers a row belongs to, 0 ... folds - 1.

    Every row is predicted by models that saw no row of its part; those predictions calibrate the mixture (Platt
    1999: log odds times a slope near 1, plus a shift).
    """
    linear_odds, boosted_odds = np.empty(len(raw)), np.empty(len(raw))
    for part in np.unique(fold):
        seen, held = fold != part, fold == part
        linear_odds[held] = fit_linear(raw[seen], names, active[seen], parameters).log_odds(raw[held])
        boosted_odds[held] = fit_boosting(raw[seen], active[seen], parameters).log_odds(raw[held])
    weight = parameters.boosting_weight
    mixed = (1 - weight) * linear_odds + weight * boosted_odds
    calibration = fit_logistic(mixed[:, None], active, np.ones(1), _SLOPE_SPREAD)
    return Mixture(
        fit_linear(raw, names, active, parameters),
        fit_boosting(raw, active, parameters),
        weight,
        calibration.intercept,
        float(calibration.coefficients[0]),
    )


def folds_of(customers: pd.Series | None, count: int, folds: int) -> npt.NDArray[np.int64]:
    """Part 0 ... folds - 1 of each row: by a hash of the customer, who is in one part at every cut; else by place."""
    if customers is None:
        return np.arange(count) % folds
    return (customer_hash(customers) % np.uint64(folds)).astype(np.int64)


def customer_hash(customers: pd.Series) -> npt.NDArray[np.uint64]:
    """The same number for the same id, on every day and machine."""
    return pd.util.hash_array(customers.astype(str).to_numpy(dtype=object))
