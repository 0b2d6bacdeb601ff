"""Numbers of churn scoring an analyst may change, beside those of its models."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChurnParameters:
    """Days. ``horizon_days``: p_active, expected orders and value are of that many days after as_of; what the risk is
    learned and judged on is as long. ``stake_days``: what a customer would bring in so many is what his loss costs.
    """

    horizon_days: int = 90
    stake_days: int = 365
