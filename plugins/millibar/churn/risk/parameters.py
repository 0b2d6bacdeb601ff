"""Numbers of the churn risk an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RiskParameters:
    """``minimum_customers``, ``minimum_cases``: customers, and active and inactive ones each, a logistic model needs.

    ``boosting_customers``, ``boosting_cases``: the same for gradient boosting beside it. ``training_customers``: at
    most so many learn, chosen by a hash of their id. ``training_cuts``, ``training_step_days``: earlier cuts a file of
    orders is learned from, the newest one horizon before the cut; the oldest leaves ``history_share`` of a horizon
    before it.

    ``rounds``, ``learning_rate``, ``leaves``, ``leaf_customers``, ``leaf_penalty``: the boosting; ``boosting_weight``:
    of its log odds against the logistic model's. ``folds``: parts of the customers, each predicted by a model that has
    not seen them, for the calibration.
    ``coefficient_spread``: prior standard deviation of a standardised coefficient of the logistic model.

    ``reason_least``: log odds a family of features must move the score to be named.

    ``lost_alive``, ``lost_active``: below both a customer is lost. ``medium_above``, ``high_above``: expected loss, in
    mean order values of the population, from which the band is medium, high.

    ``moved_from``, ``drifted_from``: stability index. ``noise_quantile``: an index below this quantile of what equal
    populations of that size show is stable. ``calibration_least``: calibration error as a part of the
    predicted share of the rarer kind, and ``calibration_p``: chance of such an error, at which calibration has drifted.
    """

    minimum_customers: int = 200
    minimum_cases: int = 30
    boosting_customers: int = 2_000
    boosting_cases: int = 200
    training_customers: int = 30_000
    training_cuts: int = 7
    training_step_days: int = 15
    history_share: float = 0.5
    level_cuts: int = 3
    rounds: int = 120
    learning_rate: float = 0.05
    leaves: int = 8
    leaf_customers: int = 200
    leaf_penalty: float = 5.0
    boosting_weight: float = 0.5
    folds: int = 3
    coefficient_spread: float = 0.1
    reason_least: float = 0.05
    lost_alive: float = 0.25
    lost_active: float = 0.15
    medium_above: float = 0.25
    high_above: float = 1.0
    moved_from: float = 0.1
    drifted_from: float = 0.25
    noise_quantile: float = 0.999
    calibration_least: float = 0.2
    calibration_p: float = 0.001
    seed: int = 11
