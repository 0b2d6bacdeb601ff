"""Who is who: a graph of records and identifiers in; customers, their history and what was refused out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity import persons as pairs_of_records
from millibar.identity.clustering import Clustering, ClusterRules
from millibar.identity.components import Codes, connect
from millibar.identity.customer_ids import Ids, Naming, known_components, name_components, shared_id
from millibar.identity.graph import Graph, Kinds, between_records, is_sound_identity
from millibar.identity.households import households
from millibar.identity.judgement import judge, linked_edges
from millibar.identity.lineage import events
from millibar.identity.ownership import Ownership, attach
from millibar.identity.periods import NOBODY
from millibar.identity.rules import CANNOT_LINK, PROBABILISTIC, IdentityRules

CLUSTER_COLUMNS = ["node", "customer_id", "is_known", "confidence", "component"]


@dataclass(frozen=True)
class Past:
    """What identity was before: ``ids``, customer id of each node (None where it is new), shape (nodes,); ``aliases``,
    retired id -> the id it was merged into; ``living``, which of some ids are borne by customers outside the graph.
    """

    ids: Ids
    aliases: dict[str, str] = field(default_factory=dict)
    living: Callable[[Iterable[str]], set[str]] = lambda _: set()

    @classmethod
    def none(cls, size: int) -> Past:
        return cls(np.full(size, None, dtype=object))


@dataclass(frozen=True)
class Resolution:
    """The partition and how it came about; ``node``, ``left``, ``right`` are positions in the graph.

    ``clusters``: node, customer_id, is_known, confidence, component (one row a node). ``edges``: status, reason, uses
    of each edge of the graph, in its order. ``linked``: further edges between records (left, right, rule, score,
    first_seen, status, reason, uses). ``periods``: node, customer_id, valid_from, valid_to (microseconds,
    ALWAYS and FOREVER where open). ``households``: customer_id, household_id, evidence. ``refusals``, ``review``:
    left, right, probability, reason. ``events``: event (merge / split), customer_id (who goes on), other_customer_id
    (who ended in a merge, who is new in a split), because. ``guards``: conflict guards that held.
    """

    clusters: pd.DataFrame
    edges: pd.DataFrame
    linked: pd.DataFrame
    periods: pd.DataFrame
    households: pd.DataFrame
    refusals: pd.DataFrame
    review: pd.DataFrame
    events: pd.DataFrame
    guards: tuple[str, ...]


def resolve(
    graph: Graph, features: pd.DataFrame, rules: IdentityRules, cluster_rules: ClusterRules, past: Past | None = None
) -> Resolution:
    """Resolve the customers of a graph: of all nodes, or of whole components.

    ``features``: what the conflict guards read, one row a record, in the order of the records' positions. The result
    depends on the contents of the graph, not on the order of rows, and is the same for each component whatever other
    components are beside it.
    """
    past = past or Past.none(graph.size)
    kinds = Kinds.of(graph, rules)
    pairs = pairs_of_records.linked_pairs(graph, kinds, rules)
    clustering = pairs_of_records.cluster(graph, kinds, features, pairs, cluster_rules)
    records = np.flatnonzero(kinds.record)
    persons = np.full(graph.size, NOBODY, dtype=np.int64)
    persons[records] = clustering.labels
    ownership = attach(graph, kinds, persons, rules)
    labels, shared = _labels(ownership)
    naming = name_components(graph, labels, past.ids, past.aliases, shared, past.living)
    refusals = _placed(clustering.refusals, records)
    edges = judge(graph, ownership, refusals, rules, cluster_rules)
    linked = linked_edges(pairs, ownership.owner, refusals)
    home = households(graph, kinds, persons, features)
    ids = naming.ids[labels] if graph.size else np.empty(0, dtype=object)
    clusters = pd.DataFrame(
        {
            "node": np.arange(graph.size),
            "customer_id": ids,
            "is_known": _known(graph, labels, ownership),
            "confidence": _confidence(graph, edges, clustering, records, ownership),
            "component": closures(graph, cluster_rules),
        }
    )
    return Resolution(
        clusters,
        edges,
        linked,
        _periods(graph, ownership, naming),
        _households(home, naming),
        refusals,
        _placed(clustering.review, records),
        events(graph, edges, labels, past.ids, naming),
        clustering.guards,
    )


def closure_floor(rules: ClusterRules) -> float:
    """Probability from which a pair of records puts both into one component: all that could matter to each other."""
    return min(rules.threshold, rules.review[0])


def closures(graph: Graph, rules: ClusterRules) -> npt.NDArray[np.object_]:
    """``type:hash`` of the first node of each node's component: all nodes whose customers depend on each other."""
    sound = graph.nodes["fault"].isna().to_numpy(dtype=bool)
    edges = graph.edges
    left, right = edges["left"].to_numpy(np.int64), edges["right"].to_numpy(np.int64)
    weak = (edges["rule"] == PROBABILISTIC).to_numpy(dtype=bool) & (
        edges["score"].to_numpy(dtype=float) < closure_floor(rules)
    )
    counts = sound[left] & sound[right] & ~weak & (edges["rule"] != CANNOT_LINK).to_numpy(dtype=bool)
    labels = connect(graph.size, left[counts], right[counts])
    first = np.full(graph.size, graph.size, dtype=np.int64)
    np.minimum.at(first, labels, np.arange(graph.size))
    return graph.names()[first[labels]] if graph.size else np.empty(0, dtype=object)


