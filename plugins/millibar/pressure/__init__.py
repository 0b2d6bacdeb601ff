"""Pressure: what each customer tolerates, and the signs that a channel is wearing out its audience."""

from millibar.pressure.hazard import contact_days, fit_tolerance
from millibar.pressure.parameters import SignalParameters, ToleranceParameters
from millibar.pressure.signals import find_signals
from millibar.pressure.tolerance import engagement_multipliers, tolerances

__all__ = [
    "SignalParameters",
    "ToleranceParameters",
    "contact_days",
    "engagement_multipliers",
    "find_signals",
    "fit_tolerance",
    "tolerances",
]
