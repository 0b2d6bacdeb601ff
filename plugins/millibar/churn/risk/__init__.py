"""Churn risk: who orders again soon, learned from earlier cuts, with reasons, bands, quality and drift."""

from millibar.churn.risk.bands import risk_bands
from millibar.churn.risk.drift import CalibrationDrift, calibration_drift, input_drift
from millibar.churn.risk.model import NotLearnableError, RiskModel, fit_risk
from millibar.churn.risk.order_features import later_days, order_features
from millibar.churn.risk.parameters import RiskParameters
from millibar.churn.risk.quality import Ranking, RiskQuality, judge
from millibar.churn.risk.reasons import purchase_reasons
from millibar.churn.risk.signals import drift_signals
from millibar.churn.risk.training import CustomerRisk, predicted, score_features, score_orders

__all__ = [
    "CalibrationDrift",
    "CustomerRisk",
    "NotLearnableError",
    "Ranking",
    "RiskModel",
    "RiskParameters",
    "RiskQuality",
    "calibration_drift",
    "drift_signals",
    "fit_risk",
    "input_drift",
    "judge",
    "later_days",
    "order_features",
    "predicted",
    "purchase_reasons",
    "risk_bands",
    "score_features",
    "score_orders",
]
