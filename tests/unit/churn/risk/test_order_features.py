"""Order features: counts, windows, returns and labels of hand-made histories."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.churn.risk.order_features import later_days, order_features

CUT = date(2025, 6, 30)


def table(*rows: tuple[str, str, float, float, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "value", "returned", "orders"])
    return frame.assign(day=pd.to_datetime(frame["day"]))


def test_a_history_by_hand() -> None:
    days = table(
        ("a", "2025-06-30", 10.0, 0.0, 1),
        ("a", "2025-06-30", 20.0, 0.0, 1),
        ("a", "2025-05-01", 30.0, 0.0, 1),
        ("a", "2024-01-01", 40.0, 5.0, 1),
        ("a", "2025-06-20", 0.0, 20.0, 0),
        ("a", "2025-07-01", 999.0, 0.0, 1),
        ("b", "2025-04-01", 8.0, 0.0, 1),
        ("late", "2025-07-01", 1.0, 0.0, 1),
    )
    found = order_features(days, CUT).set_index("customer_id")
    assert list(found.index) == ["a", "b"]
    a, b = found.loc["a"], found.loc["b"]
    assert (a["orders"], a["purchase_days"], a["repeat_purchases"]) == (4, 3, 2)
    assert (a["recency_days"], a["age_days"], a["days_since_order"]) == (546, 546, 0)
    assert (a["mean_gap_days"], a["orders_90d"], a["orders_365d"]) == (273.0, 2, 2)
    assert (a["revenue"], a["revenue_365d"], a["last_day_value"]) == (100.0, 60.0, 30.0)
    assert a["repeat_mean_value"] == 30.0
    assert a["returned_share"] == pytest.approx(0.25)
    assert (a["first_order_on"], a["last_order_on"], a["cut"]) == (date(2024, 1, 1), CUT, CUT)
    # 1 April is 90 days before 30 June: the window (cut - 90, cut] begins on the day after
    assert (b["orders_90d"], b["repeat_purchases"], b["recency_days"]) == (0, 0, 0)
    assert np.isnan(b["mean_gap_days"])
    assert np.isnan(b["repeat_mean_value"])


def test_returns_larger_than_orders_and_a_return_alone() -> None:
    days = table(
        ("a", "2025-06-01", 10.0, 0.0, 1), ("a", "2025-06-02", 0.0, 500.0, 0), ("b", "2025-06-02", 0.0, 9.0, 0)
    )
    found = order_features(days, CUT)
    assert list(found["customer_id"]) == ["a"]
    assert found["returned_share"][0] == 1.0
    assert found["repeat_purchases"][0] == 0


def test_labels_are_distinct_purchase_days_within_the_horizon() -> None:
    days = table(
        ("a", "2025-06-30", 1.0, 0.0, 1),
        ("a", "2025-07-01", 1.0, 0.0, 1),
        ("a", "2025-07-01", 1.0, 0.0, 1),
        ("a", "2025-07-10", 1.0, 0.0, 1),
        ("a", "2025-07-11", 1.0, 0.0, 1),
        ("b", "2025-07-05", 0.0, 5.0, 0),
    )
    assert list(later_days(days, CUT, 10, pd.Series(["b", "a", "nobody"]))) == [0, 2, 0]


def test_dates_timestamps_and_numbers_are_the_same_day() -> None:
    stamps = table(("a", "2025-06-01", 1.0, 0.0, 1), ("a", "2025-06-03", 1.0, 0.0, 1))
    as_dates = stamps.assign(day=stamps["day"].dt.date)
    numbers = stamps.assign(day=[(day.date() - date(1970, 1, 1)).days for day in stamps["day"]])
    for other in (as_dates, numbers):
        pd.testing.assert_frame_equal(order_features(stamps, CUT), order_features(other, CUT))


def test_amounts_that_are_none_count_nothing() -> None:
    days = table(
        ("a", "2025-06-01", np.nan, 0.0, 1), ("a", "2025-06-02", np.inf, np.nan, 1), ("a", "2025-06-03", 1e9, 0, 1)
    )
    found = order_features(days, CUT)
    assert found["revenue"][0] == 1e9
    assert found["purchase_days"][0] == 3


def test_nobody_yet() -> None:
    assert order_features(table(("a", "2025-07-01", 1.0, 0.0, 1)), CUT).empty
    assert order_features(table(), CUT).empty


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="order days lack value"):
        order_features(pd.DataFrame({"customer_id": ["a"], "day": [1]}), 5)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 60), st.floats(0, 1e9)), min_size=1, max_size=30),
    st.randoms(),
)
def test_any_order_of_rows_gives_the_same(rows: list[tuple[str, int, float]], random) -> None:
    days = pd.DataFrame(rows, columns=["customer_id", "day", "value"])
    shuffled = rows[:]
    random.shuffle(shuffled)
    first, second = (order_features(frame, 40) for frame in (days, pd.DataFrame(shuffled, columns=days.columns)))
    pd.testing.assert_frame_equal(first, second)
    assert (first["age_days"] == first["recency_days"] + first["days_since_order"]).all()
    assert (first[["days_since_order", "recency_days"]] >= 0).all(axis=None)
