"""Purchase models: how often customers buy, whether they still do, and what an order of theirs is worth."""

from millibar.churn.purchase.beta_binomial import OccasionFit, fit_bg_bb, predict_bg_bb
from millibar.churn.purchase.counts import PurchaseCounts
from millibar.churn.purchase.models import (
    MODELS,
    PurchaseFit,
    PurchaseModel,
    PurchasePrediction,
    fit_purchases,
    predict_counts,
    predict_purchases,
)
from millibar.churn.purchase.parameters import PurchaseParameters
from millibar.churn.purchase.value import ValueFit, expected_value, fit_value

__all__ = [
    "MODELS",
    "OccasionFit",
    "PurchaseCounts",
    "PurchaseFit",
    "PurchaseModel",
    "PurchaseParameters",
    "PurchasePrediction",
    "ValueFit",
    "expected_value",
    "fit_bg_bb",
    "fit_purchases",
    "fit_value",
    "predict_bg_bb",
    "predict_counts",
    "predict_purchases",
]
