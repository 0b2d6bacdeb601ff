"""What every attribution model gives: credits by channel with their standard errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from millibar.attribution.paths import Floats

CREDIT_COLUMNS = [
    "model", "order", "channel", "conversions", "conversions_low", "conversions_high",
    "revenue", "revenue_low", "revenue_high", "removal_effect",
]  # fmt: skip
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Credits:
    """Credits of C channels under one model.

    ``conversions``, ``revenue``: shape (C,), in conversions and in units of value; they sum to the observed totals
    where ``sums_to_total``. ``conversions_error``, ``revenue_error``: standard errors of the credits, the totals taken
    as observed (the error of the channel's share times the total); None where the model has none.
    ``removal_effects``: share of conversions (of revenue) lost without the channel, for models that estimate it.
    ``is_sampled``: there were too many channels to count; the errors hold that of sampling, too.
    """

    model: str
    channels: tuple[str, ...]
    conversions: Floats
    revenue: Floats
    conversions_error: Floats | None = None
    revenue_error: Floats | None = None
    removal_effects: Floats | None = None
    revenue_removal_effects: Floats | None = None
    order: int | None = None
    sums_to_total: bool = True
    is_sampled: bool = False

    def frame(self, z: float = NORMAL_95) -> pd.DataFrame:
        """A row a channel, columns ``CREDIT_COLUMNS``; low and high are credit -+ z errors within 0 and the total."""
        low, high = self.interval(z)
        revenue_low, revenue_high = self.interval(z, revenue=True)
        size = len(self.channels)
        unknown = np.full(size, np.nan)
        return pd.DataFrame(
            {
                "model": [self.model] * size,
                "order": pd.array([self.order] * size, dtype="Int64"),
                "channel": list(self.channels),
                "conversions": self.conversions,
                "conversions_low": low,
                "conversions_high": high,
                "revenue": self.revenue,
                "revenue_low": revenue_low,
                "revenue_high": revenue_high,
                "removal_effect": unknown if self.removal_effects is None else self.removal_effects,
            }
        )[CREDIT_COLUMNS]

    def interval(self, z: float = NORMAL_95, *, revenue: bool = False) -> tuple[Floats, Floats]:
        """Ends of the interval of each credit, shape (C,) each; nan where the model has no error."""
        credit, error = (self.revenue, self.revenue_error) if revenue else (self.conversions, self.conversions_error)
        if error is None:
            unknown = np.full(len(credit), np.nan)
            return unknown, unknown.copy()
        # a single channel of participation can hold everything, the sum of all more than that
        most = credit.sum() if self.sums_to_total else np.inf
        return np.clip(credit - z * error, 0.0, None), np.clip(credit + z * error, None, most)
