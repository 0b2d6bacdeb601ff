"""The chance that a customer orders within the horizon, learned from earlier cuts, with the reasons for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from millibar.churn.purchase import PurchaseFit
from millibar.churn.risk.catalogue import FEATURES
from millibar.churn.risk.matrix import Columns, Floats, columns_of, raw_matrix, with_derived
from millibar.churn.risk.mixture import Flags, Mixture, fit_linear, fit_mixture, folds_of
from millibar.churn.risk.parameters import RiskParameters
from millibar.churn.risk.reasons import Reference, reasons_by_occlusion, reference_of

Basis = Literal["boosted", "logistic"]


class NotLearnableError(ValueError):
    """The customers are too few, or all of one kind; the message says which. The purchase model stands in."""


@dataclass(frozen=True)
class RiskModel:
    """A fitted model. ``share``: active share it was trained on; ``purchase``: what model_* of the scored features
    come from, so that a reason moves them along; ``staying``, ``leaving``: the usual active and inactive customer.
    """

    basis: Basis
    feature_names: tuple[str, ...]
    horizon_days: int
    customers: int
    share: float
    mixture: Mixture
    staying: Reference
    leaving: Reference
    parameters: RiskParameters
    purchase: PurchaseFit | None = None

    def p_active(self, features: pd.DataFrame) -> Floats:
        """Chance of an order within the horizon, (n,). ``KeyError`` names a feature trained on that is missing."""
        return self._chance(with_derived(columns_of(features)))

    def reasons(self, features: pd.DataFrame, top: int = 3, leaving: Flags | None = None) -> npt.NDArray[np.object_]:
        """(n, top) sentences, strongest first, None where there are fewer; the first is always there.

        ``leaving`` (n,): who is told why he may leave; the others what keeps them. Default: a chance below the share of
        customers who were active when the model was trained.
        """
        columns = with_derived(columns_of(features))
        chance = self._chance(columns)
        told = chance < self.share if leaving is None else np.asarray(leaving, dtype=bool)
        return reasons_by_occlusion(
            columns, told, self._log_odds, (self.leaving, self.staying), top,
            self.parameters.reason_least, self.purchase, self.horizon_days,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        """What ops.model_runs keeps."""
        return {
            "basis": self.basis,
            "customers": self.customers,
            "trained_share": self.share,
            "features": len(self.feature_names),
            "boosting_weight": self.mixture.weight,
            "calibration_shift": self.mixture.shift,
            "calibration_slope": self.mixture.slope,
        }

    def _chance(self, columns: Columns) -> Floats:
        return np.asarray(expit(self._log_odds(columns)))

    def _log_odds(self, columns: Columns) -> Floats:
        if not len(next(iter(columns.values()), np.empty(0))):
            return np.empty(0)
        return self.mixture.log_odds(raw_matrix(columns, self.feature_names))


def fit_risk(features: pd.DataFrame, active: Flags, parameters: RiskParameters, horizon_days: int) -> RiskModel:
    """Learn who orders within ``horizon_days``.

    ``features``: a row a customer (and cut); the columns named in ``catalogue.FEATURES`` are read, customer_id and cut
    say which rows are one customer's. Several cuts may be pooled. ``active`` (n,): ordered within the horizon after the
    cut. The order of rows does not matter. Boosting mixed with a logistic model where customers and cases suffice
    (basis boosted), else the logistic model alone (basis logistic), see ``RiskParameters``.

    Raises ``NotLearnableError`` with fewer, or where all or none were active.
    """
    rows = np.asarray(active, dtype=bool)
    if len(rows) != len(features):
        raise ValueError(f"{len(features)} rows of features and {len(rows)} of what followed; give one each")
    features, rows = _in_order(features, rows)
    ids = features["customer_id"] if "customer_id" in features.columns else None
    customers = len(features) if ids is None else int(ids.nunique())
    cases = int(min(rows.sum(), (~rows).sum()))
    _refuse_too_few(customers, rows, cases, parameters)
    columns = with_derived(columns_of(features))
    names = [name for name in FEATURES if name in columns and np.isfinite(columns[name]).any()]
    raw = raw_matrix(columns, names)
    boosted = customers >= parameters.boosting_customers and cases >= parameters.boosting_cases
    if boosted:
        mixture = fit_mixture(raw, names, rows, folds_of(ids, len(rows), parameters.folds), parameters)
    else:
        mixture = Mixture(fit_linear(raw, names, rows, parameters), None, 0.0, 0.0, 1.0)
    return RiskModel(
        "boosted" if boosted else "logistic",
        tuple(names),
        horizon_days,
        customers,
        float(rows.mean()),
        mixture,
        reference_of(columns, rows),
        reference_of(columns, ~rows),
        parameters,
    )


def _refuse_too_few(customers: int, active: Flags, cases: int, parameters: RiskParameters) -> None:
    if customers < parameters.minimum_customers:
        raise NotLearnableError(
            f"{customers} customers to learn from, {parameters.minimum_customers} are needed (minimum_customers)"
        )
    if cases < parameters.minimum_cases:
        raise NotLearnableError(
            f"{int(active.sum())} of {len(active)} were active; {parameters.minimum_cases} of either kind are needed "
            "(minimum_cases)"
        )


def _in_order(features: pd.DataFrame, active: Flags) -> tuple[pd.DataFrame, Flags]:
    keys = [name for name in ("cut", "customer_id") if name in features.columns]
    if not keys:
        return features, active
    order = np.lexsort([features[name].astype(str).to_numpy(dtype=str) for name in keys])
    return features.iloc[order].reset_index(drop=True), active[order]
