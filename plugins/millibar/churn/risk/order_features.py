"""What the orders alone say of each customer at a cut: counts, rhythm, money; nothing after the cut is read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
EPOCH = date(1970, 1, 1)
QUARTER, YEAR = 90, 365  # days of the windows behind orders_90d, orders_365d, revenue_365d
REQUIRED = ["customer_id", "day", "value"]


@dataclass(frozen=True)
class _Days:
    """Purchase days up to the cut, by customer and day: ``owner`` is the place of the customer in ``customers``."""

    customers: npt.NDArray[np.object_]
    owner: Integers
    day: Integers
    value: Floats
    orders: Integers
    returned: Floats  # a customer


def order_features(days: pd.DataFrame, cut: date | int) -> pd.DataFrame:
    """Features of every customer who bought on or before ``cut``, one row each, by customer_id.

    ``days``: customer_id, day (date, timestamp of midnight, or days since 1970-01-01), value (gross, >= 0; what is not
    a number counts 0) and, where known, returned (amount given back that day, >= 0, 0 without) and orders (1 without;
    0 says that only something came back that day, which is no purchase). Rows of one customer and day are added up;
    rows may be in any order. Windows end at the cut, its day included: ``orders_90d`` are purchase days in (cut - 90,
    cut].

    Columns are those of ``intermediate.int_churn__customer`` for purchases: customer_id, cut, orders, purchase_days,
    repeat_purchases, recency_days, age_days, days_since_order, mean_gap_days (nan without a second day),
    first_order_on, last_order_on (dates), orders_90d, orders_365d, revenue, revenue_365d, mean_day_value,
    repeat_mean_value (nan without a second day), last_day_value, returned_share (0 without revenue, at most 1). Raises
    ``ValueError`` where a column is missing.
    """
    end = day_number(cut)
    known = _known_days(days, end)
    count = len(known.customers)

    def total(weights: Floats | None = None) -> Floats:
        return np.bincount(known.owner, weights=weights, minlength=count).astype(np.float64)

    first = np.searchsorted(known.owner, np.arange(count))
    last = np.append(first[1:], len(known.owner)) - 1 if count else first
    first_day, last_day = known.day[first], known.day[last]
    purchase_days = total().astype(np.int64)
    repeats, recency = purchase_days - 1, last_day - first_day
    revenue, in_quarter, in_year = total(known.value), known.day > end - QUARTER, known.day > end - YEAR
    return pd.DataFrame(
        {
            "customer_id": known.customers,
            "cut": np.full(count, as_date(end), dtype=object),
            "orders": total(known.orders.astype(np.float64)).astype(np.int64),
            "purchase_days": purchase_days,
            "repeat_purchases": repeats,
            "recency_days": recency,
            "age_days": end - first_day,
            "days_since_order": end - last_day,
            "mean_gap_days": _share(recency.astype(np.float64), repeats, repeats > 0),
            "first_order_on": _as_dates(first_day),
            "last_order_on": _as_dates(last_day),
            "orders_90d": total(in_quarter.astype(np.float64)).astype(np.int64),
            "orders_365d": total(in_year.astype(np.float64)).astype(np.int64),
            "revenue": revenue,
            "revenue_365d": total(np.where(in_year, known.value, 0.0)),
            "mean_day_value": revenue / np.maximum(purchase_days, 1),
            "repeat_mean_value": _share(revenue - known.value[first], repeats, repeats > 0),
            "last_day_value": known.value[last],
            "returned_share": np.minimum(np.nan_to_num(_share(known.returned, revenue, revenue > 0)), 1.0),
        }
    )


def later_days(days: pd.DataFrame, cut: date | int, horizon_days: int, customers: pd.Series[str]) -> Integers:
    """Purchase days of each of ``customers`` in (cut, cut + horizon_days]: the label of a cut."""
    start = day_number(cut)
    numbers = _numbers(days["day"])
    within = days[(numbers > start) & (numbers <= start + horizon_days) & _is_purchase(days)]
    bought = pd.DataFrame({"customer_id": within["customer_id"], "day": _numbers(within["day"])}).drop_duplicates()
    counts = bought.groupby("customer_id", observed=True).size()
    return np.asarray(counts.reindex(customers).fillna(0).to_numpy(dtype=np.int64))


def purchase_days_of(days: pd.DataFrame, cut: int) -> pd.DataFrame:
    """``days`` up to the cut in the form all functions here read fastest: day as a number, a row a customer and day.

    Columns customer_id, day, value, returned, orders; sorted by customer and day.
    """
    missing = [name for name in REQUIRED if name not in days.columns]
    if missing:
        raise ValueError(
            f"order days lack {', '.join(missing)}; they need {', '.join(REQUIRED)}, and may have returned and orders"
        )
    numbers = _numbers(days["day"])
    rows = days[numbers <= cut]
    table = pd.DataFrame(
        {
            "customer_id": rows["customer_id"].to_numpy(),
            "day": numbers[numbers <= cut],
            "value": _amounts(rows, "value"),
            "returned": _amounts(rows, "returned"),
            "orders": np.maximum(_orders(rows), 0),
        }
    )
    return table.groupby(["customer_id", "day"], sort=True, as_index=False, observed=True).sum()


def day_number(day: date | int) -> int:
    """Days since 1970-01-01 of a date, or the number itself."""
    if isinstance(day, datetime):
        day = day.date()
    return (day - EPOCH).days if isinstance(day, date) else int(day)


def as_date(number: int) -> date:
    """The date ``number`` days after 1970-01-01."""
    return date.fromordinal(EPOCH.toordinal() + number)


def _known_days(days: pd.DataFrame, end: int) -> _Days:
    summed = purchase_days_of(days, end)
    bought = summed[summed["orders"] > 0]
    codes, customers = pd.factorize(bought["customer_id"])  # sorted already, so codes rise
    returned = summed.groupby("customer_id", observed=True)["returned"].sum().reindex(customers)
    return _Days(
        customers=np.asarray(customers, dtype=object),
        owner=codes.astype(np.int64),
        day=bought["day"].to_numpy(dtype=np.int64),
        value=bought["value"].to_numpy(dtype=np.float64),
        orders=bought["orders"].to_numpy(dtype=np.int64),
        returned=returned.to_numpy(dtype=np.float64),
    )


def _is_purchase(rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    return _orders(rows) > 0


def _orders(rows: pd.DataFrame) -> Integers:
    if "orders" not in rows.columns:
        return np.ones(len(rows), dtype=np.int64)
    return np.asarray(rows["orders"].to_numpy(dtype=np.int64))


def _amounts(rows: pd.DataFrame, name: str) -> Floats:
    if name not in rows.columns:
        return np.zeros(len(rows))
    amounts = pd.to_numeric(rows[name], errors="coerce").to_numpy(dtype=np.float64)
    return np.asarray(np.maximum(np.where(np.isfinite(amounts), amounts, 0.0), 0.0))


def _numbers(days: pd.Series) -> Integers:
    """Days since 1970-01-01 of dates, timestamps or numbers."""
    if pd.api.types.is_numeric_dtype(days):
        return days.to_numpy(dtype=np.int64)
    return pd.to_datetime(days).to_numpy(dtype="datetime64[D]").astype(np.int64)


def _as_dates(numbers: Integers) -> npt.NDArray[np.object_]:
    return numbers.astype("datetime64[D]").astype(object)


def _share(part: Floats, whole: Floats | Integers, where: npt.NDArray[np.bool_]) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=where))
