"""The third class of pairs: two members of one household. What they share is no evidence that they are one person.

Fellegi and Sunter (1969) weigh a pair as one person against two strangers. Among customers the confusing pairs are
neither: relatives share a family name, an address, a landline, sometimes a mail. Here a pair is one person, two of a
household, or two strangers, fields independent given the class; the mixture is fitted by expectation maximisation on
the levels of candidate pairs. With ``bits`` the weight of one person against strangers,

    1 / odds(one person) = 2 ** -bits + share of household / share of one person * product of h / m over the fields.

Where data have no households, the share of that class goes to nought and nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.int8]
Shares = dict[str, Floats]

NAME, BIRTH = "name", "birth_date"
ROUNDS = 60
SETTLING_ROUNDS = 20  # the household is found with the given m first, then m is fitted beside it
LEAST_SHARE = 0.003  # households with fewer pairs than this share of the persons' are no class of their own
LEAST_RELATIVES = 0.4  # share of its pairs with one family name and two first names, or it is no household
RELATIVES = "same family name, other first name"
LEAST = 1e-6
FEW_PAIRS = 20  # a level seen in fewer pairs teaches nothing: its m stays, and its h is m times one of these, or m
UNSEEN = {"same family name, first name unknown": 3.0}  # most who share a family name and address are relatives
# Relatives of one first name (father and son), and twins: not more, or the class would take persons for households.
MOST_SAME_FIRST_NAME = 0.04
MOST_SAME_BIRTH = 0.15
# Start values by comparison and the words of a level; a level not named starts at what is left, divided evenly.
STARTS = {
    NAME: {
        RELATIVES: 0.75,
        "other names": 0.08,
        "same family name, first name unknown": 0.05,
    },
    BIRTH: {"other birth date": 0.9, "same birth date": 0.05},
    "email": {"same e-mail": 0.2, "other e-mail": 0.78},
    "phone": {"other phone": 0.85, "same phone": 0.1},
    "address": {"same address or landline": 0.7, "same postal code": 0.2},
}
SAME_FIRST_NAME = (
    "same first and family name",
    "first and family name exchanged",
    "same family name, first name a short form or compound",
    "both names alike",
    "both names alike, exchanged",
)


@dataclass(frozen=True)
class Mixture:
    """``person``, ``household``: share of all pairs of records; ``m``, ``h``: share of each level among such pairs, by
    comparison, weakest level first.
    """

    person: float
    household: float
    m: Shares
    h: Shares


def fit(levels: Levels, bits: Floats, settings: dict[str, Any], all_pairs: float, sampled: float = 1.0) -> Mixture:
    """Fit the shares of persons and households, and the levels of both.

    ``levels``: shape (pairs, comparisons), -1 without evidence. ``bits``: weight of each pair as one person against
    strangers without the prior, shape (pairs,). ``settings``: Splink's, with trained m and u. ``all_pairs``: pairs of
    records there are; ``sampled``: the share of candidates that ``levels`` holds.
    """
    words, m, u = _of(settings)
    if not len(levels):
        return Mixture(float(settings["probability_two_random_records_match"]), 0.0, m, {})
    prior = float(settings["probability_two_random_records_match"])
    given, starts = m, {name: _start(name, words[name], u[name]) for name in m} if NAME in m else {}
    rare = {name: given[name] * [UNSEEN.get(word, 1.0) for word in words[name]] for name in starts}
    h = starts
    patterns, inverse = np.unique(levels, axis=0, return_inverse=True)
    inverse = inverse.ravel()
    often = np.bincount(inverse, minlength=len(patterns))
    seen = {name: _seen(patterns[:, i], often, len(m[name])) for i, name in enumerate(m)}
    person, household, base = prior, prior if h else 0.0, bits.copy()
    for step in range(ROUNDS):
        ours, theirs = _belong(patterns, inverse, base, person, household, m, h)
        person, household = (max(float(part.sum()) / sampled / all_pairs, 1e-12) for part in (ours, theirs))
        if not h:
            continue
        if step >= SETTLING_ROUNDS and not _is_household(household / person, words[NAME], h[NAME]):
            h, household, m, base = {}, 0.0, given, bits.copy()
            continue
        weights: Floats = np.bincount(inverse, theirs, len(patterns)).astype(np.float64)
        h = {
            name: _capped(name, words[name], _shares(patterns[:, i], weights, rare[name], seen[name]))
            for i, name in enumerate(m)
        }
        if step >= SETTLING_ROUNDS:
            weights = np.bincount(inverse, ours, len(patterns)).astype(np.float64)
            fitted = {name: _shares(patterns[:, i], weights, given[name], seen[name]) for i, name in enumerate(m)}
            base = base + _product(patterns, fitted, m)[inverse]
            m = fitted
    return Mixture(person, household if h else 0.0, m, h)


def household_bits(levels: Levels, settings: dict[str, Any]) -> Floats:
    """Bits of two members of a household against one person, shape (pairs,); minus infinity without that class."""
    told = settings.get("household")
    if not told or not len(levels):
        return np.full(len(levels), -np.inf)
    _, m, _ = _of(settings)
    known = told["levels"]  # a comparison the class was not fitted with says nothing about it
    h = {name: np.array(known[name][::-1]) if name in known else m[name] for name in m}
    patterns, inverse = np.unique(levels, axis=0, return_inverse=True)
    bits: Floats = _product(patterns, h, m) + np.log2(told["odds"])
    return bits[inverse.ravel()]


def weighed(weight: Floats, levels: Levels, settings: dict[str, Any]) -> Floats:
    """Weight (bits, prior included) of each pair as one person against strangers and household together."""
    against = household_bits(levels, settings)
    return np.asarray(-np.logaddexp2(-weight, against), dtype=np.float64)


def _of(settings: dict[str, Any]) -> tuple[dict[str, list[str]], Shares, Shares]:
    """Words, m and u of each comparison's levels, weakest first: a level's place is its number in a score."""
    words, m, u = {}, {}, {}
    for entry in settings["comparisons"]:
        name, levels = entry["output_column_name"], entry["comparison_levels"][:0:-1]
        words[name] = [level["label_for_charts"] for level in levels]
        m[name] = np.array([level["m_probability"] for level in levels])
        u[name] = np.array([level["u_probability"] for level in levels])
    return words, m, u


def _start(name: str, words: list[str], u: Floats) -> Floats:
    known = STARTS.get(name)
    if known is None:
        return np.asarray(u / u.sum(), dtype=np.float64)
    rest = (1 - sum(known.values())) / max(len(words) - len(known), 1)
    start = np.array([known.get(word, rest) for word in words])
    return np.asarray(start / start.sum(), dtype=np.float64)


def _belong(
    patterns: Levels,
    inverse: npt.NDArray[np.int64],
    bits: Floats,
    person: float,
    household: float,
    m: Shares,
    h: Shares,
) -> tuple[Floats, Floats]:
    """Probability of each pair to be one person, and to be of one household."""
    strangers = max(1 - person - household, LEAST)
    against = -(bits + np.log2(person / strangers))
    if not h:
        return 1 / (1 + np.exp2(against)), np.zeros(len(bits))
    family = (_product(patterns, h, m) + np.log2(household / person))[inverse]
    ours = 1 / (1 + np.exp2(against) + np.exp2(family))
    return ours, ours * np.exp2(family)


def _product(patterns: Levels, above: Shares, below: Shares) -> Floats:
    """Sum over the comparisons of log2(above / below) at each pattern's levels; no evidence adds nothing."""
    total = np.zeros(len(patterns))
    for place, name in enumerate(below):
        bits = np.log2(np.maximum(above[name], LEAST) / np.maximum(below[name], LEAST))
        total += np.r_[bits, 0.0][patterns[:, place]]
    return total


