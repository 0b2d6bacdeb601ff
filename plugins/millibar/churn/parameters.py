"""Numbers of churn scoring an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ChurnParameters:
    """Days unless said otherwise.

    ``horizon_days``: expected orders and value are of that many days after as_of; the holdout is as long.
    ``low_above`` / ``medium_above`` / ``high_above``: p_alive at which the risk band is low / medium / high, else lost.
    ``minimum_customers``, ``minimum_repeaters``: below either the prior rhythm below stands in for a fit.
    ``prior_*``: that rhythm, purchases and departures a day: shape and scale of the purchase rate, departure rate.
    ``fit_customers``: at most so many customers are fitted on, spread evenly over what they bought.
    ``rate_nodes``: points of the grid of purchase rates. ``silence_days``: without an answer for so long to be named.
    """

    horizon_days: int = 90
    low_above: float = 0.9
    medium_above: float = 0.75
    high_above: float = 0.5
    minimum_customers: int = 100
    minimum_repeaters: int = 20
    prior_shape: float = 0.6
    prior_scale_days: float = 120.0
    prior_departure_rate: float = 1 / 730
    fit_customers: int = 6_000
    rate_nodes: int = 60
    silence_days: int = 60


@dataclass(frozen=True)
class MomentParameters:
    """``prior_exposures``: exposures the channel's mean weighs against an hour's own figures."""

    history_days: int = 180
    prior_exposures: float = 200.0
