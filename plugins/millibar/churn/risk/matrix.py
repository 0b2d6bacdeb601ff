"""A frame of features as numbers: raw with gaps for trees, scaled without gaps for a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.churn.risk.catalogue import DERIVED, FEATURES

Floats = npt.NDArray[np.float64]
Columns = dict[str, Floats]
_EDGE = 1e-6  # chances are kept so far from 0 and 1 on the logit scale
_WIDEST = 6.0  # standard deviations a scaled value reaches at most


def columns_of(features: pd.DataFrame) -> Columns:
    """The catalogued columns of ``features`` as float64; what is no finite number is nan."""
    found: Columns = {}
    for name in features.columns:
        if name in FEATURES:
            values = pd.to_numeric(features[name], errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
            found[name] = np.where(np.isfinite(values), values, np.nan)
    return found


def with_derived(columns: Columns) -> Columns:
    """``columns`` with the derived ones whose parts are there, made anew."""
    made = dict(columns)
    if all(part in columns for part in DERIVED["overdue"]):
        made["overdue"] = columns["days_since_order"] / np.maximum(columns["mean_gap_days"], 1.0)
    if all(part in columns for part in DERIVED["bought_once"]):
        made["bought_once"] = (columns["repeat_purchases"] <= 0).astype(np.float64)
    if all(part in columns for part in DERIVED["answered_share"]):
        contacts = columns["contacts_90d"]
        share = np.divide(columns["responses_90d"], contacts, out=np.full(len(contacts), np.nan), where=contacts > 0)
        made["answered_share"] = np.minimum(share, 1.0)
    return made


def raw_matrix(columns: Columns, names: Sequence[str]) -> Floats:
    """(n, len(names)), nan where unknown. ``KeyError`` names the column that is missing."""
    missing = [name for name in names if name not in columns]
    if missing:
        raise KeyError(f"the features lack {', '.join(missing)}, which the model was trained on")
    return np.column_stack([columns[name] for name in names])


@dataclass(frozen=True)
class Scaling:
    """How raw features become those of a linear model: catalogued scale, mean 0, deviation 1, gaps at the mean.

    A feature unknown for some customers gets a column beside it that says so. Constant columns are left out.
    """

    names: tuple[str, ...]
    gaps: tuple[int, ...]  # places in ``names`` with a column for what is unknown
    kept: npt.NDArray[np.int64]
    mean: Floats
    deviation: Floats

    @staticmethod
    def of(raw: Floats, names: Sequence[str]) -> Scaling:
        """Learned from ``raw`` (n, len(names))."""
        gaps = tuple(int(place) for place in np.flatnonzero(np.isnan(raw).any(axis=0) & ~np.isnan(raw).all(axis=0)))
        wide = _scaled(raw, names, gaps)
        with np.errstate(invalid="ignore"):
            known = ~np.isnan(wide)
            mean = np.where(known, wide, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
            deviation = np.sqrt(np.where(known, (wide - mean) ** 2, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))
        kept = np.flatnonzero(deviation > 1e-9)
        return Scaling(tuple(names), gaps, kept, mean[kept], deviation[kept])

    def apply(self, raw: Floats) -> Floats:
        """(n, columns kept), no gaps."""
        wide = (_scaled(raw, self.names, self.gaps)[:, self.kept] - self.mean) / self.deviation
        return np.asarray(np.clip(np.nan_to_num(wide, nan=0.0), -_WIDEST, _WIDEST))

    def place(self, name: str) -> int | None:
        """Column of feature ``name`` in what ``apply`` gives, None where it was left out."""
        found = np.flatnonzero(self.kept == self.names.index(name)) if name in self.names else np.array([])
        return int(found[0]) if len(found) else None


def logit(chance: Floats) -> Floats:
    """Log odds, the chance kept within 1e-6 of 0 and 1."""
    kept = np.clip(chance, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(kept) - np.log1p(-kept))


def _scaled(raw: Floats, names: Sequence[str], gaps: Sequence[int]) -> Floats:
    wide = np.empty((len(raw), len(names) + len(gaps)))
    for place, name in enumerate(names):
        scale = FEATURES[name].scale
        values = raw[:, place]
        if scale == "log":
            values = np.log1p(np.maximum(values, 0.0))
        elif scale == "logit":
            values = logit(values)
        wide[:, place] = values
    for extra, place in enumerate(gaps):
        wide[:, len(names) + extra] = np.isnan(raw[:, place])
    return wide