def _seen(column: Levels, often: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.bool_]:
    """Which levels enough pairs have."""
    evident = column >= 0
    return np.asarray(np.bincount(column[evident], often[evident], size) >= FEW_PAIRS, dtype=np.bool_)


def _shares(column: Levels, weights: Floats, start: Floats, seen: npt.NDArray[np.bool_]) -> Floats:
    """Share of each level among weighted pairs that have evidence; a level hardly seen keeps what it starts with."""
    evident = column >= 0
    counts = np.bincount(column[evident], weights[evident], len(start))
    counts = np.where(seen, np.maximum(counts, LEAST), 0.0)
    if not counts.sum():
        return start
    rest = float(start[~seen].sum())
    return np.asarray(np.where(seen, counts / counts.sum() * (1 - rest), start), dtype=np.float64)


def _is_household(odds: float, words: list[str], shares: Floats) -> bool:
    relatives = float(shares[words.index(RELATIVES)]) if RELATIVES in words else 0.0
    return odds >= LEAST_SHARE and relatives >= LEAST_RELATIVES


def _capped(name: str, words: list[str], shares: Floats) -> Floats:
    if name == NAME:
        capped, most = np.isin(words, SAME_FIRST_NAME), MOST_SAME_FIRST_NAME
    elif name == BIRTH:
        capped, most = np.isin(words, ["same birth date"]), MOST_SAME_BIRTH
    else:
        return shares
    total = shares[capped].sum()
    if total <= most:
        return shares
    rest = shares * (1 - most) / max(1 - total, LEAST)
    return np.asarray(np.where(capped, shares * most / total, rest), dtype=np.float64)
