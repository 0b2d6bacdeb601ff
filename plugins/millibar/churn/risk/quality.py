"""How right the chances were: ranking, calibration and lift on a period that is over, against recency alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from millibar.churn.purchase.maximum import INTERVAL_Z

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
BINS, TOP = 10, 0.1
_UNKNOWN = float("nan")


class Ranking(NamedTuple):
    """Area under the ROC curve with its 95 % interval; nan where all or none were active."""

    auc: float
    low: float
    high: float


@dataclass(frozen=True)
class CalibrationBin:
    """Customers of similar predictions: mean prediction, observed share and its 95 % interval (Wilson)."""

    bin: int
    customers: int
    predicted: float
    observed: float
    observed_low: float
    observed_high: float


@dataclass(frozen=True)
class RiskQuality:
    """``lift``: share of inactive customers in the tenth most at risk over that of all, ``baseline_lift`` when the
    tenth is that of the longest silence; ``level_z``, ``spiegelhalter_z``: 0 on average where predictions are right,
    deviation 1.
    """

    customers: int
    observed_share: float
    predicted_share: float
    ranking: Ranking
    baseline: Ranking
    ece: float
    brier: float
    lift: float
    baseline_lift: float
    level_z: float
    spiegelhalter_z: float
    bins: tuple[CalibrationBin, ...]

    @property
    def auc(self) -> float:
        """Chance that who was active scored above who was not."""
        return self.ranking.auc

    def told(self) -> dict[str, Any]:
        """All figures by name, for a JSON column; unknown ones are nan."""
        return asdict(self) | {"ranking": self.ranking._asdict(), "baseline": self.baseline._asdict()}


def judge(predicted: npt.ArrayLike, active: npt.ArrayLike, days_since_order: npt.ArrayLike) -> RiskQuality:
    """Compare chances of an order with what came.

    ``predicted`` (n,) within 0 and 1, ``active`` (n,), ``days_since_order`` (n,) at the cut: the baseline, which ranks
    by it alone (unknown: longest). Raises ``ValueError`` on other lengths, on predictions outside 0 to 1, and without
    customers.
    """
    chance, flags = np.asarray(predicted, dtype=np.float64), np.asarray(active, dtype=bool)
    silence = np.asarray(days_since_order, dtype=np.float64)
    if not len(chance) == len(flags) == len(silence) or not len(chance):
        raise ValueError(
            f"{len(chance)} predictions, {len(flags)} outcomes, {len(silence)} silences; "
            "give one each for at least one customer"
        )
    if not ((chance >= 0) & (chance <= 1)).all():
        place = int(np.argmin((chance >= 0) & (chance <= 1)))
        raise ValueError(f"prediction {place} is {chance[place]}; chances lie within 0 and 1")
    recent = -np.where(np.isnan(silence), np.inf, silence)
    bins = calibration_bins(chance, flags)
    return RiskQuality(
        customers=len(chance),
        observed_share=float(flags.mean()),
        predicted_share=float(chance.mean()),
        ranking=area_under_curve(chance, flags),
        baseline=area_under_curve(recent, flags),
        ece=sum(each.customers * abs(each.predicted - each.observed) for each in bins) / len(chance),
        brier=float(np.mean((chance - flags) ** 2)),
        lift=lift_at_risk(chance, flags),
        baseline_lift=lift_at_risk(recent, flags),
        level_z=level_z(chance, flags),
        spiegelhalter_z=spiegelhalter(chance, flags),
        bins=bins,
    )


def area_under_curve(score: Floats, active: Flags) -> Ranking:
    """AUC, ties counting half, with the interval of DeLong, DeLong and Clarke-Pearson (1988) by midranks
    (Sun and Xu 2014), on the log-odds scale so that it stays within 0 and 1.

    A perfect ranking has no variance to measure: its limit is where the data would show nothing else 2.5 % of the time.
    """
    positives, negatives = int(active.sum()), int((~active).sum())
    if not positives or not negatives:
        return Ranking(_UNKNOWN, _UNKNOWN, _UNKNOWN)
    ranks = rankdata(score)
    within_positives, within_negatives = rankdata(score[active]), rankdata(score[~active])
    auc = float((ranks[active].sum() - positives * (positives + 1) / 2) / (positives * negatives))
    of_positives = (ranks[active] - within_positives) / negatives
    of_negatives = 1.0 - (ranks[~active] - within_negatives) / positives
    variance = _variance(of_positives) / positives + _variance(of_negatives) / negatives
    if not 0 < auc < 1:
        reach = 0.025 ** (1.0 / min(positives, negatives))
        return Ranking(auc, reach if auc == 1 else 0.0, 1.0 if auc == 1 else 1.0 - reach)
    if not np.isfinite(variance):
        return Ranking(auc, 0.0, 1.0)
    middle, width = np.log(auc / (1 - auc)), INTERVAL_Z * np.sqrt(variance) / (auc * (1 - auc))
    low, high = (1.0 / (1.0 + np.exp(-np.clip(end, -700, 700))) for end in (middle - width, middle + width))
    return Ranking(auc, float(low), float(high))


def calibration_bins(chance: Floats, active: Flags) -> tuple[CalibrationBin, ...]:
    """Ten bins of equal counts by prediction; equal predictions stay in one bin, so there may be fewer.

    A run of equal predictions goes to the bin its middle falls in: the order of rows does not matter.
    """
    place = np.minimum(((rankdata(chance) - 0.5) / len(chance) * BINS).astype(np.int64), BINS - 1)
    found = []
    for number, each in enumerate(np.unique(place), start=1):
        inside = place == each
        count, share = int(inside.sum()), float(active[inside].mean())
        low, high = wilson(share, count)
        found.append(CalibrationBin(number, count, float(chance[inside].mean()), share, low, high))
    return tuple(found)


def lift_at_risk(chance: Floats, active: Flags) -> float:
    """Share of inactive customers in the tenth of the lowest chances, over that of all; nan where all were active.

    Of equal chances at the edge of the tenth each counts for the part of them that fits in.
    """
    if active.all():
        return _UNKNOWN
    size = max(len(chance) * TOP, 1.0)
    values, place = np.unique(chance, return_inverse=True)
    count, gone = np.bincount(place), np.bincount(place, weights=~active)
    before = np.concatenate([[0], np.cumsum(count)[:-1]])
    taken = np.clip((size - before) / count, 0.0, 1.0)
    return float((taken @ gone / size) / (~active).mean()) if len(values) else _UNKNOWN


def level_z(chance: Floats, active: Flags) -> float:
    """Active customers less the expected ones, over their binomial deviation; 0 where nothing can vary."""
    spread = float(np.sqrt(np.sum(chance * (1.0 - chance))))
    return float(active.sum() - chance.sum()) / spread if spread > 0 else 0.0


def spiegelhalter(chance: Floats, active: Flags) -> float:
    """z of Spiegelhalter (1986): squared errors against those right predictions leave; 0 where nothing can vary."""
    gap = 1.0 - 2.0 * chance
    spread = float(np.sqrt(np.sum(gap**2 * chance * (1.0 - chance))))
    return float(np.sum((active - chance) * gap)) / spread if spread > 0 else 0.0


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    square = INTERVAL_Z**2
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = np.sqrt(square * (share * (1 - share) / count + square / (4 * count**2))) / (1 + square / count)
    return max(float(middle - half), 0.0), min(float(middle + half), 1.0)


def _variance(parts: Floats) -> float:
    return float(np.var(parts, ddof=1)) if len(parts) > 1 else _UNKNOWN
