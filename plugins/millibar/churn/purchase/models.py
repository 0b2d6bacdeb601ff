"""The three purchase models behind one pair of functions: fit on counted histories, predict for every customer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from millibar.churn.purchase import beta_geometric, pareto
from millibar.churn.purchase.counts import Floats, PurchaseCounts
from millibar.churn.purchase.maximum import Likelihood, maximise
from millibar.churn.purchase.parameters import PurchaseParameters

PurchaseModel = Literal["mbg_nbd", "bg_nbd", "pareto_nbd"]
MODELS: tuple[PurchaseModel, ...] = get_args(PurchaseModel)


@dataclass(frozen=True)
class _Form:
    """What a model is made of. ``prior``: its published fit on CDNOW, in weeks; ``timed``: parameters that are
    times."""

    names: tuple[str, str, str, str]
    timed: tuple[str, ...]
    prior: tuple[float, float, float, float]
    starts: tuple[tuple[float, float, float, float], ...]  # times as shares of the mean age
    likelihood: Callable[[PurchaseCounts], Likelihood]
    p_alive: Callable[[Floats, PurchaseCounts], Floats]
    p_order: Callable[[Floats, PurchaseCounts, float], Floats]
    expected_orders: Callable[[Floats, PurchaseCounts, float], Floats]


def _beta_geometric(leaves_at_first: bool, prior: tuple[float, float, float, float]) -> _Form:
    return _Form(
        ("r", "alpha", "a", "b"),
        ("alpha",),
        prior,
        ((0.5, 0.2, 0.8, 2.0), (2.0, 1.0, 0.3, 0.5)),
        partial(beta_geometric.likelihood, leaves_at_first=leaves_at_first),
        partial(beta_geometric.p_alive, leaves_at_first=leaves_at_first),
        beta_geometric.p_order,
        partial(beta_geometric.expected_orders, leaves_at_first=leaves_at_first),
    )


FORMS: dict[str, _Form] = {
    "mbg_nbd": _beta_geometric(True, (0.525, 6.183, 0.891, 1.614)),
    "bg_nbd": _beta_geometric(False, (0.243, 4.414, 0.793, 2.426)),
    "pareto_nbd": _Form(
        ("r", "alpha", "s", "beta"),
        ("alpha", "beta"),
        (0.553, 10.578, 0.606, 11.669),
        ((0.5, 0.3, 0.5, 0.5), (2.0, 1.0, 1.0, 3.0)),
        pareto.likelihood,
        pareto.p_alive,
        pareto.p_order,
        pareto.expected_orders,
    ),
}


@dataclass(frozen=True)
class PurchaseFit:
    """A fitted model. ``values``, ``low``, ``high``: by name of parameter, the limits those of 95 % intervals, nan
    where the data do not settle it; ``fitted``: False where the prior stands in; ``repeaters``: customers who came
    back."""

    model: PurchaseModel
    values: dict[str, float]
    low: dict[str, float]
    high: dict[str, float]
    log_likelihood: float
    customers: float
    repeaters: float
    fitted: bool


@dataclass(frozen=True)
class PurchasePrediction:
    """Arrays of shape (customers,): the chance of still being a customer, the orders to expect within the horizon,
    and the chance of at least one."""

    p_alive: Floats
    expected_orders: Floats
    p_active: Floats


def fit_purchases(
    model: PurchaseModel, counts: PurchaseCounts, parameters: PurchaseParameters | None = None
) -> PurchaseFit:
    """Maximum likelihood over all customers of ``counts``; the prior of ``parameters`` where they are too few.

    Raises ``ValueError`` on an unknown model.
    """
    parameters = parameters or PurchaseParameters()
    form = _form(model)
    if counts.customers < parameters.minimum_customers or counts.repeaters < max(parameters.minimum_repeaters, 1):
        return _prior(model, form, counts, parameters)
    scale = float(counts.weight @ counts.age) / counts.customers
    starts = [
        [part * (scale if name in form.timed else 1.0) for name, part in zip(form.names, start, strict=True)]
        for start in form.starts
    ]
    first_pass = counts.sample(parameters.first_pass_rows)
    found = maximise(
        form.likelihood(counts), starts, counts.customers, None if first_pass is counts else form.likelihood(first_pass)
    )
    values, low, high = (
        {name: float(number) for name, number in zip(form.names, numbers, strict=True)}
        for numbers in (found.values, found.low, found.high)
    )
    return PurchaseFit(model, values, low, high, found.log_likelihood, counts.customers, counts.repeaters, True)


def predict_purchases(
    fit: PurchaseFit, repeats: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike, horizon: float
) -> PurchasePrediction:
    """What each customer will do after ``age``, within ``horizon`` (0 or more, in the unit of the times); distinct
    histories are computed once.

    Raises ``ValueError`` on histories that cannot be (see :meth:`PurchaseCounts.of`) and on a horizon below 0.
    """
    counts, places = PurchaseCounts.of(repeats, recency, age)
    distinct = predict_counts(fit, counts, horizon)
    return PurchasePrediction(
        distinct.p_alive[places], distinct.expected_orders[places], distinct.p_active[places]
    )  # fmt: skip


def predict_counts(fit: PurchaseFit, counts: PurchaseCounts, horizon: float) -> PurchasePrediction:
    """As :func:`predict_purchases`, a row a distinct history."""
    if not horizon >= 0:
        raise ValueError(f"a horizon of {horizon}; it must be 0 or more")
    form = _form(fit.model)
    values = np.array([fit.values[name] for name in form.names])
    alive = form.p_alive(values, counts)
    orders = alive * form.expected_orders(values, counts, horizon)
    # rounding may put the chance of one order a hair above the mean number of orders
    return PurchasePrediction(alive, orders, np.minimum(alive * form.p_order(values, counts, horizon), orders))


def _form(model: str) -> _Form:
    if model not in FORMS:
        raise ValueError(f"no purchase model {model!r}; there are {', '.join(FORMS)}")
    return FORMS[model]


def _prior(model: PurchaseModel, form: _Form, counts: PurchaseCounts, parameters: PurchaseParameters) -> PurchaseFit:
    weeks = 7.0 / parameters.unit_days
    values = {
        name: number * (weeks if name in form.timed else 1.0)
        for name, number in zip(form.names, form.prior, strict=True)
    }
    unknown = dict.fromkeys(form.names, float("nan"))
    value = form.likelihood(counts)(np.array(list(values.values())))[0] if len(counts) else 0.0
    return PurchaseFit(model, values, unknown, dict(unknown), value, counts.customers, counts.repeaters, False)
