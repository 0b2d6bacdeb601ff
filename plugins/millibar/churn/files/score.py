"""Churn of one file of orders: fit, score every customer as of a day, and measure it on a period that is over."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.churn.agreement import agreed, net_worth
from millibar.churn.files.order_files import OrderDays, OrderForm, read_orders
from millibar.churn.parameters import ChurnParameters
from millibar.churn.purchase import (
    PurchaseCounts,
    PurchaseFit,
    PurchaseModel,
    ValueFit,
    fit_purchases,
    predict_purchases,
)
from millibar.churn.risk.order_features import as_date, day_number, later_days
from millibar.churn.risk.parameters import RiskParameters
from millibar.churn.risk.quality import RiskQuality, judge
from millibar.churn.risk.training import CustomerRisk, score_orders
from millibar.sources.blocks import FileError

Floats = npt.NDArray[np.float64]
RHYTHMS: tuple[PurchaseModel, ...] = ("mbg_nbd", "pareto_nbd")
COMPARED_HISTORIES = 20_000  # the rhythms are compared on so many distinct histories
SCORE_COLUMNS = (
    "customer_id", "p_active", "p_alive", "expected_orders", "expected_value", "band", "reasons", "basis",
)  # fmt: skip
TOLD_REASONS = 3


@dataclass(frozen=True)
class Holdout:
    """How right the scores were in (cut, cut + horizon]: of the risk, and of the purchase model alone."""

    cut: date
    risk: RiskQuality
    purchase_model: RiskQuality


@dataclass(frozen=True)
class Churn:
    """What a file gave. ``scores``: ``SCORE_COLUMNS``, a row a customer who bought by ``cut``, by id. ``holdout``: None
    where no period of the file is over; ``rhythms``: log likelihood of each purchase model on the same histories."""

    scores: pd.DataFrame
    cut: date
    horizon_days: int
    rhythm: PurchaseFit
    rhythms: dict[str, float]
    value: ValueFit
    basis: str
    risk: dict[str, Any]
    holdout: Holdout | None
    inputs: dict[str, Any]
    warnings: list[str]
    seconds: dict[str, float] = field(default_factory=dict)


def score_file(path: Path, form: OrderForm | None = None, cut: date | None = None, horizon_days: int = 91) -> Churn:
    """Scores as of the end of ``cut``, the file's last day without one; nothing after it is used for them.

    The holdout is the ``horizon_days`` after ``cut`` where the file holds them, else the last ones before ``cut``, with
    scores made as of the day before they begin. Raises :class:`FileError` where the file cannot be read, and where
    nobody had bought by the cut.
    """
    began = time.perf_counter()
    orders = read_orders(path, form)
    was_read = time.perf_counter()
    notes = list(orders.warnings)
    last = int(orders.days["day"].max())
    end = last if cut is None else day_number(cut)
    _refuse_no_customer(path, orders, end)
    if end > last:
        notes.append(
            f"the file ends on {as_date(last)}: the {end - last:,} days to the cut are taken as without orders"
        )
    risk = score_orders(orders.days, end, horizon_days)
    held = end if end + horizon_days <= last else end - horizon_days
    holdout = _holdout(orders.days, held, horizon_days, risk if held == end else None)
    if holdout is None:
        notes.append(
            f"no {horizon_days} days after a first order are over by {as_date(max(end, last))}: nothing is measured"
        )
    scores, rhythm, rhythms, value = _scores(risk, horizon_days)
    notes += _model_notes(risk, rhythm, value)
    return Churn(
        scores, as_date(end), horizon_days, rhythm, rhythms, value, risk.basis, risk.told, holdout,
        orders.inputs | {"scored": len(scores)}, notes,
        {"reading": was_read - began, "scoring": time.perf_counter() - was_read},
    )  # fmt: skip


def _refuse_no_customer(path: Path, orders: OrderDays, end: int) -> None:
    bought = orders.days.loc[orders.days["orders"] > 0, "day"]
    if bought.empty:
        raise FileError(f"{path}: returns only; there is no order to score a customer by")
    first = int(bought.min())
    if first > end:
        raise FileError(
            f"{path}: nobody had bought by --cut {as_date(end)}, the first order is of {as_date(first)}; "
            "name a later day"
        )


def _holdout(days: pd.DataFrame, held: int, horizon_days: int, risk: CustomerRisk | None) -> Holdout | None:
    bought = days.loc[days["orders"] > 0, "day"]
    if not (bought <= held).any():
        return None
    risk = risk or score_orders(days, held, horizon_days)
    customers = risk.features
    active = later_days(days, held, horizon_days, customers["customer_id"]) > 0
    silent = customers["days_since_order"].to_numpy(dtype=np.float64)
    alone = customers["model_p_active"].to_numpy(dtype=np.float64)
    return Holdout(as_date(held), judge(risk.p_active, active, silent), judge(alone, active, silent))


def _scores(risk: CustomerRisk, horizon_days: int) -> tuple[pd.DataFrame, PurchaseFit, dict[str, float], ValueFit]:
    features = risk.features
    x, t_x, age = (
        features[name].to_numpy(dtype=np.float64) for name in ("repeat_purchases", "recency_days", "age_days")
    )
    rhythm, rhythms = best_rhythm(PurchaseCounts.of(x, t_x, age)[0])
    soon = predict_purchases(rhythm, x, t_x, age, horizon_days)
    year = predict_purchases(rhythm, x, t_x, age, ChurnParameters().stake_days)
    value, worth = net_worth(features)
    parameters = RiskParameters()
    table = agreed(soon.p_alive, risk.p_active, soon, year, worth, parameters)
    sentences = risk.reasons(TOLD_REASONS)
    scores = table.rename(columns={"risk_band": "band"}).assign(
        customer_id=features["customer_id"].to_numpy(),
        reasons=["; ".join(text for text in told if text) for told in sentences],
        basis=risk.basis,
    )
    return scores[list(SCORE_COLUMNS)], rhythm, rhythms, value


def best_rhythm(counts: PurchaseCounts) -> tuple[PurchaseFit, dict[str, float]]:
    """(fit of the likelier of ``RHYTHMS``, log likelihood of each on the same histories).

    Both have four parameters, so the likelihoods may be compared as they are. BG/NBD is no candidate: it takes whoever
    bought once for alive. Where there is too little to fit on, the first stands with its prior.
    """
    some = counts.sample(COMPARED_HISTORIES)
    fits = [fit_purchases(model, some) for model in RHYTHMS]
    likelihoods: dict[str, float] = {fit.model: fit.log_likelihood for fit in fits if fit.fitted}
    best = max(fits, key=lambda fit: fit.log_likelihood) if likelihoods else fits[0]
    return (best if some is counts else fit_purchases(best.model, counts)), likelihoods


def _model_notes(risk: CustomerRisk, rhythm: PurchaseFit, value: ValueFit) -> list[str]:
    notes = []
    if not rhythm.fitted:
        notes.append(
            f"{rhythm.customers:,.0f} customers, {rhythm.repeaters:,.0f} of whom came back, are too few to fit "
            "a rhythm: the published one of a typical shop stands in"
        )
    if not value.fitted:
        notes.append("too few customers, or no difference between orders: no model of value, means as they are")
    if risk.model is None:
        notes.append(f"p_active is the purchase model's: {risk.told.get('why', 'nothing could be learned')}")
    return notes
