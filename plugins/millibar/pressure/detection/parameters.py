"""Numbers of the detection an analyst may change (section ``detection`` of dbt_project.yml)."""

from __future__ import annotations

from dataclasses import dataclass

WEEK = 7
# Days of the windows each detector looks at; the published thresholds were simulated with these.
DETECTORS = {"short": (3, 4, 5, 7), "long": (10, 14, 21, 28)}
LONGEST = 28
# A fault and its echo may outlast one baseline; what only looks bad against them is their end.
EARLIER_BASELINES = 2


@dataclass(frozen=True)
class DetectionParameters:
    """How a daily series is held against its own past.

    Baseline of a day: the ``baseline_days`` that end ``baseline_lag_days`` before it. A series is judged once its
    baseline is ``minimum_baseline_days`` old and holds ``minimum_exposed_days`` days with exposure; one with fewer than
    ``sparse_exposed_days`` of them (a mailing a week) looks back ``sparse_baseline_days``. Past days further out than
    ``clip`` standard deviations are drawn in. ``weekday_prior``: events that a weekday's factor is shrunk by.
    ``week_deviation``: relative standard deviation of whole weeks around the baseline that is taken for granted in any
    series; what the baseline's own weeks say counts beside it, as ``week_prior`` weeks do.
    ``tolerated_change``: relative change of the rate that is no fault (0.1: up to a tenth more, or a tenth less).
    ``minimum_events``: seen or expected in a window; less is not judged. ``adverse_days``: days of it that must be
    worse than expected (all, but never fewer than two, where fewer had exposure). ``recent_days``: the days pooled into
    observed, expected and p. ``rise_z``: how far they must be out for an alarm to rise, from the baseline and from
    the two before it (the end of a good time is no fault). ``confirm_z``: how far they must stay out for it to stand.
    ``hold_days``: it stands at most so long without fresh evidence. ``incident_z``: how far out a single day must be to
    be logged as an incident.
    """

    baseline_days: int = 56
    baseline_lag_days: int = 7
    minimum_baseline_days: int = 28
    minimum_exposed_days: int = 4
    sparse_exposed_days: int = 10
    sparse_baseline_days: int = 112
    clip: float = 3.0
    weekday_prior: float = 50.0
    tolerated_change: float = 0.1
    week_deviation: float = 0.05
    week_prior: float = 8.0
    recent_days: int = 7
    rise_z: float = 2.0
    confirm_z: float = 1.0
    minimum_events: float = 5.0
    adverse_days: int = 3
    hold_days: int = 28
    incident_z: float = 4.0

    def __post_init__(self) -> None:
        if self.baseline_days < self.minimum_baseline_days or self.minimum_baseline_days < 2 * WEEK:
            raise ValueError(
                f"baseline_days is {self.baseline_days} and minimum_baseline_days {self.minimum_baseline_days}; give "
                f"a minimum of at least {2 * WEEK} days and a baseline at least as long"
            )
        for name in ("baseline_lag_days", "recent_days", "adverse_days", "hold_days"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give at least 1 day")

    @property
    def reach_days(self) -> int:
        """Days before a judged day that its evidence reads: longest window or oldest baseline, and before it."""
        earlier = self.baseline_lag_days + EARLIER_BASELINES * self.baseline_days
        return max(LONGEST, earlier) + max(self.baseline_days, self.sparse_baseline_days)

    @property
    def verdict_days(self) -> int:
        """Days up to the last one in which an alarm that stands on it may have risen, or that are told as recent."""
        return max(self.hold_days + 1, self.recent_days)

    @property
    def history_days(self) -> int:
        """Days of counts that a verdict on the last day reads; older ones change nothing in it."""
        return self.reach_days + self.hold_days
