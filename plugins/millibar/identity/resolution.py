"""Who is who: identifiers, records and links in; customers, edges, merges and splits out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.components import Codes
from millibar.identity.customer_ids import Ids, Naming, known_components, name_components
from millibar.identity.graph import Graph, build_graph, components, edge_table
from millibar.identity.households import AMBIGUOUS
from millibar.identity.rules import RECORD, IdentityRules

CLUSTER_COLUMNS = ["node_type", "node_hash", "customer_id", "is_known", "confidence"]
EVENT_COLUMNS = ["event", "customer_id", "other_customer_id", "because"]


@dataclass(frozen=True)
class Resolution:
    """The partition and how it came about.

    ``clusters``: node_type, node_hash, customer_id, is_known, confidence (one row a node).
    ``edges``: as :func:`millibar.identity.graph.edge_table`. ``events``: event (merge / split), customer_id (who goes
    on), other_customer_id (who ended in a merge, who is new in a split), because. ``figures``: counts to publish.
    """

    clusters: pd.DataFrame
    edges: pd.DataFrame
    events: pd.DataFrame
    figures: dict[str, Any]


def resolve(
    identifiers: pd.DataFrame,
    records: pd.DataFrame,
    links: pd.DataFrame,
    nodes: pd.DataFrame,
    previous: pd.DataFrame,
    aliases: dict[str, str],
    rules: IdentityRules,
) -> Resolution:
    """Resolve all customers; inputs as :func:`millibar.identity.graph.build_graph`.

    ``previous``: node_type, node_hash, customer_id as they were before this run (may be empty). ``aliases``: retired
    customer id -> the id it was merged into. The result depends on the contents of the inputs, not on their order.
    """
    graph = build_graph(identifiers, records, links, nodes, rules)
    labels = components(graph)
    previous_ids = _previous_ids(graph, previous)
    naming = name_components(graph, labels, previous_ids, aliases)
    known = known_components(graph, labels)
    clusters = pd.DataFrame(
        {
            "node_type": graph.nodes["node_type"],
            "node_hash": graph.nodes["node_hash"],
            "customer_id": naming.ids[labels],
            "is_known": known[labels],
            "confidence": _confidence(graph),
        }
    )
    events = _events(graph, labels, previous_ids, naming)
    moved = pd.notna(previous_ids) & (previous_ids != naming.ids[labels])
    figures = _figures(graph, labels, known, events, nodes) | {"nodes_moved": int(moved.sum())}
    return Resolution(clusters, edge_table(graph), events, figures)


def _previous_ids(graph: Graph, previous: pd.DataFrame) -> Ids:
    found = graph.nodes[["node_type", "node_hash"]].merge(
        previous[["node_type", "node_hash", "customer_id"]], on=["node_type", "node_hash"], how="left"
    )
    ids = found["customer_id"].to_numpy(dtype=object, copy=True)
    ids[pd.isna(ids)] = None
    return ids


def _confidence(graph: Graph) -> npt.NDArray[np.float64]:
    """Score of the best accepted edge of each node; a node alone is sure of itself, one in quarantine names nobody."""
    edges = graph.accepted
    best = np.zeros(len(graph.nodes))
    for end in ("left", "right"):
        np.maximum.at(best, edges[end].to_numpy(), edges["score"].to_numpy())
    sound = graph.nodes["fault"].isna().to_numpy()
    return np.where(sound, np.where(best == 0, 1.0, best), 0.0)


def _events(graph: Graph, labels: Codes, previous_ids: Ids, naming: Naming) -> pd.DataFrame:
    moved = naming.overlaps[naming.overlaps["old_id"] != naming.ids[naming.overlaps["component"]]]
    if moved.empty:
        return pd.DataFrame(columns=EVENT_COLUMNS)
    living = set(naming.ids)
    causes = _Causes(graph, labels, previous_ids)
    rows = []
    for old_id, component in zip(moved["old_id"], moved["component"], strict=True):
        new_id = naming.ids[component]
        if old_id in living:
            rows.append(("split", old_id, new_id, causes.of_split(old_id, int(component))))
        else:
            rows.append(("merge", new_id, old_id, causes.of_merge(old_id)))
    return pd.DataFrame(rows, columns=EVENT_COLUMNS)


class _Causes:
    """Which edge made or unmade a customer, looked up once for all events."""

    def __init__(self, graph: Graph, labels: Codes, previous_ids: Ids) -> None:
        self._types = graph.nodes["node_type"].to_numpy(dtype=object)
        self._hashes = graph.nodes["node_hash"].to_numpy(dtype=object)
        self._edges = {name: graph.edges[name].to_numpy() for name in ("left", "right", "rule", "reason")}
        edges = graph.edges.sort_values("first_seen_at", ascending=False, kind="stable")
        places = edges.index.to_numpy(dtype=np.int64)
        left, right = edges["left"].to_numpy(), edges["right"].to_numpy()
        accepted = (edges["status"] == "accepted").to_numpy()
        before_left, before_right = previous_ids[left], previous_ids[right]
        self._made: dict[str, int] = {}
        self._unmade: dict[tuple[str, int], int] = {}
        for place in np.flatnonzero(accepted & (before_left != before_right)):
            for old_id in (before_left[place], before_right[place]):
                if old_id is not None:
                    self._made.setdefault(old_id, int(places[place]))
        apart = ~accepted & (before_left == before_right) & pd.notna(before_left) & (labels[left] != labels[right])
        for place in np.flatnonzero(apart):
            for node in (left[place], right[place]):
                self._unmade.setdefault((before_left[place], int(labels[node])), int(places[place]))

    def of_merge(self, retired: str) -> str:
        edge = self._made.get(retired)
        return "identifier shared" if edge is None else self._told(edge)

    def of_split(self, parent: str, component: int) -> str:
        edge = self._unmade.get((parent, component))
        return "link no longer observed" if edge is None else f"{self._told(edge)}: {self._reason(edge)}"

    def _reason(self, edge: int) -> str:
        return str(self._edges["reason"][edge])

    def _told(self, edge: int) -> str:
        ends = (int(self._edges["left"][edge]), int(self._edges["right"][edge]))
        named = " - ".join(f"{self._types[node]} {self._hashes[node][:12]}" for node in ends)
        return f"{named} by {self._edges['rule'][edge]}"


def _figures(
    graph: Graph, labels: Codes, known: npt.NDArray[np.bool_], events: pd.DataFrame, nodes: pd.DataFrame
) -> dict[str, Any]:
    sizes = np.bincount(labels) if len(labels) else np.zeros(1, dtype=np.int64)
    is_record = (graph.nodes["node_type"] == RECORD).to_numpy()
    unusable = nodes[~nodes["is_usable"].astype(bool)]
    faulty = graph.nodes[graph.nodes["fault"].notna() & graph.nodes["is_usable"]]
    ambiguous = faulty["fault"] == AMBIGUOUS
    return {
        "nodes": len(graph.nodes),
        "records": int(is_record.sum()),
        "customers": len(known),
        "customers_known": int(known.sum()),
        "records_per_customer": float(is_record.sum() / max(len(np.unique(labels[is_record])), 1)),
        "cluster_nodes_median": float(np.median(sizes)),
        "cluster_nodes_p99": float(np.quantile(sizes, 0.99)),
        "cluster_nodes_max": int(sizes.max()),
        "edges_accepted": len(graph.accepted),
        "edges_held": len(graph.edges) - len(graph.accepted),
        "hubs": _by_type(faulty[~ambiguous]),
        "ambiguous": _by_type(faulty[ambiguous]),
        "unusable": {
            f"{kind} {reason}": int(count)
            for kind, reason, count in unusable.groupby(["identifier_type", "reason"]).size().reset_index().to_numpy()
        },
        "merges": int((events["event"] == "merge").sum()),
        "splits": int((events["event"] == "split").sum()),
    }


def _by_type(nodes: pd.DataFrame) -> dict[str, int]:
    return {str(kind): int(count) for kind, count in nodes["node_type"].value_counts().sort_index().items()}
