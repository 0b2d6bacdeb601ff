"""Numbers of the best moment an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MomentParameters:
    """What a fit of the personal best hour reads, its priors, and when a customer's own answers decide.

    ``peaks``: best hours a person can have, evenly around the clock (a multiple of 24). ``levels``: how much more or
    less than the channel's mean a customer can answer, between ``lowest_level`` and ``highest_level`` times.
    ``fit_customers``: customers read at most for what is common to all. ``passes``: steps of expectation maximisation
    at most, ended when the log-likelihood a customer gains less than ``tolerance``; in each the distribution of best
    hours takes ``prior_steps``, smoothed over ``peak_smoothing`` hours.

    ``gain``, ``width``: where the fit starts: by how much the best hour beats the worst (as a factor less one), and the
    hours it takes to fade; believed only with ``minimum_answers`` in the sample. ``peak_prior``, ``level_prior``:
    customers the start distributions of best hours and levels weigh; ``curve_prior``: answers a flat curve of a channel
    over hours or weekdays weighs. ``segment_prior``: customers all segments weigh against one segment's best hours.

    ``residual_prior``: answers the population's shape of a day weighs against a customer's own curve, smoothed by
    ``kernel_hours``: matters for a customer with hundreds of answers. ``cell_prior``: exposures the channel's curve
    weighs against one hour of one weekday in scores.moment_channel.

    ``own_evidence``: nats by which a customer's own acts must move the distribution of his best hour for basis
    ``learned``; ``segment_evidence``: the same of a segment against all, for basis ``segment``. ``minimum_share``: an
    hour with less of a channel's exposures is none the channel uses. ``highest_response``: no chance is above it.
    ``chunk_customers``: customers scored at once; ``read_customers``: read from the warehouse at once.
    """

    peaks: int = 24
    levels: int = 6
    lowest_level: float = 0.1
    highest_level: float = 5.0
    fit_customers: int = 10_000
    passes: int = 25
    tolerance: float = 1e-4
    prior_steps: int = 10
    gain: float = 1.0
    width: float = 2.5
    minimum_answers: int = 200
    peak_prior: float = 1.0
    peak_smoothing: float = 0.5
    level_prior: float = 1.0
    curve_prior: float = 200.0
    segment_prior: float = 500.0
    residual_prior: float = 200.0
    kernel_hours: float = 1.5
    cell_prior: float = 200.0
    own_evidence: float = 0.1
    segment_evidence: float = 0.02
    minimum_share: float = 0.002
    highest_response: float = 0.97
    chunk_customers: int = 5_000
    read_customers: int = 20_000

    def __post_init__(self) -> None:
        if self.peaks < 24 or self.peaks % 24:
            raise ValueError(f"peaks is {self.peaks}; give a multiple of 24, so that every hour is served alike")
        if self.levels < 1 or not 0 < self.lowest_level <= 1 <= self.highest_level:
            raise ValueError(
                f"levels {self.levels} from {self.lowest_level} to {self.highest_level}; "
                "give at least one, and limits with 1 between them"
            )
