"""Churn: who is still a customer, and the hours a channel is answered at."""

from millibar.churn.moments import channel_moments
from millibar.churn.parameters import ChurnParameters, MomentParameters
from millibar.churn.rhythm import Purchases, Rhythm, fit_rhythm, score_rhythm
from millibar.churn.scores import holdout_quality, purchases_of, score_customers

__all__ = [
    "ChurnParameters",
    "MomentParameters",
    "Purchases",
    "Rhythm",
    "channel_moments",
    "fit_rhythm",
    "holdout_quality",
    "purchases_of",
    "score_customers",
    "score_rhythm",
]
