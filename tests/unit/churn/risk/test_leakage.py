"""Nothing after the cut may matter: features, labels, training, scores and reasons of a cut stand still."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.churn.risk import RiskParameters, order_features, score_features, score_orders
from millibar.churn.risk import training as training_module
from millibar.churn.risk.order_features import purchase_days_of
from unit.churn.risk.shop import HORIZON, LAST_DAY, order_days

CUT = LAST_DAY - HORIZON
PARAMETERS = RiskParameters(boosting_customers=500, boosting_cases=50, training_cuts=2, rounds=15)


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    return order_days(900)


def futures(days: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """``days`` with another future each."""
    after = days["day"] > CUT
    changed = days.copy()
    changed.loc[after, ["value", "returned"]] = [1e9, 5e8]
    everybody = pd.DataFrame(
        {"customer_id": days["customer_id"].unique(), "day": CUT + 1, "value": 7.0, "returned": 7.0}
    )
    return {
        "removed": days[~after],
        "doubled": pd.concat([days, days[after]]),
        "changed": changed,
        "everybody orders on the next day": pd.concat([days, everybody]),
        "a return of everything on the next day": pd.concat([days, everybody.assign(value=0.0, returned=1e6)]),
    }


def test_features_stand_still(days: pd.DataFrame) -> None:
    known = order_features(days, CUT)
    for future in futures(days).values():
        pd.testing.assert_frame_equal(order_features(future, CUT), known)


def test_scores_and_reasons_stand_still(days: pd.DataFrame) -> None:
    known = score_orders(days, CUT, HORIZON, PARAMETERS)
    assert known.basis == "boosted"
    for name, future in futures(days).items():
        again = score_orders(future, CUT, HORIZON, PARAMETERS)
        np.testing.assert_array_equal(again.p_active, known.p_active, err_msg=name)
        np.testing.assert_array_equal(again.reasons(), known.reasons(), err_msg=name)


def test_a_feature_that_peeks_would_be_seen(days: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: with features that look one day ahead, it does."""
    monkeypatch.setattr(training_module, "purchase_days_of", lambda days, cut: purchase_days_of(days, cut + 1))
    monkeypatch.setattr(training_module, "order_features", lambda days, cut: order_features(days, cut + 1))
    known = score_orders(days, CUT, HORIZON, PARAMETERS)
    again = score_orders(futures(days)["everybody orders on the next day"], CUT, HORIZON, PARAMETERS)
    assert not np.array_equal(again.p_active, known.p_active)


def test_a_label_of_the_future_is_refused(days: pd.DataFrame) -> None:
    current = order_features(days, CUT)
    earlier = order_features(days, CUT - HORIZON + 1).assign(later_orders=1)
    with pytest.raises(ValueError, match="learn from cuts up to"):
        score_features(current, earlier, HORIZON, PARAMETERS)
    label_in_time = order_features(days, CUT - HORIZON).assign(later_orders=lambda rows: rows["orders_90d"])
    assert score_features(current, label_in_time, HORIZON, PARAMETERS).model is not None


def test_labels_and_ids_are_never_features(days: pd.DataFrame) -> None:
    current = order_features(days, CUT).assign(later_orders=1, later_value=5.0, something_else=2.0)
    earlier = order_features(days, CUT - HORIZON).assign(something_else=3.0)
    earlier["later_orders"] = training_module.later_days(days, CUT - HORIZON, HORIZON, earlier["customer_id"])
    earlier["later_value"] = earlier["later_orders"] * 10.0
    found = score_features(current, earlier, HORIZON, PARAMETERS)
    assert found.model is not None
    assert not {"later_orders", "later_value", "something_else", "customer_id", "cut"} & set(found.model.feature_names)
