"""Contractual customers: the chance that a running subscription is renewed at its next end."""

from millibar.churn.contract.parameters import ContractParameters
from millibar.churn.contract.renewal import (
    ContractFit,
    ContractPrediction,
    ContractTerms,
    expected_survival,
    fit_contracts,
    predict_contracts,
    survival,
)

__all__ = [
    "ContractFit",
    "ContractParameters",
    "ContractPrediction",
    "ContractTerms",
    "expected_survival",
    "fit_contracts",
    "predict_contracts",
    "survival",
]
