"""What became of each edge: accepted, held or refused, with the reason and the uses it may be put to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.clustering import MANUAL, ClusterRules
from millibar.identity.components import Codes
from millibar.identity.graph import Graph, Mask, between_records
from millibar.identity.ownership import Ownership
from millibar.identity.periods import NOBODY
from millibar.identity.rules import CANNOT_LINK, IdentityRules

SHARED = "shared by several customers"
APART = "between two customers"
WEAK = "below the threshold"
GROUPS = "evidence of the groups as a whole is too weak"
JUDGED_COLUMNS = ["status", "reason", "uses"]

Words = npt.NDArray[np.object_]


def judge(
    graph: Graph, ownership: Ownership, refusals: pd.DataFrame, rules: IdentityRules, cluster_rules: ClusterRules
) -> pd.DataFrame:
    """status, reason, uses of each edge.

    An edge between records is accepted where they are one person, else refused. An edge of an identifier is accepted
    where both ends are the same customer's at some time, else held; one held because a household shares the identifier
    may be used for analysis. An ended edge stays ended. ``refusals``: left, right, reason of strong pairs kept apart.
    """
    edges = graph.edges
    left, right = edges["left"].to_numpy(np.int64), edges["right"].to_numpy(np.int64)
    status, reason = np.full(len(edges), "accepted", dtype=object), np.full(len(edges), None, dtype=object)
    records = between_records(graph)
    apart = _apart(ownership, left, right)
    refused = records & (apart | (edges["rule"] == CANNOT_LINK).to_numpy(dtype=bool))
    status[refused], reason[refused] = "refused", _why_refused(edges[refused], refusals, cluster_rules)
    held = ~records & apart
    status[held], reason[held] = "held", _why_held(graph, ownership, left[held], right[held])
    household = held.copy()
    household[held] = np.char.endswith(reason[held].astype(str), SHARED)
    faults = graph.nodes["fault"].to_numpy(dtype=object)
    fault = np.where(pd.notna(faults[left]), faults[left], faults[right])
    weak = ~records & (edges["score"].to_numpy(dtype=float) < rules.minimum_score)
    for which, words in (
        (weak, np.full(len(edges), f"score below {rules.minimum_score:g}", dtype=object)),
        (pd.notna(fault), fault),
    ):
        status[which], reason[which], household[which] = "held", words[which], False
    ended = (edges["status"] == "ended").to_numpy(dtype=bool)
    status[ended], reason[ended], household[ended] = "ended", None, False
    return pd.DataFrame({"status": status, "reason": reason, "uses": np.where(household, "analysis", "contact")})


def linked_edges(pairs: pd.DataFrame, owner: Codes, refusals: pd.DataFrame) -> pd.DataFrame:
    """The pairs of :func:`millibar.identity.persons.linked_pairs` as edges with their status."""
    left, right = pairs["left"].to_numpy(np.int64), pairs["right"].to_numpy(np.int64)
    same = owner[left] == owner[right]
    told = _reasons(refusals)
    reasons = [told.get(pair, WEAK) for pair in zip(left.tolist(), right.tolist(), strict=True)]
    return pd.DataFrame(
        {
            "left": left,
            "right": right,
            "rule": pairs["rule"].to_numpy(dtype=object),
            "score": pairs["probability"].to_numpy(dtype=float),
            "first_seen": pairs["start"].to_numpy(np.int64),
            "status": np.where(same, "accepted", "refused").astype(object),
            "reason": [None if one else words for one, words in zip(same.tolist(), reasons, strict=True)],
            "uses": np.full(len(pairs), "contact", dtype=object),
        }
    )


def _apart(ownership: Ownership, left: Codes, right: Codes) -> Mask:
    """Edges whose ends never are the same customer's."""
    owner = ownership.owner
    result = (owner[left] != owner[right]) | (owner[left] == NOBODY)
    turning = np.fromiter(ownership.periods, dtype=np.int64, count=len(ownership.periods))
    for place in np.flatnonzero(np.isin(left, turning) | np.isin(right, turning)).tolist():
        result[place] = not (_owners(ownership, int(left[place])) & _owners(ownership, int(right[place])))
    return np.asarray(result, dtype=np.bool_)


def _owners(ownership: Ownership, node: int) -> set[int]:
    periods = ownership.periods.get(node)
    owners = {int(ownership.owner[node])} if periods is None else {period.owner for period in periods}
    return owners - {NOBODY}


def _why_held(graph: Graph, ownership: Ownership, left: Codes, right: Codes) -> Words:
    """Names the end that several customers share."""
    contested = np.zeros(graph.size, dtype=bool)
    contested[np.fromiter(ownership.periods, dtype=np.int64, count=len(ownership.periods))] = True
    types = graph.types()
    words = np.full(len(left), APART, dtype=object)
    for node in (right, left):
        named = contested[node]
        words[named] = [f"{kind} {SHARED}" for kind in types[node[named]]]
    return words


def _why_refused(edges: pd.DataFrame, refusals: pd.DataFrame, rules: ClusterRules) -> Words:
    told = _reasons(refusals)
    rows = (edges[name].tolist() for name in ("left", "right", "rule", "score"))
    return np.array(
        [
            MANUAL if rule == CANNOT_LINK else told.get((left, right), WEAK if score < rules.threshold else GROUPS)
            for left, right, rule, score in zip(*rows, strict=True)
        ],
        dtype=object,
    )


def _reasons(refusals: pd.DataFrame) -> dict[tuple[int, int], str]:
    rows = (refusals[name].tolist() for name in ("left", "right", "reason"))
    return {(left, right): reason for left, right, reason in zip(*rows, strict=True)}
