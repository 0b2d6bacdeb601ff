"""Conflict guards: what two records hold that one person cannot (other card, other birth date, other first name)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.components import Codes
from millibar.identity.names import root_name

Flags = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

# A guard's bit and what a refusal says.
BITS = {"loyalty_id": 1, "birth_date": 2, "given_name": 4}
REASONS = {
    "loyalty_id": "different loyalty ids",
    "birth_date": "birth dates far apart",
    "given_name": "another first name",
}
LONG_NAME = 8
SURE_PAIR = 0.999
LEAST_SURE_PAIRS = 200


@dataclass(frozen=True)
class Guards:
    """Which guards hold: ``on``, ``off``, or ``auto`` (on, unless sure pairs of these data break it too often)."""

    modes: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(BITS, "auto"))
    # A field in which more than this share of the sure pairs disagree says nothing about who is who.
    unreliable_share: float = 0.01

    def __post_init__(self) -> None:
        for name, mode in self.modes.items():
            if name not in BITS or mode not in ("on", "off", "auto"):
                raise ValueError(f"guard {name}: {mode} is unknown; guards are {', '.join(BITS)}, each on, off or auto")


def active_guards(
    features: pd.DataFrame, left: Codes, right: Codes, probability: npt.NDArray[np.float64], guards: Guards
) -> tuple[str, ...]:
    """Names of the guards that hold on these pairs (positions in ``features``)."""
    wanted = [name for name in BITS if guards.modes.get(name, "auto") != "off" and name in features]
    sure = probability >= SURE_PAIR
    flags = conflicts(features, left[sure], right[sure], tuple(wanted))
    active = []
    for name in wanted:
        filled = features[name].notna().to_numpy()
        judged = filled[left[sure]] & filled[right[sure]]
        broken = int(((flags & BITS[name]) > 0).sum())
        reliable = judged.sum() < LEAST_SURE_PAIRS or broken <= guards.unreliable_share * judged.sum()
        if guards.modes.get(name, "auto") == "on" or reliable:
            active.append(name)
    return tuple(active)


def conflicts(features: pd.DataFrame, left: Codes, right: Codes, names: tuple[str, ...]) -> Flags:
    """Bits of the guards that each pair breaks; shape (pairs,). A missing value breaks nothing."""
    flags = np.zeros(len(left), dtype=np.uint8)
    checks = {"loyalty_id": _other_card, "birth_date": _other_birth, "given_name": _other_given_name}
    for name in names:
        flags |= np.where(checks[name](features, left, right), BITS[name], 0).astype(np.uint8)
    return flags


def reason_of(flags: int) -> str:
    """The words of the first guard among ``flags``."""
    return next((REASONS[name] for name, bit in BITS.items() if flags & bit), "")


def _both(values: npt.NDArray[np.object_], left: Codes, right: Codes) -> tuple[Codes, Mask]:
    """Codes of the values (-1: missing) and which pairs have both."""
    codes = pd.factorize(values)[0].astype(np.int64)
    return codes, (codes[left] >= 0) & (codes[right] >= 0)


def _column(features: pd.DataFrame, name: str) -> npt.NDArray[np.object_]:
    column = features[name] if name in features else pd.Series(None, index=features.index, dtype=object)
    values = column.astype(object).to_numpy(copy=True)
    values[pd.isna(values)] = None
    return values


def _other_card(features: pd.DataFrame, left: Codes, right: Codes) -> Mask:
    """Different loyalty ids, unless name and birth date are the same: a person's second card."""
    cards, both = _both(_column(features, "loyalty_id"), left, right)
    names, named = _both(_column(features, "name_key"), left, right)
    births, born = _both(_column(features, "birth_date"), left, right)
    second = named & born & (names[left] == names[right]) & (births[left] == births[right])
    return np.asarray(both & (cards[left] != cards[right]) & ~second, dtype=np.bool_)


