"""Holdout experiments: what a channel causes, by intention to treat.

The estimand of an experiment of a channel: conversions of the customers in the channel's reach, less those they would
have made had the channel been silent to them from the assignment to the end of the experiment (or the last day seen).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.attribution.paths import Floats
from millibar.attribution.result import NORMAL_95

Flags = npt.NDArray[np.bool_]

TREATED, HOLDOUT = "treated", "holdout"
GROUP_COLUMNS = ["experiment_id", "arm", "is_reachable", "before", "long_before", "customers", "contacts",
                 "conversions", "conversions_squared", "revenue", "revenue_squared"]  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """Treated less holdout, of one customer: the effect, its standard error, and the variance the history explained."""

    effect: float
    error: float
    explained: float

    def interval(self, z: float = NORMAL_95) -> tuple[float, float]:
        """Ends of the interval, in the unit of the effect."""
        return self.effect - z * self.error, self.effect + z * self.error


@dataclass(frozen=True)
class ExperimentResult:
    """What one experiment showed.

    ``treated``, ``holdout``: customers compared; ``out_of_reach``: assigned customers left out, as the channel could
    not reach them. ``conversions_treated``, ``conversions_holdout``: theirs while it ran. ``conversions``,
    ``revenue``: effect on one customer; None where an arm is too small.
    """

    experiment_id: str
    treated: int
    holdout: int
    out_of_reach: int
    conversions_treated: float
    conversions_holdout: float
    conversions: Difference | None
    revenue: Difference | None


@dataclass(frozen=True)
class IncrementalShare:
    """Share of the brand's conversions a channel causes, with its standard error, from one or more experiments."""

    channel: str
    share: float
    error: float
    experiments: int
    disagreement: float  # standard deviation between the experiments, beyond their errors


def experiment_result(
    groups: pd.DataFrame, experiment_id: str, least_customers: int = 50, least_reach: float = 0.02
) -> ExperimentResult:
    """Effect on one customer, by the difference of the arms' means.

    ``groups``: rows of one experiment, columns ``GROUP_COLUMNS``: customers that are alike in arm, reach and history
    (``before``, ``long_before``: conversions before the assignment), with sums over them. History lowers the variance
    and not the effect (CUPED, Deng, Xu, Kohavi & Walker 2013, with a coefficient for each covariate); the error is
    Welch's, of unequal variances. Customers out of reach are left out where at most ``least_reach`` of the contacts
    of the treated went to them: on the others the experiment changes nothing. Raises ``ValueError`` on an unknown arm.
    """
    unknown = set(groups["arm"]) - {TREATED, HOLDOUT}
    if unknown:
        raise ValueError(f"experiment {experiment_id} has the arm {min(unknown)!r}; arms are {TREATED} and {HOLDOUT}")
    kept = _within_reach(groups, least_reach)
    is_treated = (kept["arm"] == TREATED).to_numpy()
    customers = kept["customers"].to_numpy(dtype=np.float64)
    sizes = [int(customers[mask].sum()) for mask in (is_treated, ~is_treated)]
    conversions = kept["conversions"].to_numpy(dtype=np.float64)
    enough = min(sizes) >= max(least_customers, 2)
    outcomes = [
        difference(is_treated, customers, _history(kept), *(kept[name].to_numpy(dtype=np.float64) for name in names))
        if enough
        else None
        for names in (("conversions", "conversions_squared"), ("revenue", "revenue_squared"))
    ]
    return ExperimentResult(
        experiment_id,
        sizes[0],
        sizes[1],
        int(groups["customers"].sum()) - sum(sizes),
        float(conversions[is_treated].sum()),
        float(conversions[~is_treated].sum()),
        outcomes[0],
        outcomes[1],
    )


def difference(is_treated: Flags, customers: Floats, history: Floats, total: Floats, squares: Floats) -> Difference:
    """Difference of means of a treated and a held-out customer, adjusted for history.

    One entry a group of ``customers`` with the same history, shape (groups, covariates): ``total`` and ``squares`` are
    the sums of the outcome and of its square over them.
    """
    centred = history - (customers @ history) / customers.sum()
    arms = [is_treated, ~is_treated]
    within, across = np.zeros((centred.shape[1],) * 2), np.zeros(centred.shape[1])
    for arm in arms:
        deviation = centred[arm] - (customers[arm] @ centred[arm]) / customers[arm].sum()
        within += (deviation * customers[arm, None]).T @ deviation
        across += deviation.T @ total[arm]
    slope = np.linalg.pinv(within) @ across
    foretold = centred @ slope
    adjusted = total - customers * foretold
    adjusted_squares = squares - 2.0 * foretold * total + customers * foretold**2
    means, variances, plain = [], [], []
    for arm in arms:
        size = customers[arm].sum()
        means.append(adjusted[arm].sum() / size)
        variances.append(max(adjusted_squares[arm].sum() / size - means[-1] ** 2, 0.0) / (size - 1))
        plain.append(max(squares[arm].sum() / size - (total[arm].sum() / size) ** 2, 0.0) / (size - 1))
    explained = 1.0 - sum(variances) / sum(plain) if sum(plain) > 0 else 0.0
    return Difference(float(means[0] - means[1]), float(np.sqrt(sum(variances))), float(explained))


def pooled_share(channel: str, shares: Floats, errors: Floats) -> IncrementalShare:
    """One share from several experiments of a channel, shape (experiments,) each.

    Weighted by inverse variance, with the variance between experiments where they disagree (DerSimonian & Laird 1986).
    """
    weights = 1.0 / errors**2
    mean = float(weights @ shares / weights.sum())
    excess = float(weights @ (shares - mean) ** 2) - (len(shares) - 1)
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    between = max(excess / scale, 0.0) if scale > 0 else 0.0
    weights = 1.0 / (errors**2 + between)
    return IncrementalShare(
        channel,
        float(weights @ shares / weights.sum()),
        float(np.sqrt(1.0 / weights.sum())),
        len(shares),
        float(np.sqrt(between)),
    )


def _within_reach(groups: pd.DataFrame, least_reach: float) -> pd.DataFrame:
    reachable = groups["is_reachable"].to_numpy(dtype=bool)
    contacts = groups["contacts"].to_numpy(dtype=np.float64) * (groups["arm"] == TREATED).to_numpy()
    outside = float(contacts[~reachable].sum())
    return groups[reachable] if contacts.sum() > 0 and outside <= least_reach * contacts.sum() else groups


def _history(groups: pd.DataFrame) -> Floats:
    return groups[["before", "long_before"]].to_numpy(dtype=np.float64)
