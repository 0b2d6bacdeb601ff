"""Why a customer may leave, or stays: the families of features that moved his score most against a usual customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.churn.purchase import PurchaseFit, predict_purchases
from millibar.churn.risk.catalogue import FAMILIES, FEATURES, MODEL_COLUMNS, Family
from millibar.churn.risk.matrix import Columns, Floats, columns_of, with_derived
from millibar.churn.risk.wording import say, silence

Flags = npt.NDArray[np.bool_]
Reference = Mapping[str, float]
Sentences = npt.NDArray[np.object_]
LogOdds = Callable[[Columns], Floats]
# Rules' order of importance, for customers no model was learned from.
_BY_RULE: dict[bool, tuple[Family, ...]] = {
    True: ("complaints", "goodbyes", "frequency", "silence", "answers", "returns", "pressure", "visits", "value"),
    False: ("silence", "frequency", "answers", "visits", "value", "pressure"),
}
_LATE = 2.0  # own intervals a customer is silent for to be late


def reference_of(columns: Columns, chosen: Flags) -> dict[str, float]:
    """The usual customer of those ``chosen``: the median of each feature, nan where most have none."""
    usual: dict[str, float] = {}
    for name, values in columns.items():
        part = values[chosen]
        known = part[~np.isnan(part)]
        usual[name] = float(np.median(known)) if 2 * len(known) > len(part) and len(known) else float("nan")
    if "repeat_purchases" in usual:
        _make_history_possible(usual)
    return usual


def reasons_by_occlusion(
    columns: Columns,
    leaving: Flags,
    log_odds: LogOdds,
    usual: tuple[Reference, Reference],
    top: int,
    least: float,
    purchase: PurchaseFit | None,
    horizon_days: int,
) -> Sentences:
    """(n, top) sentences. Each family of features is set to that of the usual customer of the other kind, and what this
    does to the log odds is the family's part: of the usual staying one for who may leave, and the other way round.

    ``usual``: (leaving, staying). Only parts of at least ``least`` towards what is told count, and only where the
    words are true of the customer. Silence and frequency move the purchase model's features along, given ``purchase``.
    """
    count = len(leaving)
    strength: dict[Family, Floats] = {}
    other = {
        name: np.where(leaving, usual[1].get(name, np.nan), usual[0].get(name, np.nan)) for name in columns
    }  # fmt: skip
    now = log_odds(columns)
    for family in FAMILIES:
        if any(FEATURES[name].family == family for name in columns):
            part = now - _odds_without(family, columns, other, now, log_odds, purchase, horizon_days)
            strength[family] = np.where(leaving, -part, part)
    _join_single_purchases(strength, columns, leaving, usual[1])
    return _told(columns, leaving, {name: np.where(part >= least, part, -np.inf) for name, part in strength.items()},
                 usual, top, count)  # fmt: skip


def purchase_reasons(features: pd.DataFrame, top: int = 3, leaving: Flags | None = None) -> Sentences:
    """The same words by rule, in an order of importance, for customers no model was learned from; (n, top).

    ``leaving`` (n,): default those silent for twice their own interval, of single buyers those silent for longer than
    half of all customers. The usual customer is the median of ``features``.
    """
    columns = with_derived(columns_of(features))
    since = columns["days_since_order"]
    late = since > _LATE * np.maximum(columns.get("mean_gap_days", np.full(len(since), np.nan)), 1.0)
    single = columns.get("repeat_purchases", np.zeros(len(since))) <= 0
    told = np.where(single, since > np.nanmedian(since) if len(since) else False, late)
    told = told if leaving is None else np.asarray(leaving, dtype=bool)
    usual = reference_of(columns, np.ones(len(since), dtype=bool))
    # nobody is late who is silent no longer than the usual customer: the rules look at his own rhythm
    known = {name: value for name, value in usual.items() if name not in ("days_since_order", "repeat_purchases")}
    sides = (known | {"repeat_purchases": 0.0}, known | {"repeat_purchases": 1.0})
    strength = {family: np.full(len(since), -np.inf) for family in FAMILIES}
    for side, order in _BY_RULE.items():
        for rank, family in enumerate(order):
            strength[family] = np.where(told == side, float(len(order) - rank), strength[family])
    if "repeat_purchases" in columns:
        strength["silence"] = np.where(told & single, -np.inf, strength["silence"])
    return _told(columns, told, strength, sides, top, len(since))


def _odds_without(
    family: Family,
    columns: Columns,
    other: Columns,
    now: Floats,
    log_odds: LogOdds,
    purchase: PurchaseFit | None,
    horizon_days: int,
) -> Floats:
    """Log odds with ``family`` as the usual customer has it; only those it changes are predicted again."""
    moved = _occluded(columns, other, family)
    changed = np.zeros(len(now), dtype=bool)
    for name, values in moved.items():
        if values is not columns[name]:
            changed |= (values != columns[name]) & ~(np.isnan(values) & np.isnan(columns[name]))
    if purchase is None and family == "silence":
        changed[:] = True  # the purchase model's columns move as well
    moved, usual = ({name: values[changed] for name, values in each.items()} for each in (moved, other))
    odds = now.copy()
    odds[changed] = log_odds(with_derived(_with_model(moved, purchase, horizon_days, usual, family)))
    return odds


def _occluded(columns: Columns, other: Columns, family: Family) -> Columns:
    """``columns`` with those of ``family`` as the usual customer has them; age stays recency plus silence."""
    moved = dict(columns)
    for name in columns:
        if FEATURES[name].family == family and name not in MODEL_COLUMNS and name != "age_days":
            moved[name] = other[name]
    if "age_days" in columns and {"recency_days", "days_since_order"} <= columns.keys():
        moved["age_days"] = moved["recency_days"] + moved["days_since_order"]
    return moved


def _with_model(
    moved: Columns, purchase: PurchaseFit | None, horizon_days: int, other: Columns, family: Family
) -> Columns:
    """The purchase model's columns of the moved history; without the model they count as silence."""
    if family not in ("silence", "frequency") or not any(name in moved for name in MODEL_COLUMNS):
        return moved
    if purchase is None:
        return moved | {name: other[name] for name in MODEL_COLUMNS if name in moved and family == "silence"}
    repeats = np.nan_to_num(np.round(moved["repeat_purchases"]))
    recency = np.where(repeats > 0, np.nan_to_num(moved["recency_days"]), 0.0)
    seen = predict_purchases(
        purchase, repeats, recency, recency + np.nan_to_num(moved["days_since_order"]), horizon_days
    )
    made = dict(zip(MODEL_COLUMNS, (seen.p_active, seen.p_alive, seen.expected_orders), strict=True))
    return moved | {name: values for name, values in made.items() if name in moved}