def _labels(ownership: Ownership) -> tuple[Codes, dict[int, int]]:
    """Component of each node; a node that is nobody's now is one by itself: component -> node."""
    labels = ownership.owner.copy()
    shared = np.flatnonzero(labels == NOBODY)
    labels[shared] = ownership.customers + np.arange(len(shared))
    return labels, {int(labels[node]): int(node) for node in shared}


def _known(graph: Graph, labels: Codes, ownership: Ownership) -> npt.NDArray[np.bool_]:
    sound = is_sound_identity(graph) & (ownership.owner != NOBODY)
    return known_components(graph, labels, sound)[labels]


def _confidence(
    graph: Graph, edges: pd.DataFrame, clustering: Clustering, records: Codes, ownership: Ownership
) -> npt.NDArray[np.float64]:
    """Of a record, how sure its person is; of an identifier, its best accepted edge.

    A node alone is sure of itself, one in quarantine or shared names nobody.
    """
    best = np.zeros(graph.size)
    used = (edges["status"] == "accepted").to_numpy(dtype=bool) & ~between_records(graph)
    scores = graph.edges["score"].to_numpy(dtype=float)[used]
    for end in ("left", "right"):
        np.maximum.at(best, graph.edges[end].to_numpy(np.int64)[used], scores)
    best = np.where(best == 0, 1.0, best)
    best[records] = clustering.confidence
    sound = graph.nodes["fault"].isna().to_numpy(dtype=bool) & (ownership.owner != NOBODY)
    return np.where(sound, best, 0.0)


def _periods(graph: Graph, ownership: Ownership, naming: Naming) -> pd.DataFrame:
    """A node nobody ever had alone is one period, which its cluster tells already."""
    names = graph.names()
    rows = [
        (
            node,
            shared_id(names[node]) if period.owner == NOBODY else naming.ids[period.owner],
            period.start,
            period.end,
        )
        for node, periods in sorted(ownership.periods.items())
        if len(periods) > 1
        for period in periods
    ]
    frame = pd.DataFrame(rows, columns=["node", "customer_id", "valid_from", "valid_to"])
    return frame.astype({"node": np.int64, "valid_from": np.int64, "valid_to": np.int64})


def _households(home: pd.DataFrame, naming: Naming) -> pd.DataFrame:
    customers = naming.ids[home["customer"].to_numpy(np.int64)] if len(home) else np.empty(0, dtype=object)
    named = pd.DataFrame({"customer_id": customers, "evidence": home["evidence"].to_numpy(dtype=object)})
    lowest = named["customer_id"].groupby(home["household"].to_numpy()).transform("min")
    named.insert(1, "household_id", ["h" + identity[1:] for identity in lowest])
    return named


def _placed(pairs: pd.DataFrame, records: Codes) -> pd.DataFrame:
    """Places among the records to positions in the graph, the lower first."""
    left, right = (records[pairs[name].to_numpy(np.int64)] for name in ("left", "right"))
    return pairs.assign(left=np.minimum(left, right), right=np.maximum(left, right))
