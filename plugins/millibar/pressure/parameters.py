"""Numbers of the pressure barometer an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass, field

INTERVAL_Z = 1.959964  # standard errors on either side of a 95 % interval


@dataclass(frozen=True)
class ToleranceParameters:
    """The model of tolerance (learning/model.py): priors of its parameters, and what a fit reads.

    ``rho``: index a customer of average engagement bears, 2 is about three mails a week; used as it stands until the
    data tell. ``gamma``: how much more an engaged customer bears (+- ``gamma_prior``). ``tolerance_spread``: standard
    deviation of ln tolerance between customers of one engagement, its logarithm +- ``spread_prior``.
    ``engagement_shape``: middle of the shape of engagement. ``answer_fall``, ``annoyance_rise``: exponents above
    tolerance (+- ``exponent_prior``).

    A fit takes the ``fit_days`` before the month of as_of, the ``warm_up_days`` before them for the index they start
    with, and at most ``sample_customers`` for what is common to all. It counts an act to the last contact at most
    ``blame_days`` before; with fewer than ``minimum_annoyances``, or a log-likelihood gain under ``minimum_gain``, the
    defaults stand. ``passes``: steps of the climb at most. ``grid_points``: of ln tolerance.
    ``minimum_contacts`` of a channel to learn its weight and half-life; ``weight_prior``, ``half_life_prior``: standard
    deviations of their logarithms around the profile's.
    ``plateau_gain``: log-likelihood a purchase plateau must win over a flat curve to be believed; ``plateau_most``:
    where it can lie at most, as a share of the tolerance. ``reactive_channels`` answer what the customer does.
    ``own_share``: a customer whose own acts narrow the prior to less than this share has basis ``customer``.
    """

    rho: float = 2.0
    gamma: float = 0.5
    gamma_prior: float = 0.15
    tolerance_spread: float = 0.5
    spread_prior: float = 0.2
    engagement_shape: float = 1.5
    answer_fall: float = 0.7
    annoyance_rise: float = 1.5
    exponent_prior: float = 0.5
    fit_days: int = 180
    warm_up_days: int = 30
    sample_customers: int = 4_000
    blame_days: int = 7
    minimum_annoyances: int = 100
    minimum_gain: float = 4.0
    passes: int = 80
    grid_points: int = 25
    minimum_contacts: int = 2_000
    weight_prior: float = 0.5
    half_life_prior: float = 0.35
    own_share: float = 0.95
    plateau_gain: float = 7.0
    plateau_most: float = 0.5
    reactive_channels: list[str] = field(default_factory=lambda: ["onsite", "programmatic", "search_paid", "chat"])