def _other_birth(features: pd.DataFrame, left: Codes, right: Codes) -> Mask:
    """No two of year, month and day agree, nor are month and day exchanged; of a bare year, more than a year apart."""
    texts = pd.Series(_column(features, "birth_date"), dtype=object)
    distinct = pd.Series(texts.dropna().unique(), dtype=object)
    parts = distinct.astype(str).str.extract(r"^(\d{4})(?:-(\d\d))?(?:-(\d\d))?$").astype(float)
    codes = pd.Categorical(texts, categories=distinct).codes.astype(np.int64)
    table = np.vstack([parts.fillna(-1).to_numpy(dtype=np.int64), [[-1, -1, -1]]])[codes]
    one, other = table[left], table[right]
    known = (one[:, 0] >= 0) & (other[:, 0] >= 0)
    whole = (one[:, 2] >= 0) & (other[:, 2] >= 0)
    agreeing = (one == other).sum(axis=1)
    exchanged = (one[:, 0] == other[:, 0]) & (one[:, 1] == other[:, 2]) & (one[:, 2] == other[:, 1])
    years_apart = np.abs(one[:, 0] - other[:, 0]) > 1
    return np.asarray(known & np.where(whole, (agreeing < 2) & ~exchanged, years_apart), dtype=np.bool_)


def _other_given_name(features: pd.DataFrame, left: Codes, right: Codes) -> Mask:
    """First names no spelling, initial, short form or exchange with the family name explains."""
    given, family = _column(features, "given_name"), _column(features, "family_name")
    codes, both = _both(given, left, right)
    unequal = np.flatnonzero(both & (codes[left] != codes[right]))
    if not len(unequal):
        return np.zeros(len(left), dtype=np.bool_)
    first, second = given[left[unequal]], given[right[unequal]]
    swapped = _alike(first, family[right[unequal]]) | _alike(second, family[left[unequal]])
    result = np.zeros(len(left), dtype=np.bool_)
    result[unequal] = ~_alike(first, second) & ~swapped
    return result


def _alike(first: npt.NDArray[np.object_], second: npt.NDArray[np.object_]) -> Mask:
    """Whether names may be one person's, pair by pair; each distinct pair is judged once. Missing: not alike."""
    pairs = pd.DataFrame({"first": first, "second": second})
    codes, distinct = pd.factorize(pd.MultiIndex.from_frame(pairs.fillna("")))
    judged = pd.DataFrame(list(distinct), columns=["first", "second"])
    with duckdb.connect() as connection:
        told = connection.execute(
            "select damerau_levenshtein(replace(first, ' ', ''), replace(second, ' ', '')) as slips from judged"
        ).fetchnumpy()
    words = list(zip(judged["first"].astype(str), judged["second"].astype(str), strict=True))
    alike = np.array(
        [
            bool(one.strip() and other.strip()) and (_is_slip(one, other, slips) or _same_root(one, other))
            for (one, other), slips in zip(words, told["slips"].tolist(), strict=True)
        ],
        dtype=np.bool_,
    )
    return np.asarray(alike[codes], dtype=np.bool_)


def _is_slip(first: str, second: str, slips: int) -> bool:
    """One slip of the finger, two in a long name; more would make Jacqueline a slip of Jacques."""
    return slips <= (2 if min(len(first), len(second)) >= LONG_NAME else 1)


def _same_root(first: str, second: str) -> bool:
    """A word in common, a short form (alex - alexandre) or an initial. A beginning is not enough: jean - jeanne."""
    one, other = root_name(first).split(), root_name(second).split()
    if set(one) & set(other):
        return True
    if any(len(word) == 1 and word[0] == name[0] for word in one[:1] for name in other[:1]) or any(
        len(word) == 1 and word[0] == name[0] for word in other[:1] for name in one[:1]
    ):
        return True
    initials = "".join(word[0] for word in second.split()), "".join(word[0] for word in first.split())
    return first.replace(" ", "") == initials[0] or second.replace(" ", "") == initials[1]
