"""Matching of records: features, the Splink model, scores of pairs and the words for them."""

from millibar.identity.matching.columns import BLOCK_COLUMNS, FEATURE_COLUMNS, FEATURES_VERSION
from millibar.identity.matching.explanation import Explanation, explain, explain_pair
from millibar.identity.matching.features import Prepared, prepare, withdraw
from millibar.identity.matching.model import MatchModel, default_model
from millibar.identity.matching.plan import MatchPlan
from millibar.identity.matching.scoring import score
from millibar.identity.matching.training import train

__all__ = [
    "BLOCK_COLUMNS",
    "FEATURES_VERSION",
    "FEATURE_COLUMNS",
    "Explanation",
    "MatchModel",
    "MatchPlan",
    "Prepared",
    "default_model",
    "explain",
    "explain_pair",
    "prepare",
    "score",
    "train",
    "withdraw",
]