def _join_single_purchases(
    strength: dict[Family, Floats], columns: Columns, leaving: Flags, staying: Reference
) -> None:
    """ "Bought once only, 87 days ago" says both: who never came back is silent since his first order."""
    if "frequency" not in strength or "silence" not in strength or not staying.get("repeat_purchases", 0.0) > 0:
        return
    single = leaving & (columns["repeat_purchases"] <= 0)
    strength["frequency"] = strength["frequency"] + np.where(single, np.maximum(strength["silence"], 0.0), 0.0)
    strength["silence"] = np.where(single, -np.inf, strength["silence"])


def _told(
    columns: Columns,
    leaving: Flags,
    strength: Mapping[Family, Floats],
    usual: tuple[Reference, Reference],
    top: int,
    count: int,
) -> Sentences:
    told = np.full((count, top), None, dtype=object)
    families = list(strength)
    parts = np.column_stack([strength[family] for family in families]) if families else np.empty((count, 0))
    order = np.argsort(-parts, axis=1, kind="stable")
    sides = [defaultdict(lambda: float("nan"), side) for side in usual]
    names = list(columns)
    table = np.column_stack([columns[name] for name in names]) if names else np.empty((count, 0))
    places = {name: place for place, name in enumerate(names)}
    for place, (flows, ranked, away) in enumerate(zip(parts.tolist(), order.tolist(), leaving.tolist(), strict=True)):
        row = _Row(places, table[place])
        found = 0
        for position in ranked:
            if found == top or flows[position] == -np.inf:
                break
            words = say(families[position], away, row, sides[int(away)])
            if words is not None:
                told[place, found] = words
                found += 1
        if not found and top:
            told[place, 0] = silence(row)
    return told


class _Row:
    """A customer's features by name; one that was not given is nan."""

    def __init__(self, places: dict[str, int], values: Floats) -> None:
        self._places, self._values = places, values

    def __getitem__(self, name: str) -> float:
        place = self._places.get(name)
        return float("nan") if place is None else float(self._values[place])


def _make_history_possible(usual: dict[str, float]) -> None:
    """Medians of counts and times, made those of one history: whole repeats, an interval that is recency by repeats."""
    repeats = round(usual["repeat_purchases"]) if usual["repeat_purchases"] == usual["repeat_purchases"] else 0
    usual["repeat_purchases"] = float(repeats)
    if "recency_days" in usual:
        usual["recency_days"] = usual["recency_days"] if repeats and usual["recency_days"] > 0 else 0.0
        if "mean_gap_days" in usual:
            usual["mean_gap_days"] = usual["recency_days"] / repeats if repeats else float("nan")
