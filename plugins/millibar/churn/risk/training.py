"""From earlier cuts to scores at a cut: what was known then and what followed teaches who orders next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from millibar.churn.purchase import PurchaseCounts, PurchaseFit, PurchasePrediction, fit_purchases, predict_purchases
from millibar.churn.risk.catalogue import MODEL_COLUMNS
from millibar.churn.risk.matrix import Floats
from millibar.churn.risk.mixture import customer_hash
from millibar.churn.risk.model import NotLearnableError, RiskModel, fit_risk
from millibar.churn.risk.order_features import as_date, day_number, later_days, order_features, purchase_days_of
from millibar.churn.risk.parameters import RiskParameters
from millibar.churn.risk.reasons import Sentences, purchase_reasons

Flags = npt.NDArray[np.bool_]
PURCHASE_MODEL = "purchase_model"
LEAST_CHANCE, FURTHEST = 1e-9, 60.0  # of a chance; log odds a level is moved by at most


@dataclass(frozen=True)
class CustomerRisk:
    """Scores at a cut, a row a customer of ``features`` (which hold the purchase model's columns, too).

    ``basis``: boosted, logistic, or purchase_model where nothing could be learned; ``model`` is None then and ``told``
    has the reason.
    """

    features: pd.DataFrame
    p_active: Floats
    basis: str
    purchase: PurchaseFit
    model: RiskModel | None
    told: dict[str, Any]

    def reasons(self, top: int = 3, leaving: Flags | None = None) -> Sentences:
        """(n, top) sentences; ``leaving`` (n,): who is told why he may leave, see ``RiskModel.reasons``."""
        if self.model is None:
            return purchase_reasons(self.features, top, leaving)
        return self.model.reasons(self.features, top, leaving)


def score_orders(
    days: pd.DataFrame, cut: date | int, horizon_days: int, parameters: RiskParameters | None = None
) -> CustomerRisk:
    """Scores of all who bought by ``cut``, from orders alone; nothing after the cut is read.

    ``days``: as in :func:`order_features`. Learned from earlier cuts, the newest ``horizon_days`` before ``cut``, so
    that all that followed them was known at ``cut``.
    """
    parameters = parameters or RiskParameters()
    end = day_number(cut)
    known = purchase_days_of(days, end)
    current = order_features(known, end)
    earlier = _earlier(known, end, horizon_days, parameters)
    return score_features(current, earlier, horizon_days, parameters)


def score_features(
    current: pd.DataFrame,
    earlier: pd.DataFrame,
    horizon_days: int,
    parameters: RiskParameters | None = None,
    purchase: PurchaseFit | None = None,
) -> CustomerRisk:
    """Scores of ``current`` (a row a customer at one cut), learned from ``earlier`` (a row a customer and earlier cut).

    Both: columns of ``intermediate.int_churn__customer``; ``earlier`` has later_orders, too. The purchase model's
    columns are added here, fitted at each cut on what was known at it; ``purchase`` is that of the current cut where
    the caller has it. Raises ``ValueError`` where an earlier cut's horizon ends after the current cut: its label would
    be of the future.
    """
    parameters = parameters or RiskParameters()
    purchase = purchase or fit_counts(current)
    current = with_purchase_model(current, purchase, horizon_days)
    try:
        _refuse_future(current, earlier, horizon_days)
        rows = _training_rows(earlier, horizon_days, parameters)
        active = rows["later_orders"].to_numpy(dtype=np.float64) > 0
        model = replace(fit_risk(rows, active, parameters, horizon_days), purchase=purchase)
    except NotLearnableError as reason:
        chance = current["model_p_active"].to_numpy(dtype=np.float64)
        return CustomerRisk(
            current, chance, PURCHASE_MODEL, purchase, None, {"basis": PURCHASE_MODEL, "why": str(reason)}
        )
    cuts = sorted({str(cut)[:10] for cut in rows["cut"]})
    chance = model.p_active(current)
    if len(cuts) < parameters.level_cuts and len(chance):
        chance = at_level(chance, float(current["model_p_active"].mean()))
    told = model.told() | {"cuts": cuts, "training_rows": len(rows)}
    return CustomerRisk(current, chance, model.basis, purchase, model, told)


def at_level(chance: Floats, mean: float) -> Floats:
    """``chance`` with all log odds moved by one number to the mean ``mean``; unchanged where that is 0 or 1."""
    if not 0 < mean < 1:
        return chance
    odds = logit(np.clip(chance, LEAST_CHANCE, 1 - LEAST_CHANCE))
    shift = brentq(lambda by: float(expit(odds + by).mean()) - mean, -FURTHEST, FURTHEST)
    return np.asarray(expit(odds + shift))


def fit_counts(features: pd.DataFrame) -> PurchaseFit:
    """MBG/NBD on repeat_purchases, recency_days, age_days: P(alive) of a single buyer is not 1, as BG/NBD's is."""
    counts, _ = PurchaseCounts.of(*_history(features))
    return fit_purchases("mbg_nbd", counts)


def with_purchase_model(features: pd.DataFrame, purchase: PurchaseFit, horizon_days: int) -> pd.DataFrame:
    """``features`` with model_p_active, model_p_alive and model_expected_orders of the horizon."""
    seen = predict_purchases(purchase, *_history(features), horizon_days)
    columns = zip(MODEL_COLUMNS, (seen.p_active, seen.p_alive, seen.expected_orders), strict=True)
    return features.assign(**dict(columns))


def predicted(features: pd.DataFrame) -> PurchasePrediction:
    """What ``with_purchase_model`` put beside ``features``."""
    active, alive, orders = (features[name].to_numpy(dtype=np.float64) for name in MODEL_COLUMNS)
    return PurchasePrediction(alive, orders, active)


def training_cuts(first_day: int, cut: int, horizon_days: int, parameters: RiskParameters) -> list[int]:
    """Earlier cuts, newest first: the newest one horizon before ``cut``, none too near the first day for a history."""
    newest, oldest = cut - horizon_days, first_day + round(parameters.history_share * horizon_days)
    cuts = [newest - place * parameters.training_step_days for place in range(parameters.training_cuts)]
    return [earlier for earlier in cuts if earlier >= oldest]


def _earlier(days: pd.DataFrame, cut: int, horizon_days: int, parameters: RiskParameters) -> pd.DataFrame:
    """Features and labels at the earlier cuts of the customers chosen to learn from."""
    chosen = days[_chosen(days["customer_id"], parameters.training_customers)]
    if chosen.empty:
        return pd.DataFrame()
    frames = []
    for earlier in training_cuts(int(chosen["day"].min()), cut, horizon_days, parameters):
        features = order_features(chosen, earlier)
        labels = later_days(chosen, earlier, horizon_days, features["customer_id"])
        frames.append(features.assign(later_orders=labels))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _training_rows(earlier: pd.DataFrame, horizon_days: int, parameters: RiskParameters) -> pd.DataFrame:
    """``earlier``, of the customers chosen to learn from, with the purchase model's columns of each cut."""
    if earlier.empty:
        raise NotLearnableError("no earlier cut with a horizon after it and a history before it")
    if "later_orders" not in earlier.columns:
        raise ValueError("the earlier cuts lack later_orders: the purchase days of the horizon after each cut")
    history = earlier.groupby("cut")["age_days"].transform("max") >= parameters.history_share * horizon_days
    chosen = earlier[history & _chosen(earlier["customer_id"], parameters.training_customers)]
    if chosen.empty:
        raise NotLearnableError(
            f"the first orders came less than {parameters.history_share:g} horizons of {horizon_days} days before the "
            "earlier cut (history_share)"
        )
    parts: Sequence[pd.DataFrame] = [
        with_purchase_model(part, fit_counts(part), horizon_days) for _, part in chosen.groupby("cut", sort=True)
    ]
    return pd.concat(parts, ignore_index=True)


def _chosen(customers: pd.Series, most: int) -> Flags:
    """About ``most`` of the customers, by a hash of their id: the same ones at every cut and on every day."""
    codes, distinct = pd.factorize(customers)
    if len(distinct) <= most:
        return np.ones(len(customers), dtype=bool)
    limit = int(most / len(distinct) * float(2**32))
    return np.asarray((customer_hash(pd.Series(distinct)) >> np.uint64(32) < np.uint64(limit))[codes])


def _refuse_future(current: pd.DataFrame, earlier: pd.DataFrame, horizon_days: int) -> None:
    if current.empty or earlier.empty:
        return
    now = max(day_number(pd.Timestamp(cut).date()) for cut in current["cut"].unique())
    for cut in earlier["cut"].unique():
        start = day_number(pd.Timestamp(cut).date())
        if start + horizon_days > now:
            raise ValueError(
                f"the earlier cut {as_date(start)} needs {horizon_days} days after it, and the scores are as of "
                f"{as_date(now)}: learn from cuts up to {as_date(now - horizon_days)}"
            )


def _history(features: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    repeats, recency, age = (
        np.maximum(np.nan_to_num(pd.to_numeric(features[name]).to_numpy(dtype=np.float64)), 0.0)
        for name in ("repeat_purchases", "recency_days", "age_days")
    )
    return repeats, np.where(repeats > 0, np.minimum(recency, age), 0.0), age
