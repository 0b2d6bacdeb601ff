"""Why two records are one customer or two: evidence in words and weights, the path between them, refusals."""

from __future__ import annotations

import heapq
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.matching.comparisons import comparisons_of
from millibar.identity.matching.model import MatchModel
from millibar.identity.matching.scoring import HOUSEHOLD, pair_weights

WORDS = {
    "prior": "before any evidence, two records picked at random",
    HOUSEHOLD: "two members of one household would look alike too",
}


@dataclass(frozen=True)
class Explanation:
    """``verdict``: one sentence. ``evidence``: comparison, label, value_a, value_b, weight of the pair itself.
    ``path``: record ids from a to b with the probability of each step, where others join them. ``notes``: guards,
    refusals and decisions that speak to it.
    """

    record_a: str
    record_b: str
    same_customer: bool
    customers: tuple[str, str]
    probability: float
    verdict: str
    evidence: pd.DataFrame
    path: tuple[tuple[str, str, float], ...] = ()
    notes: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = asdict(self) | {"evidence": self.evidence.to_dict("records")}
        return told | {"path": [list(step) for step in self.path]}

    def lines(self) -> list[str]:
        """For a terminal."""
        rows = [self.verdict, ""]
        rows += [
            f"  {row.weight:+7.2f}  {row.comparison}: {row.label}" + _values(row.value_a, row.value_b)
            for row in self.evidence.itertuples()
        ]
        total = float(self.evidence["weight"].sum())
        rows.append(f"  {total:+7.2f}  bits in all, probability {self.probability:.4f}")
        rows += [f"joined by {one} - {other} (probability {chance:.4f})" for one, other, chance in self.path]
        return rows + list(self.notes)


def explain_pair(features_row_a: pd.Series, features_row_b: pd.Series, model: MatchModel) -> pd.DataFrame:
    """comparison, label, value_a, value_b, weight (bits): what speaks for and against, the prior first.

    The weights add up to the pair's weight in :func:`millibar.identity.matching.score`.
    """
    weights = pair_weights(features_row_a, features_row_b, model)
    labels = model.comparisons().set_index(["comparison", "level"])["label"].to_dict()
    columns = {comparison.name: comparison.columns for comparison in comparisons_of(model.plan)}
    rows = []
    for name, level, weight in weights.itertuples(index=False):
        label = WORDS.get(name) or labels[(name, level)]
        told = [_shown(row, columns.get(name, ())) for row in (features_row_a, features_row_b)]
        rows.append((name, label, *told, round(float(weight), 4)))
    return pd.DataFrame(rows, columns=["comparison", "label", "value_a", "value_b", "weight"])


def probability_of(evidence: pd.DataFrame) -> float:
    """Probability of one person under the weights."""
    return float(1 / (1 + 2.0 ** -max(min(evidence["weight"].sum(), 300.0), -300.0)))


def explain(
    features: pd.DataFrame,
    model: MatchModel,
    record_a: str,
    record_b: str,
    customers: pd.Series,
    edges: pd.DataFrame,
    refusals: pd.DataFrame,
    decisions: pd.DataFrame | None = None,
) -> Explanation:
    """Explain a pair of records.

    ``features``: record_id and features. ``customers``: customer id by position. ``edges``, ``refusals``,
    ``decisions``: by positions, as :class:`millibar.identity.identify.Identified` has them. Raises ``KeyError`` where
    a record is not among the features.
    """
    a, b = _place(features, record_a), _place(features, record_b)
    evidence = explain_pair(features.iloc[a], features.iloc[b], model)
    probability = probability_of(evidence)
    same = bool(customers.iloc[a] == customers.iloc[b])
    ids = features["record_id"].astype(str).to_numpy(dtype=object)
    path = strongest_path(edges, customers, a, b) if same and a != b else []
    direct = len(path) == 2
    verdict = _verdict(record_a, record_b, same, direct, probability, len(path))
    steps = tuple((str(ids[one]), str(ids[other]), chance) for one, other, chance in _steps(path, edges))
    notes = _notes(
        ids, customers, a, b, refusals, decisions, blocked=not same and not _has_edge(edges, a, b), p=probability
    )
    return Explanation(
        record_a,
        record_b,
        same,
        (str(customers.iloc[a]), str(customers.iloc[b])),
        probability,
        verdict,
        evidence,
        () if direct else steps,
        notes,
    )


