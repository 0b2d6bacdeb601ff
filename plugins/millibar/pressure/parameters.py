"""Numbers of the pressure barometer an analyst may change."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ToleranceParameters:
    """``tolerance_i = rho * m_i ** gamma``.

    ``rho``: pressure index a customer of average engagement bears, used until the data tell (see hazard.py).
    ``gamma``: how much more an engaged customer bears. ``tolerance_spread``: standard deviation of the log of
    tolerance between customers. The fit takes the ``fit_days`` before the month of as_of; it counts an unsubscribe
    or complaint to the last contact at most ``blame_days`` before, wants ``minimum_annoyances`` of them and a
    log-likelihood gain of ``minimum_gain``.
    ``prior_minimum`` / ``prior_maximum``: bounds of the shrinkage a of ``m_i = (responses + a) / (expected + a)``.
    ``minimum_expected``: with fewer expected responses the customer's own figures say little: basis ``population``.
    """

    rho: float = 6.0
    gamma: float = 0.5
    prior_minimum: float = 0.2
    prior_maximum: float = 50.0
    minimum_expected: float = 1.0
    tolerance_spread: float = 0.5
    fit_days: int = 180
    blame_days: int = 7
    minimum_annoyances: int = 100
    minimum_gain: float = 4.0


@dataclass(frozen=True)
class SignalParameters:
    """The clipped CUSUM of a daily series and what follows from an alarm.

    Baseline of a day: the ``baseline_days`` that end ``baseline_lag_days`` before it. The sum starts at 0
    ``watch_days`` before the last day, so a signal is a function of the last days' counts, never of a stored state.
    A series is judged once its baseline is ``minimum_baseline_days`` old. ``variance_floor`` (events squared) keeps one
    event in a quiet series from looking like a landslide.
    ``minimum_events``: seen or expected in the ``recent_days``; a quieter series is not judged.
    ``return_delay_days``: usual days between an order and its return. ``report_delay_days``: returns are delivered by
    the week and later; the days since then are not judged.
    ``incident_z``: how far out a single day must be to be logged as an incident. ``confirm_z``: how far the
    ``recent_days`` together must still be out, so that an alert ends when what raised it has passed.
    """

    baseline_days: int = 56
    baseline_lag_days: int = 7
    minimum_baseline_days: int = 28
    watch_days: int = 42
    clip: float = 3.0
    drift: float = 0.5
    threshold: float = 9.0
    incident_z: float = 4.0
    confirm_z: float = 1.0
    recent_days: int = 7
    adverse_days: int = 4
    weekday_prior: float = 50.0
    variance_floor: float = 1.0
    minimum_events: float = 5.0
    return_delay_days: int = 14
    report_delay_days: int = 10
    # What one lost or unwanted event is worth, in the reporting currency: severity compares signs with each other.
    value_at_risk: dict[str, float] = field(
        default_factory=lambda: {
            "click_rate_falls": 0.5,
            "unsubscribes_rise": 10.0,
            "spam_complaints_rise": 25.0,
            "complaint_wave": 30.0,
            "sales_fall": 60.0,
            "returns_vary": 40.0,
        }
    )

    @property
    def history_days(self) -> int:
        """Days of counts a signal is computed from."""
        delays = self.return_delay_days + self.report_delay_days
        return self.baseline_days + self.baseline_lag_days + self.watch_days + delays
