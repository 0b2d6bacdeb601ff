"""Merges and splits of customers, and the edge that made or unmade each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.identity.components import Codes
from millibar.identity.customer_ids import Ids, Naming
from millibar.identity.graph import Graph

EVENT_COLUMNS = ["event", "customer_id", "other_customer_id", "because"]


def events(graph: Graph, judged: pd.DataFrame, labels: Codes, previous_ids: Ids, naming: Naming) -> pd.DataFrame:
    """event, customer_id, other_customer_id, because: one row an old customer and another it became part of.

    ``judged``: status and reason of each edge. A merge: ``other_customer_id`` lives no more. A split: part of
    ``customer_id`` is ``other_customer_id`` now.
    """
    if naming.overlaps.empty:
        return pd.DataFrame(columns=EVENT_COLUMNS)
    moved = naming.overlaps[naming.overlaps["old_id"] != naming.ids[naming.overlaps["component"]]]
    if moved.empty:
        return pd.DataFrame(columns=EVENT_COLUMNS)
    living = set(naming.ids)
    causes = _Causes(graph, judged, labels, previous_ids)
    rows = []
    heirs: dict[str, str] = {}
    ordered = moved.sort_values(["old_id", "records", "nodes", "component"], ascending=[True, False, False, True])
    for old_id, component in zip(ordered["old_id"].tolist(), ordered["component"].tolist(), strict=True):
        new_id = naming.ids[component]
        if old_id in living or old_id in heirs:
            # what is left of one that ended as part of another goes apart from its heir
            rows.append(("split", heirs.get(old_id, old_id), new_id, causes.of_split(old_id, int(component))))
        else:
            heirs[old_id] = new_id
            rows.append(("merge", new_id, old_id, causes.of_merge(old_id)))
    found = pd.DataFrame(rows, columns=EVENT_COLUMNS)
    return found[found["customer_id"] != found["other_customer_id"]].reset_index(drop=True)


class _Causes:
    """Which edge made or unmade a customer, looked up once for all events."""

    def __init__(self, graph: Graph, judged: pd.DataFrame, labels: Codes, previous_ids: Ids) -> None:
        self._types = graph.types()
        self._hashes = graph.nodes["node_hash"].to_numpy(dtype=object)
        self._left, self._right = (graph.edges[name].to_numpy(np.int64) for name in ("left", "right"))
        self._rule = graph.edges["rule"].to_numpy(dtype=object)
        self._reason = judged["reason"].to_numpy(dtype=object)
        faults = graph.nodes["fault"].to_numpy(dtype=object)
        faulty = np.flatnonzero(pd.notna(faults) & pd.notna(previous_ids))
        self._faults = dict(zip(previous_ids[faulty[::-1]], faults[faulty[::-1]], strict=True))
        places = np.argsort(-graph.edges["first_seen"].to_numpy(np.int64), kind="stable")
        left, right = self._left[places], self._right[places]
        accepted = (judged["status"] == "accepted").to_numpy(dtype=bool)[places]
        before_left, before_right = previous_ids[left], previous_ids[right]
        self._made: dict[str, int] = {}
        self._unmade: dict[tuple[str, int], int] = {}
        for place in np.flatnonzero(accepted & (before_left != before_right)).tolist():
            for old_id in (before_left[place], before_right[place]):
                if old_id is not None:
                    self._made.setdefault(old_id, int(places[place]))
        apart = ~accepted & (before_left == before_right) & pd.notna(before_left) & (labels[left] != labels[right])
        for place in np.flatnonzero(apart).tolist():
            for node in (left[place], right[place]):
                self._unmade.setdefault((before_left[place], int(labels[node])), int(places[place]))

    def of_merge(self, retired: str) -> str:
        edge = self._made.get(retired)
        return "identifier shared" if edge is None else self._told(edge)

    def of_split(self, parent: str, component: int) -> str:
        edge = self._unmade.get((parent, component))
        if edge is not None:
            return f"{self._told(edge)}: {self._reason[edge]}"
        # the edges of a node in quarantine are not among the graph's
        return str(self._faults.get(parent, "link no longer observed"))

    def _told(self, edge: int) -> str:
        named = " - ".join(
            f"{self._types[node]} {self._hashes[node][:12]}" for node in (self._left[edge], self._right[edge])
        )
        return f"{named} by {self._rule[edge]}"
