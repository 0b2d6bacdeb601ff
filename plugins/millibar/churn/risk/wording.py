"""Reasons in plain words: for every family of features what may be said, and when it is true of the customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from millibar.churn.risk.catalogue import Family

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Row(Protocol):
    """A customer's own numbers by feature; nan where unknown or not given."""

    def __getitem__(self, name: str, /) -> float: ...


Usual = Row  # the usual customer of the other kind
Words = Callable[[Row, Usual], str | None]
NOTHING = "no single feature stands out"
_LEAST_SHARE = 0.005  # less is "0 %" in words
_TIMES = {1: "once", 2: "twice"}


def say(family: Family, leaving: bool, row: Row, usual: Usual) -> str | None:
    """What ``family`` says of a customer, as a reason to leave or to stay; None where it would not be one.

    ``usual``: the usual customer who stays where ``leaving``, else the usual one who leaves. A sentence is made only
    where the customer lies on the telling side of him, so that "answered 20 of 22 messages" is never why he may leave.
    """
    return (_LEAVING if leaving else _STAYING)[family](row, usual)


def silence(row: Row) -> str:
    """How long ago the last order was, whatever that means."""
    days = row["days_since_order"]
    return NOTHING if np.isnan(days) else f"last order {_ago(days)}"


def _silent(row: Row, usual: Usual) -> str | None:
    days, gap = row["days_since_order"], row["mean_gap_days"]
    if not days > max(_or(usual["days_since_order"], 0.0), 0.0):
        return None
    told = f"no order for {_days(days)}"
    return f"{told}, usually every {_every(gap)}" if days > gap else told


def _recent(row: Row, usual: Usual) -> str | None:
    days, gap = row["days_since_order"], row["mean_gap_days"]
    if not days < _or(usual["days_since_order"], np.inf):
        return None
    told = f"last order {_ago(days)}"
    return f"{told}, usually every {_every(gap, ' days')}" if days <= gap else told


def _seldom(row: Row, usual: Usual) -> str | None:
    repeats, days = row["repeat_purchases"], row["days_since_order"]
    if not repeats < _or(usual["repeat_purchases"], np.inf):
        return None
    if repeats > 0:
        return f"bought on {repeats + 1:.0f} days only, usual for those who stay: {usual['repeat_purchases'] + 1:.0f}"
    told = "bought on one day only" if row["orders"] > 1 else "bought once only"
    return told if np.isnan(days) else f"{told}, {_ago(days)}"


def _often(row: Row, usual: Usual) -> str | None:
    repeats, gap = row["repeat_purchases"], row["mean_gap_days"]
    if not repeats > max(_or(usual["repeat_purchases"], 0.0), 0.0):
        return None
    told = f"bought on {repeats + 1:.0f} days"
    return told if np.isnan(gap) else f"{told}, one every {_every(gap)}"


def _spent(less: bool) -> Words:
    def words(row: Row, usual: Usual) -> str | None:
        own, other = row["revenue"], usual["revenue"]
        if not (own < other if less else own > other):
            return None
        return f"spent {own:,.2f} in all, usual for those who {'stay' if less else 'leave'}: {other:,.2f}"

    return words


def _returned(row: Row, usual: Usual) -> str | None:
    share = row["returned_share"]
    if not share >= _LEAST_SHARE or not share > _or(usual["returned_share"], 0.0):
        return None
    return f"returned {_percent(share)} of what was bought"


def _kept(row: Row, usual: Usual) -> str | None:
    return "returned nothing" if row["returned_share"] == 0 and usual["returned_share"] > 0 else None


def _unanswered(row: Row, usual: Usual) -> str | None:
    contacts, answers, since = row["contacts_90d"], row["responses_90d"], row["days_since_response"]
    if contacts > 0 and answers == 0 and _or(usual["responses_90d"], 0.0) > 0:
        return f"answered 0 of {_count(contacts, 'message')} in 90 days"
    if contacts > 0 and answers > 0 and answers / contacts < _rate(usual):
        return _answers_to(answers, contacts)
    if since > _or(usual["days_since_response"], np.inf):
        return f"no answer for {_days(since)}"
    if np.isnan(since) and row["human_responses"] == 0 and row["contacts"] > 0:
        return f"never answered, {_count(row['contacts'], 'message')} so far"
    return None


