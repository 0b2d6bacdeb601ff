"""Engagement from human acts, and the pressure each customer tolerates."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.pressure.parameters import ToleranceParameters

TOLERANCE_COLUMNS = ["customer_id", "tolerance", "engagement", "basis"]


def fit_engagement_prior(responses: np.ndarray, expected: np.ndarray, parameters: ToleranceParameters) -> float:
    """Shrinkage ``a`` by the method of moments, for responses ~ Poisson(expected * theta), theta ~ Gamma(a, a).

    ``E[(k - E)^2 - E] = E^2 / a`` for each customer. Customers no more different than chance give ``prior_maximum``.
    """
    excess = float(((responses - expected) ** 2 - expected).sum())
    if excess <= 0:
        return parameters.prior_maximum
    return float(np.clip((expected**2).sum() / excess, parameters.prior_minimum, parameters.prior_maximum))


def engagement_multipliers(
    counts: pd.DataFrame, customers: pd.DataFrame, parameters: ToleranceParameters
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Engagement multiplier of every customer: responses over what his contacts led one to expect, shrunk to 1.

    ``counts``: customer_id, channel, contacts, responses (human acts only: opens lie). ``customers``: customer_id of
    everybody under pressure. Channels without any contact are left out: there is nothing their responses answer.

    Returns (customer_id, engagement, basis (``customer`` / ``population``), one row a customer, sorted; the figures of
    the fit: customers, prior, response_rate, share_basis_customer).
    """
    everybody = pd.Index(customers["customer_id"]).union(pd.Index(counts["customer_id"])).unique().sort_values()
    if not len(everybody):
        return pd.DataFrame(columns=["customer_id", "engagement", "basis"]), {"customers": 0}
    kept = counts.fillna({"contacts": 0, "responses": 0})
    by_channel = kept.groupby("channel")[["contacts", "responses"]].sum()
    rates = (by_channel["responses"] / by_channel["contacts"].where(by_channel["contacts"] > 0)).dropna()
    kept = kept[kept["channel"].isin(rates.index)]
    expected = kept["contacts"] * kept["channel"].map(rates).astype(float)
    sums = (
        pd.DataFrame(
            {
                "customer_id": kept["customer_id"],
                "responses": kept["responses"].astype(float),
                "expected": expected,
            }
        )
        .groupby("customer_id")
        .sum()
        .reindex(everybody, fill_value=0.0)
        .astype(float)
    )
    answered, awaited = sums["responses"].to_numpy(), sums["expected"].to_numpy()
    prior = fit_engagement_prior(answered, awaited, parameters)
    engagement = (answered + prior) / (awaited + prior)
    frame = pd.DataFrame(
        {
            "customer_id": everybody,
            "engagement": engagement,
            "basis": np.where(awaited >= parameters.minimum_expected, "customer", "population"),
        }
    )
    contacts = float(kept["contacts"].sum())
    figures = {
        "customers": len(frame),
        "prior": prior,
        "response_rate": float(answered.sum()) / contacts if contacts else 0.0,
        "share_basis_customer": float((frame["basis"] == "customer").mean()),
    }
    return frame, figures


def tolerances(engagement: pd.DataFrame, rho: float, parameters: ToleranceParameters) -> pd.DataFrame:
    """``rho * m ** gamma`` of every customer; columns ``TOLERANCE_COLUMNS``."""
    tolerance = rho * engagement["engagement"].astype(float) ** parameters.gamma
    return engagement.assign(tolerance=tolerance)[TOLERANCE_COLUMNS]
