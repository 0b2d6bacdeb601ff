"""The best moment to speak to each customer on each channel, learned from when he answered and when he came."""

from millibar.moments.allowed import allowed_by_channel, allowed_hours
from millibar.moments.choose import Moments, channel_rows, fit_moments, moments_of
from millibar.moments.evidence import read_evidence
from millibar.moments.learning import learn_population, with_totals
from millibar.moments.parameters import MomentParameters

__all__ = [
    "MomentParameters",
    "Moments",
    "allowed_by_channel",
    "allowed_hours",
    "channel_rows",
    "fit_moments",
    "learn_population",
    "moments_of",
    "read_evidence",
    "with_totals",
]
