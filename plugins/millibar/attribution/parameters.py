"""Numbers of attribution an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AttributionParameters:
    """Windows are days, ends included as named.

    ``window_days``: journeys closed in the days ``(as_of - window_days, as_of]`` make the channel results.
    ``weight_window_days``: journeys closed in that many days before a month make the month's weights.
    ``comparison_days``: length of the two periods that are compared; the second one ends at as_of.
    ``minimum_conversions``: with fewer, every channel of a month weighs 1, and a segment has no results of its own.
    ``highest_order``: chains of order 1 to this compete on held-out journeys; ``order_folds``: in so many folds.
    ``weight_floor``: least weight of a step, as a share of the mean one, so that a journey of channels without effect
    still hands out its whole credit.
    """

    window_days: int = 90
    weight_window_days: int = 90
    comparison_days: int = 28
    minimum_conversions: int = 200
    highest_order: int = 3
    order_folds: int = 3
    weight_floor: float = 0.01
    interval_z: float = 1.959964
    seed: int = 20_250_101


@dataclass(frozen=True)
class HazardParameters:
    """Time to conversion: hazard of a touch by its age.

    ``age_hours``: edges of the age bins. ``prior_conversions``: weight, in conversions, of the hazard pooled over
    channels in that of one channel and age.
    """

    age_hours: list[float] = field(default_factory=lambda: [1.0, 6.0, 24.0, 48.0, 96.0, 168.0, 336.0])
    lookback_days: int = 30
    prior_conversions: float = 20.0


@dataclass(frozen=True)
class CalibrationParameters:
    """Experiments and what follows from them.

    ``channels_of_own_accord``: channels a customer takes by himself on the way to a purchase he makes anyway; they
    cause nothing by definition, and what they are credited with is base.
    ``history_days``: conversions in that many days before the assignment explain part of a customer's later ones.
    ``least_customers``: an experiment with a smaller arm shows nothing.
    ``least_reach``: customers out of the channel's reach are left out of its experiment if at most this share of the
    treated customers' contacts went to them.
    ``draws``: from the posterior, for intervals.
    """

    channels_of_own_accord: list[str] = field(default_factory=lambda: ["direct", "store"])
    history_days: int = 120
    least_customers: int = 50
    least_reach: float = 0.05
    draws: int = 4000
    interval_z: float = 1.959964
    seed: int = 20_250_102


@dataclass(frozen=True)
class BudgetParameters:
    """Response to spend and the plan that follows from it.

    ``response_days``: daily spend and credits of that many days before as_of make the curves.
    ``settling_days``: the newest days are left out, as conversions of their touches are still to come.
    ``adstock_half_life_days``: time in which the effect of a day's spend halves.
    ``least_spend_days``: a channel with fewer days of spend has no curve of its own.
    ``least_variation``: standard deviation of the spend over its mean below which no curve can be seen.
    ``half_spend_prior``: median of the half-saturation spend before the series has been seen, in present spends;
    ``half_spend_spread``: standard deviation of its logarithm.
    ``step_share``: a channel's spend changes by no more than this share of the present.
    ``least_spend_share``: a channel with a smaller part of the spend is not planned with: what it returns for each unit
    of money is huge, and says nothing of how much more money it could take.
    """

    response_days: int = 180
    settling_days: int = 14
    adstock_half_life_days: float = 3.0
    least_spend_days: int = 60
    least_variation: float = 0.1
    half_spend_prior: float = 2.0
    half_spend_spread: float = 1.0
    step_share: float = 0.3
    least_spend_share: float = 0.001
    draws: int = 2000
    interval_z: float = 1.959964
    seed: int = 20_250_103