def strongest_path(edges: pd.DataFrame, customers: pd.Series, a: int, b: int) -> list[int]:
    """Positions from a to b within their customer whose weakest pair is strongest; [] where no edges lead there."""
    members = np.flatnonzero((customers == customers.iloc[a]).to_numpy())
    inside = edges[edges["left"].isin(members) & edges["right"].isin(members)]
    near: dict[int, list[tuple[int, float]]] = {}
    for left, right, chance in zip(inside["left"], inside["right"], inside["probability"], strict=True):
        near.setdefault(int(left), []).append((int(right), float(chance)))
        near.setdefault(int(right), []).append((int(left), float(chance)))
    heap = [(-1.0, 1, a, [a])]
    seen: set[int] = set()
    while heap:
        weakest, length, place, path = heapq.heappop(heap)
        if place == b:
            return path
        if place in seen:
            continue
        seen.add(place)
        for other, chance in near.get(place, ()):
            if other not in seen:
                heapq.heappush(heap, (max(weakest, -chance), length + 1, other, [*path, other]))
    return []


def _steps(path: list[int], edges: pd.DataFrame) -> list[tuple[int, int, float]]:
    steps = []
    for one, other in pairwise(path):
        found = edges[(edges["left"] == min(one, other)) & (edges["right"] == max(one, other))]
        steps.append((one, other, float(found["probability"].max())))
    return steps


def _verdict(record_a: str, record_b: str, same: bool, direct: bool, probability: float, length: int) -> str:
    pair = f"{record_a} and {record_b}"
    if record_a == record_b:
        return f"{record_a} is one record"
    if same and direct:
        return f"{pair} are one customer, by their own evidence (probability {probability:.4f})"
    if same and length:
        return f"{pair} are one customer, joined through {length - 2} other record(s)"
    if same:
        return f"{pair} are one customer, by a decision or an identifier rather than by comparison"
    return f"{pair} are two customers (probability of one person {probability:.4f})"


def _notes(
    ids: npt.NDArray[np.object_],
    customers: pd.Series,
    a: int,
    b: int,
    refusals: pd.DataFrame,
    decisions: pd.DataFrame | None,
    *,
    blocked: bool,
    p: float,
) -> tuple[str, ...]:
    """What was decided or refused between the two customers."""
    notes = []
    if decisions is not None:
        for left, right, decision in zip(decisions["left"], decisions["right"], decisions["decision"], strict=True):
            if {int(left), int(right)} & {a, b}:
                notes.append(
                    f"an analyst decided {decision.replace('_', '-')} of {ids[int(left)]} and {ids[int(right)]}"
                )
    if customers.iloc[a] != customers.iloc[b] and len(refusals):
        owners = {customers.iloc[a], customers.iloc[b]}
        ends = refusals.assign(
            one=customers.to_numpy()[refusals["left"]], other=customers.to_numpy()[refusals["right"]]
        )
        between = ends[ends["one"].isin(owners) & ends["other"].isin(owners) & (ends["one"] != ends["other"])]
        for left, right, chance, reason in between[["left", "right", "probability", "reason"]].itertuples(index=False):
            notes.append(f"refused: {ids[int(left)]} - {ids[int(right)]} (probability {chance:.4f}), {reason}")
    if blocked and p >= 0.5:
        notes.append("the pair was never compared: no blocking key agrees, or only one that too many records share")
    return tuple(dict.fromkeys(notes))


def _has_edge(edges: pd.DataFrame, a: int, b: int) -> bool:
    return bool(((edges["left"] == min(a, b)) & (edges["right"] == max(a, b))).any())


def _place(features: pd.DataFrame, record: str) -> int:
    found = np.flatnonzero(features["record_id"].astype(str).to_numpy(dtype=object) == record)
    if not len(found):
        raise KeyError(
            f"no record {record!r}: give a record_id as the file or `source:record_id` as the warehouse has it"
        )
    return int(found[0])


def _shown(row: pd.Series, columns: tuple[str, ...]) -> str | None:
    values = [str(row[column]) for column in columns if column in row and pd.notna(row[column])]
    return " ".join(values) or None


def _values(one: object, other: object) -> str:
    if pd.isna(one) and pd.isna(other):  # type: ignore[call-overload]
        return ""
    return f"  [{'-' if pd.isna(one) else one} | {'-' if pd.isna(other) else other}]"  # type: ignore[call-overload]
