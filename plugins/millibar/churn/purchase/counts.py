"""Purchase histories of customers, counted: what the purchase models read instead of one row a customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
MOST_KINDS = 2**62


@dataclass(frozen=True)
class PurchaseCounts:
    """Distinct histories and how many customers have each; arrays of D rows.

    ``repeats``: purchases after the first (x); ``recency``: time from the first purchase to the last (t_x), 0 without a
    repeat; ``age``: time from the first purchase to the cut (T); ``weight``: customers. Times in any one unit.
    """

    repeats: Floats
    recency: Floats
    age: Floats
    weight: Floats

    def __len__(self) -> int:
        return len(self.repeats)

    @property
    def customers(self) -> float:
        """Customers of all rows."""
        return float(self.weight.sum())

    @property
    def repeaters(self) -> float:
        """Customers who came back."""
        return float(self.weight[self.repeats > 0].sum())

    @staticmethod
    def of(
        repeats: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike, weight: npt.ArrayLike | None = None
    ) -> tuple[PurchaseCounts, Places]:
        """(counts, place of each customer's history in them: shape (customers,)); arguments of shape (customers,).

        ``weight``: customers a row stands for, 1 unless told. Raises ``ValueError`` on histories that cannot be.
        """
        x, t_x, known = (np.atleast_1d(np.asarray(given, dtype=np.float64)) for given in (repeats, recency, age))
        _refuse(x, t_x, known)
        places, first = _distinct(x, t_x, known)
        rows = None if weight is None else np.asarray(weight, dtype=np.float64)
        counted = np.bincount(places, rows, minlength=len(first)).astype(np.float64)
        return PurchaseCounts(x[first], t_x[first], known[first], counted), places

    def sample(self, rows: int) -> PurchaseCounts:
        """About ``rows`` of the rows, evenly spread over the sorted histories; itself where it has no more."""
        step = len(self) // rows
        if step < 2:
            return self
        order = np.lexsort((self.recency, self.age, self.repeats))[step // 2 :: step]
        return PurchaseCounts(self.repeats[order], self.recency[order], self.age[order], self.weight[order])


def _refuse(x: Floats, t_x: Floats, age: Floats) -> None:
    if not len(x) == len(t_x) == len(age):
        raise ValueError(f"repeats, recency and age have {len(x)}, {len(t_x)} and {len(age)} rows; give one a customer")
    for name, wrong in (
        ("a count, time or age that is no finite number", ~np.isfinite(x + t_x + age)),
        ("repeats that are no whole number of 0 or more", (x < 0) | (x != np.floor(x))),
        ("a recency outside 0 to the age", (t_x < 0) | (t_x > age)),
        ("a recency without a repeat purchase", (x == 0) & (t_x > 0)),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(f"customer {row}: {name} (repeats {x[row]:g}, recency {t_x[row]:g}, age {age[row]:g})")


def _distinct(*columns: Floats) -> tuple[Places, Places]:
    """(place of each row among the distinct ones, row each distinct one is first at); shapes (rows,), (distinct,)."""
    key, kinds = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        if kinds * len(values) > MOST_KINDS:  # the products would overflow: number what there is anew
            distinct, key = np.unique(key, return_inverse=True)
            kinds = len(distinct)
        key = key * len(values) + code
        kinds *= max(len(values), 1)
    _, first, places = np.unique(key, return_index=True, return_inverse=True)
    return places, first
