"""Persons from pairs of records: average linkage, strongest evidence first, under conflict guards and decisions."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.components import Codes, connect
from millibar.identity.guards import Flags, Guards, active_guards, conflicts, reason_of
from millibar.identity.rules import CANNOT_LINK, MUST_LINK

Floats = npt.NDArray[np.float64]

MANUAL = "manual decision"
# In a component of up to so many records every pair is checked for conflicts, in a larger one only pairs with an edge.
CHECKED_WHOLE = 40
_PRECISION = 9  # digits: sums in another order must not decide a tie


@dataclass(frozen=True)
class ClusterRules:
    """Average linkage: two groups of records become one where the mean probability of their pairs is ``threshold``.

    ``threshold_without_households``: where the model found no households among the records, nobody looks like a person
    but the person, and weaker evidence is enough. ``missing``: what a pair without an edge counts.
    ``conflict_share``: a merge is refused where at least this share of the pairs it makes breaks a guard. ``review``:
    pairs between these probabilities are for an analyst to look at.
    """

    threshold: float = 0.5
    threshold_without_households: float = 0.25
    missing: float = 0.1
    conflict_share: float = 0.34
    guards: Guards = field(default_factory=Guards)
    review: tuple[float, float] = (0.25, 0.7)

    def __post_init__(self) -> None:
        # components over pairs that reach the threshold are clustered each alone: only pairs with evidence may merge
        if not self.missing < min(self.threshold, self.threshold_without_households):
            raise ValueError(
                f"missing is {self.missing:g}, which is not below the threshold {self.threshold:g}: lower it, or "
                "records without any evidence become one customer"
            )


@dataclass(frozen=True)
class Clustering:
    """``labels``: cluster of each record, dense, numbered by first position; shape (n,). ``confidence``: mean
    probability of a record's pairs within its cluster, 1 alone; shape (n,). ``refusals``, ``review``: left, right
    (positions), probability, reason. ``guards``: those that held.
    """

    labels: Codes
    confidence: Floats
    refusals: pd.DataFrame
    review: pd.DataFrame
    guards: tuple[str, ...]


@dataclass
class _Pairs:
    """Pairs of records as arrays: positions, probability (-1 without an edge), bits of broken guards, a manual no."""

    left: Codes
    right: Codes
    probability: Floats
    flags: Flags
    forbidden: npt.NDArray[np.bool_]

    def take(self, places: Codes) -> _Pairs:
        return _Pairs(*(getattr(self, name)[places] for name in ("left", "right", "probability", "flags", "forbidden")))


def cluster_records(
    features: pd.DataFrame, edges: pd.DataFrame, rules: ClusterRules, decisions: pd.DataFrame | None = None
) -> Clustering:
    """Cluster records by the probabilities of their pairs.

    ``features``: one row a record (record_id and what the guards read: loyalty_id, birth_date, given_name, family_name,
    name_key). ``edges``: left, right (positions), probability. ``decisions``: left, right, decision (must_link or
    cannot_link). The result depends on the contents, not on the order of rows. Raises ``ValueError`` where decisions
    contradict each other.
    """
    size = len(features)
    rank = _rank(features)
    pairs, guards = _pairs(features, edges, rules)
    seeds = _seeds(features, decisions)
    pairs = _forbid(pairs, seeds, decisions, size)
    strong = pairs.probability >= rules.threshold
    must = _decided(decisions, MUST_LINK)
    component = connect(size, np.r_[pairs.left[strong], must[0]], np.r_[pairs.right[strong], must[1]])
    labels = seeds.copy()
    inside = component[pairs.left] == component[pairs.right]
    pairs_inside = pairs.take(np.flatnonzero(inside))
    simple = _merged_whole(component, pairs_inside, rules, seeds)
    whole = simple[component]
    labels[whole] = size + component[whole]
    for members, own in _components(component, pairs_inside, ~simple, features, guards):
        _agglomerate(members, own, rank, rules, labels)
    labels = _dense(labels)
    refusals, review = _told(pairs, labels, rules)
    return Clustering(labels, _confidence(labels, pairs, rules), refusals, review, guards)


def _rank(features: pd.DataFrame) -> Codes:
    """Place of each record in content order, so that ties fall the same way whatever the order of rows."""
    if "record_id" not in features:
        return np.arange(len(features))
    order = np.argsort(features["record_id"].astype(str).to_numpy(dtype=object), kind="stable")
    rank = np.empty(len(features), dtype=np.int64)
    rank[order] = np.arange(len(features))
    return rank


def _pairs(features: pd.DataFrame, edges: pd.DataFrame, rules: ClusterRules) -> tuple[_Pairs, tuple[str, ...]]:
    """Distinct pairs with their best probability and the guards they break."""
    one, other = edges["left"].to_numpy(dtype=np.int64), edges["right"].to_numpy(dtype=np.int64)
    frame = pd.DataFrame({"left": np.minimum(one, other), "right": np.maximum(one, other)})
    frame["probability"] = edges["probability"].to_numpy(dtype=np.float64)
    frame = frame[frame["left"] != frame["right"]]
    frame = frame.sort_values(["left", "right", "probability"]).drop_duplicates(["left", "right"], keep="last")
    left, right = frame["left"].to_numpy(), frame["right"].to_numpy()
    probability = frame["probability"].to_numpy()
    guards = active_guards(features, left, right, probability, rules.guards)
    flags = conflicts(features, left, right, guards)
    return _Pairs(left, right, probability, flags, np.zeros(len(left), dtype=np.bool_)), guards


def _decided(decisions: pd.DataFrame | None, decision: str) -> tuple[Codes, Codes]:
    if decisions is None or decisions.empty:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    chosen = decisions[decisions["decision"] == decision]
    return chosen["left"].to_numpy(dtype=np.int64), chosen["right"].to_numpy(dtype=np.int64)


def _seeds(features: pd.DataFrame, decisions: pd.DataFrame | None) -> Codes:
    """Groups the must-links make, before any evidence; shape (records,)."""
    seeds = connect(len(features), *_decided(decisions, MUST_LINK))
    left, right = _decided(decisions, CANNOT_LINK)
    clash = np.flatnonzero(seeds[left] == seeds[right])
    if len(clash):
        names = features["record_id"] if "record_id" in features else pd.Series(range(len(features)))
        raise ValueError(
            f"records {names.iloc[left[clash[0]]]} and {names.iloc[right[clash[0]]]} may not be linked, and must-links "
            "join them: take one of these decisions back"
        )
    return _dense(seeds)


def _forbid(pairs: _Pairs, seeds: Codes, decisions: pd.DataFrame | None, size: int) -> _Pairs:
    """With the cannot-links, as pairs of their own where no edge is."""
    left, right = _decided(decisions, CANNOT_LINK)
    if not len(left):
        return pairs
    low, high = np.minimum(left, right), np.maximum(left, right)
    known = np.isin(pairs.left * size + pairs.right, low * size + high)
    new = ~np.isin(low * size + high, pairs.left * size + pairs.right)
    return _Pairs(
        np.r_[pairs.left, low[new]],
        np.r_[pairs.right, high[new]],
        np.r_[pairs.probability, np.full(new.sum(), -1.0)],
        np.r_[pairs.flags, np.zeros(new.sum(), dtype=np.uint8)],
        np.r_[pairs.forbidden | known, np.ones(new.sum(), dtype=np.bool_)],
    )


def _merged_whole(component: Codes, pairs: _Pairs, rules: ClusterRules, seeds: Codes) -> npt.NDArray[np.bool_]:
    """Components all of whose pairs are strong and free of conflict: one person, without further ado."""
    count = int(component.max()) + 1 if len(component) else 0
    sizes = np.bincount(component, minlength=count)
    good = (pairs.probability >= rules.threshold) & (pairs.flags == 0) & ~pairs.forbidden
    strong = np.bincount(component[pairs.left[good]], minlength=count)
    return np.asarray(strong == sizes * (sizes - 1) // 2, dtype=np.bool_)


def _components(
    component: Codes,
    pairs: _Pairs,
    wanted: npt.NDArray[np.bool_],
    features: pd.DataFrame,
    guards: tuple[str, ...],
) -> Iterator[tuple[Codes, _Pairs]]:
    """Members and pairs of each wanted component; small ones with all their pairs, so that no conflict is missed."""
    pairs = pairs.take(np.flatnonzero(wanted[component[pairs.left]]))
    sizes = np.bincount(component, minlength=len(wanted))
    pairs = _completed(pairs, component, wanted & (sizes <= CHECKED_WHOLE), features, guards)
    nodes = np.flatnonzero(wanted[component])
    if not len(nodes):
        return
    nodes = nodes[np.argsort(component[nodes], kind="stable")]
    order = np.argsort(component[pairs.left], kind="stable")
    pairs = pairs.take(order)
    of_pairs = component[pairs.left]
    starts = np.flatnonzero(np.r_[True, np.diff(component[nodes]) > 0])
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(nodes)], strict=True):
        members = nodes[start:end]
        low = np.searchsorted(of_pairs, component[members[0]], side="left")
        high = np.searchsorted(of_pairs, component[members[0]], side="right")
        yield members, pairs.take(np.arange(low, high))


def _completed(
    pairs: _Pairs,
    component: Codes,
    wanted: npt.NDArray[np.bool_],
    features: pd.DataFrame,
    guards: tuple[str, ...],
) -> _Pairs:
    """The pairs, and those without an edge that break a guard."""
    if not guards:
        return pairs
    left, right = _all_pairs(component, wanted)
    size = len(component)
    fresh = ~np.isin(left * size + right, pairs.left * size + pairs.right)
    left, right = left[fresh], right[fresh]
    flags = conflicts(features, left, right, guards)
    left, right, flags = left[flags > 0], right[flags > 0], flags[flags > 0]
    return _Pairs(
        np.r_[pairs.left, left],
        np.r_[pairs.right, right],
        np.r_[pairs.probability, np.full(len(left), -1.0)],
        np.r_[pairs.flags, flags],
        np.r_[pairs.forbidden, np.zeros(len(left), dtype=np.bool_)],
    )


def _all_pairs(component: Codes, wanted: npt.NDArray[np.bool_]) -> tuple[Codes, Codes]:
    """Every pair of positions (left < right) inside the wanted components."""
    nodes = np.flatnonzero(wanted[component])
    nodes = nodes[np.argsort(component[nodes], kind="stable")]
    if not len(nodes):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    labels = component[nodes]
    first = np.searchsorted(labels, labels, side="left")
    before = np.arange(len(nodes)) - first  # members of the same component that come earlier
    right = np.repeat(np.arange(len(nodes)), before)
    offsets = np.arange(len(right)) - np.repeat(np.cumsum(before) - before, before)
    left = np.repeat(first, before) + offsets
    return nodes[left], nodes[right]


def _agglomerate(members: Codes, pairs: _Pairs, rank: Codes, rules: ClusterRules, labels: Codes) -> None:
    """Merge inside one component; writes ``labels`` of its members (a group is named by one of the labels in it).

    Mean linkage of a union never exceeds the larger of its parts', so an entry of the heap that has gone stale is
    only ever too high: it is computed again when it comes up, and one below the threshold can be dropped for good.
    """
    groups: dict[int, list[int]] = {}
    for member in members.tolist():
        groups.setdefault(int(labels[member]), []).append(member)
    home = {group: group for group in groups}
    weight = {group: len(rows) for group, rows in groups.items()}
    links = _links(pairs, labels, groups)
    heap = _candidates(groups, links, weight, rank, rules)
    while heap:
        key, low, high, first, second = heapq.heappop(heap)
        one, other = _find(home, first), _find(home, second)
        if one == other:
            continue
        told = links[one][other]
        mean = _mean(told, weight[one], weight[other], rules)
        if mean < rules.threshold:
            continue
        if mean < -key:
            heapq.heappush(heap, (-mean, low, high, one, other))
        elif not told[3] and told[2] < rules.conflict_share * weight[one] * weight[other]:
            _union(one, other, home, links, weight)
    for group, rows in groups.items():
        labels[rows] = _find(home, group)


def _candidates(
    groups: dict[int, list[int]],
    links: dict[int, dict[int, list[float]]],
    weight: dict[int, int],
    rank: Codes,
    rules: ClusterRules,
) -> list[tuple[float, int, int, int, int]]:
    """Heap of the pairs of groups that may merge: strongest first, equals in content order."""
    firsts = {group: min(int(rank[row]) for row in rows) for group, rows in groups.items()}
    heap = []
    for one, others in links.items():
        for other, told in others.items():
            mean = _mean(told, weight[one], weight[other], rules)
            if one < other and mean >= rules.threshold:
                low, high = sorted((firsts[one], firsts[other]))
                heap.append((-mean, low, high, one, other))
    heapq.heapify(heap)
    return heap


def _links(pairs: _Pairs, labels: Codes, groups: dict[int, list[int]]) -> dict[int, dict[int, list[float]]]:
    """Per pair of groups: sum of probabilities, pairs with an edge, pairs in conflict, pairs forbidden."""
    links: dict[int, dict[int, list[float]]] = {group: {} for group in groups}
    for one, other, probability, flags, forbidden in zip(
        labels[pairs.left].tolist(),
        labels[pairs.right].tolist(),
        pairs.probability.tolist(),
        pairs.flags.tolist(),
        pairs.forbidden.tolist(),
        strict=True,
    ):
        if one == other:
            continue
        told = links[one].get(other)
        if told is None:
            told = links[one][other] = links[other][one] = [0.0, 0, 0, 0]
        told[0] += max(probability, 0.0)
        told[1] += probability >= 0
        told[2] += flags > 0
        told[3] += forbidden
    return links


def _mean(told: list[float], one: int, other: int, rules: ClusterRules) -> float:
    pairs = one * other
    return round((told[0] + rules.missing * (pairs - told[1])) / pairs, _PRECISION)


def _find(home: dict[int, int], group: int) -> int:
    root = group
    while home[root] != root:
        root = home[root]
    while home[group] != root:
        home[group], group = root, home[group]
    return root


def _union(
    one: int, other: int, home: dict[int, int], links: dict[int, dict[int, list[float]]], weight: dict[int, int]
) -> None:
    """Put the group with fewer links into the other."""
    if len(links[one]) < len(links[other]):
        one, other = other, one
    home[other] = one
    weight[one] += weight.pop(other)
    for third, told in links.pop(other).items():
        if third == one:
            continue
        del links[third][other]
        present = links[one].get(third)
        if present is None:
            links[one][third] = links[third][one] = told
        else:
            for place in range(4):
                present[place] += told[place]
    links[one].pop(other, None)


def _dense(labels: Codes) -> Codes:
    return pd.factorize(labels)[0].astype(np.int64)


def _confidence(labels: Codes, pairs: _Pairs, rules: ClusterRules) -> Floats:
    same = (labels[pairs.left] == labels[pairs.right]) & (pairs.probability >= 0)
    total, edges = np.zeros(len(labels)), np.zeros(len(labels))
    for end in (pairs.left[same], pairs.right[same]):
        np.add.at(total, end, pairs.probability[same])
        np.add.at(edges, end, 1.0)
    others = np.bincount(labels, minlength=1)[labels] - 1 if len(labels) else np.empty(0)
    mean = (total + rules.missing * (others - edges)) / np.maximum(others, 1)
    return np.where(others == 0, 1.0, np.clip(mean, 0.0, 1.0))


def _told(pairs: _Pairs, labels: Codes, rules: ClusterRules) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Why strong pairs stay apart, and which pairs an analyst should look at."""
    apart = labels[pairs.left] != labels[pairs.right]
    strong = pairs.probability >= rules.threshold
    refused = np.flatnonzero(apart & strong)
    reasons = np.array(
        [
            MANUAL if no else reason_of(flag) or "evidence of the groups as a whole is too weak"
            for no, flag in zip(pairs.forbidden[refused].tolist(), pairs.flags[refused].tolist(), strict=True)
        ],
        dtype=object,
    )
    refusals = _frame(pairs, refused, reasons)
    low, high = rules.review
    near = (pairs.probability >= low) & (pairs.probability <= high) & ~pairs.forbidden
    doubtful = np.flatnonzero(near | (apart & strong & ~pairs.forbidden))
    words = np.where(
        apart[doubtful],
        np.where(strong[doubtful], "strong evidence, kept apart", "near the threshold, kept apart"),
        "near the threshold, joined",
    )
    return refusals, _frame(pairs, doubtful, words.astype(object))


def _frame(pairs: _Pairs, places: Codes, reasons: npt.NDArray[np.object_]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "left": pairs.left[places],
            "right": pairs.right[places],
            "probability": pairs.probability[places],
            "reason": reasons,
        }
    )
