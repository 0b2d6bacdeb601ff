"""Gradient boosting of small, regularised trees; the only place that knows scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from millibar.churn.risk.matrix import Floats, logit
from millibar.churn.risk.parameters import RiskParameters

_BINS = 255
_LEAST_LEAF, _LEAF_SHARE = 10, 50  # a leaf of a small base: a fiftieth of it, at least ten rows
# Threads of trees wait for each other by spinning: two programs on two cores take ten times as long as with one each.
_THREADS = 1


@dataclass(frozen=True)
class Boosting:
    """A fitted ``HistGradientBoostingClassifier``."""

    fitted: Any

    def log_odds(self, raw: Floats) -> Floats:
        """(n,) of the raw matrix (n, features); gaps are nan."""
        if not len(raw):
            return np.empty(0)
        with threadpool_limits(limits=_THREADS, user_api="openmp"):
            return logit(np.asarray(self.fitted.predict_proba(raw)[:, 1]))


def fit_boosting(raw: Floats, active: npt.NDArray[np.bool_], parameters: RiskParameters) -> Boosting:
    """Learn ``active`` (n,), with both kinds, from ``raw`` (n, features).

    Unknown values go the way that fits. No early stopping and a fixed seed: the same rows give the same trees.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier  # type: ignore[import-untyped]

    model = HistGradientBoostingClassifier(
        learning_rate=parameters.learning_rate,
        max_iter=parameters.rounds,
        max_leaf_nodes=parameters.leaves,
        min_samples_leaf=min(parameters.leaf_customers, max(len(raw) // _LEAF_SHARE, _LEAST_LEAF)),
        l2_regularization=parameters.leaf_penalty,
        max_bins=_BINS,
        early_stopping=False,
        random_state=parameters.seed,
    )
    with threadpool_limits(limits=_THREADS, user_api="openmp"):
        return Boosting(model.fit(raw, active))