def _answering(row: Row, usual: Usual) -> str | None:
    contacts, answers, since = row["contacts_90d"], row["responses_90d"], row["days_since_response"]
    if answers > 0 and contacts > 0 and (np.isnan(_rate(usual)) or answers / contacts > _rate(usual)):
        return _answers_to(answers, contacts)
    if answers > 0 and not contacts > 0:
        return f"{_count(answers, 'answer')} in 90 days"
    if since < _or(usual["days_since_response"], np.inf):
        return f"last answer {_ago(since)}"
    return None


def _unseen(row: Row, usual: Usual) -> str | None:
    visits, since = row["visits_90d"], row["days_since_visit"]
    if visits > 0 and visits < usual["visits_90d"]:
        return f"only {_count(visits, 'visit')} in 90 days"
    if since > _or(usual["days_since_visit"], np.inf):
        return f"no visit for {_days(since)}"
    if visits == 0 and np.isnan(since) and usual["visits_90d"] > 0:
        return "no visit seen so far"
    return None


def _visiting(row: Row, usual: Usual) -> str | None:
    visits, since = row["visits_90d"], row["days_since_visit"]
    if visits > _or(usual["visits_90d"], 0.0):
        return f"{_count(visits, 'visit')} in 90 days"
    if since < _or(usual["days_since_visit"], np.inf):
        return f"last visit {_ago(since)}"
    return None


def _pressed(row: Row, usual: Usual) -> str | None:
    index, other = row["pressure_index"], _or(usual["pressure_index"], 0.0)
    if not index > other or f"{index:.1f}" == f"{other:.1f}":
        return None
    word = "heavy pressure" if index >= 2 * other else "more pressure than usual"
    return f"under {word}: index {index:.1f}, usual {other:.1f}"


def _at_ease(row: Row, usual: Usual) -> str | None:
    index, other = row["pressure_index"], usual["pressure_index"]
    if not index < other or f"{index:.1f}" == f"{other:.1f}":
        return None
    return f"under little pressure: index {index:.1f}, usual for those who leave {other:.1f}"


def _did(act: str, columns: tuple[str, str]) -> Words:
    def words(row: Row, usual: Usual) -> str | None:
        year, ever = row[columns[0]], row[columns[1]]
        if year > _or(usual[columns[0]], 0.0):
            return f"{act} {_times(year)} in the last year"
        return f"{act} {_times(ever)}" if ever > _or(usual[columns[1]], 0.0) else None

    return words


def _never_did(act: str, column: str) -> Words:
    return lambda row, usual: f"never {act}" if row[column] == 0 and usual[column] > 0 else None


def _shops(row: Row, usual: Usual) -> str | None:
    share = row["store_share"]
    if np.isnan(share) or abs(share - _or(usual["store_share"], 0.5)) < _LEAST_SHARE:
        return None
    return f"{_percent(share)} bought in shops" if share >= _LEAST_SHARE else "nothing bought in shops"


_LEAVING: dict[Family, Words] = {
    "silence": _silent,
    "frequency": _seldom,
    "value": _spent(less=True),
    "returns": _returned,
    "answers": _unanswered,
    "visits": _unseen,
    "pressure": _pressed,
    "goodbyes": _did("unsubscribed", ("unsubscribes_365d", "unsubscribes")),
    "complaints": _did("complained", ("complaints_365d", "complaints")),
    "store": _shops,
}
_STAYING: dict[Family, Words] = {
    "silence": _recent,
    "frequency": _often,
    "value": _spent(less=False),
    "returns": _kept,
    "answers": _answering,
    "visits": _visiting,
    "pressure": _at_ease,
    "goodbyes": _never_did("unsubscribed", "unsubscribes"),
    "complaints": _never_did("complained", "complaints"),
    "store": _shops,
}


def _or(value: float, otherwise: float) -> float:
    return otherwise if np.isnan(value) else value


def _rate(usual: Usual) -> float:
    contacts = usual["contacts_90d"]
    return usual["responses_90d"] / contacts if contacts > 0 else float("nan")


def _answers_to(answers: float, contacts: float) -> str:
    return f"{_count(answers, 'answer')} to {_count(contacts, 'message')} in 90 days"


def _count(number: float, noun: str) -> str:
    return f"{number:.0f} {noun}" + ("" if round(number) == 1 else "s")


def _days(number: float) -> str:
    return _count(number, "day")


def _every(gap: float, unit: str = "") -> str:
    return "day" if round(gap) <= 1 else f"{gap:.0f}{unit}"


def _ago(days: float) -> str:
    return {0: "today", 1: "yesterday"}.get(round(days), f"{days:.0f} days ago")


def _times(number: float) -> str:
    return _TIMES.get(round(number), f"{number:.0f} times")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
