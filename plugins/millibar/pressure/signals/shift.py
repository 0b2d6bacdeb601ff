"""Whether what a channel lost came back elsewhere: the same customers, all their channels.

Expected answers of the recent days are the baseline's, day for day; where a channel is fed by contacts, its baseline
rate times the contacts made now, so that sending more elsewhere is not taken for customers who moved. Customers who
were contacted but never answered on the channel are a control: what rises for them too (an offer, a season) moved
nobody. For each other channel k the gain G_k = B_k - E_k f_k (f: the control's change) has variance

    phi E (1 + days / baseline days) + (E f)^2 var(ln f)              phi: over-dispersion of the baseline's weeks

Verdict shifted when the channels that rose beyond chance (one-sided, Student, Bonferroni over the channels) together
bring back at least ``shift_kept`` of the loss, the whole of the engagement is not below its interval, and orders held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from millibar.pressure.signals.arrays import Flags, Floats
from millibar.pressure.signals.inputs import day_of
from millibar.pressure.signals.parameters import SignParameters

TOTAL_Z = 1.645
LEAST_CONTROL = 30.0  # answers of the control, below which it says nothing


@dataclass(frozen=True)
class Shift:
    """``lost``: answers missing on the channel; ``gained``: answers more than expected elsewhere, by channel, those
    beyond chance; ``total_ratio``: all answers against all expected, with its interval.
    """

    is_shifted: bool
    shifted_to: str | None
    lost: float
    gained: dict[str, float]
    total_ratio: float
    total_low: float
    total_high: float


@dataclass(frozen=True)
class _Change:
    observed: float
    expected: float
    variance: float
    log_control: float = 0.0
    control_variance: float = 0.0

    @property
    def gain(self) -> float:
        return self.observed - self.expected

    @property
    def z(self) -> float:
        return self.gain / np.sqrt(self.variance) if self.variance > 0 else 0.0


def weigh_shift(
    cohort: pd.DataFrame,
    channel: str,
    last_day: pd.Timestamp,
    since_days: int,
    baseline_days: int,
    lag_days: int,
    parameters: SignParameters,
) -> Shift:
    """Weigh a fall on ``channel``.

    ``cohort``: day, channel, responses, contacts, maybe orders and is_reader (see inputs.Cohort). ``since_days``: days
    since the fall is thought to have begun; whole weeks of it are weighed, one at least.
    """
    weeks = int(np.clip(np.ceil(since_days / 7), 1, parameters.shift_days // 7))
    recent = 7 * weeks
    gap = max(lag_days, recent)
    age = (day_of(last_day) - pd.to_datetime(cohort["day"])).dt.days.to_numpy()
    rows = cohort.assign(age=age)[(age >= 0) & (age < gap + baseline_days)]
    reader = _readers(rows)
    frame = _Windows(rows, reader, recent, gap, baseline_days)
    here = frame.change(channel, with_control=False)
    lost = max(-here.gain, 0.0)
    others = sorted({str(name) for name in rows["channel"]} - {channel})
    changes = {name: frame.change(name) for name in others}
    # the spread is that of a few weeks: Student's t, not the normal
    wanted = student.isf(norm.sf(parameters.shift_z) / max(len(changes), 1), max(baseline_days // 7 - 1, 1))
    gained = {name: change.gain for name, change in changes.items() if change.z > wanted}
    total = _total([here, *changes.values()])
    ratio = total.observed / total.expected if total.expected > 0 else 1.0
    spread = np.sqrt(total.variance) / total.expected if total.expected > 0 else np.inf
    kept = sum(gained.values()) >= parameters.shift_kept * lost and ratio + TOTAL_Z * spread >= 1.0
    is_shifted = bool(lost > 0 and gained and kept and frame.orders_held(parameters.shift_z))
    to = max(gained, key=lambda name: gained[name]) if gained else None
    low, high = max(ratio - TOTAL_Z * spread, 0.0), ratio + TOTAL_Z * spread
    return Shift(is_shifted, to if is_shifted else None, lost, gained, float(ratio), float(low), float(high))


def _readers(rows: pd.DataFrame) -> Flags:
    if "is_reader" not in rows:
        return np.ones(len(rows), dtype=bool)
    return rows["is_reader"].fillna(True).to_numpy(dtype=bool)


def _total(changes: list[_Change]) -> _Change:
    return _Change(
        sum(change.observed for change in changes),
        sum(change.expected for change in changes),
        sum(change.variance for change in changes),
    )


class _Windows:
    """Sums of the recent and the baseline days of the readers and of the control."""

    def __init__(self, rows: pd.DataFrame, reader: Flags, recent: int, gap: int, baseline: int) -> None:
        self._rows, self._reader = rows, reader
        self._recent, self._gap, self._baseline = recent, gap, baseline
        self._is_recent = (rows["age"] < recent).to_numpy()
        self._is_baseline = (rows["age"] >= gap).to_numpy()

    def change(self, channel: str, with_control: bool = True) -> _Change:
        """Recent answers of the readers on a channel against what baseline and control lead to expect."""
        on_channel = (self._rows["channel"] == channel).to_numpy()
        observed, expected, variance = self._against_baseline(on_channel & self._reader, "responses", "contacts")
        if not with_control:
            return _Change(observed, expected, variance)
        factor, log_variance = self._control(on_channel & ~self._reader)
        return _Change(observed, expected * factor, variance * factor + (expected * factor) ** 2 * log_variance)

    def orders_held(self, z: float) -> bool:
        """False where the readers' orders fell beyond chance and beyond the control's."""
        if "orders" not in self._rows:
            return True
        observed, expected, variance = self._against_baseline(self._reader, "orders", None)
        other, usual, _ = self._against_baseline(~self._reader, "orders", None)
        if min(other, usual) >= LEAST_CONTROL:
            factor = other / usual
            variance = variance * factor + (expected * factor) ** 2 * (1 / other + 1 / usual)
            expected *= factor
        return bool(observed - expected >= -z * np.sqrt(max(variance, 1e-12)))

    def _control(self, rows: Flags) -> tuple[float, float]:
        observed, expected, variance = self._against_baseline(rows, "responses", "contacts")
        if min(observed, expected) < LEAST_CONTROL:
            return 1.0, 0.0
        return observed / expected, variance / expected**2

    def _against_baseline(self, rows: Flags, count: str, exposure: str | None) -> tuple[float, float, float]:
        """Observed, expected and variance of the recent sum."""
        counted = self._rows[count].to_numpy(dtype=float)
        observed = float(counted[rows & self._is_recent].sum())
        before = float(counted[rows & self._is_baseline].sum())
        scale = self._recent / self._baseline
        if exposure is not None:
            contacts = self._rows[exposure].to_numpy(dtype=float)
            made = float(contacts[rows & self._is_recent].sum())
            usual = float(contacts[rows & self._is_baseline].sum())
            if usual > before:  # a channel the brand speaks in; of visits a contact is the exception
                scale = made / usual
        expected = before * scale
        phi = self._dispersion(rows & self._is_baseline, counted)
        # one answer more or less is chance in a silent channel too
        return observed, expected, phi * (expected * (1.0 + scale) + 1.0)

    def _dispersion(self, rows: Flags, counted: Floats) -> float:
        """Variance of weekly sums over their mean in the baseline, at least 1: days of one mailing are no noise."""
        weeks = (self._rows["age"].to_numpy()[rows] - self._gap) // 7
        number = max(self._baseline // 7, 1)
        sums = np.bincount(np.minimum(weeks, number - 1), counted[rows], number) if rows.any() else np.zeros(number)
        mean = float(sums.mean())
        return max(1.0, float(sums.var(ddof=1)) / mean) if mean > 0 and number > 2 else 1.0
