"""The identifier graph: records and identifiers by position, the edges between them, and what kind of node each is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.periods import FOREVER
from millibar.identity.rules import ANONYMOUS_TYPES, LINK_RULES, RECORD, IdentityRules

Mask = npt.NDArray[np.bool_]

NODE_COLUMNS = ["node_type", "node_hash", "first_seen", "reason", "is_usable", "fault"]
EDGE_COLUMNS = ["left", "right", "rule", "score", "first_seen", "last_seen", "status"]


@dataclass(frozen=True)
class Graph:
    """Nodes by position, in order of type and hash; edges between positions.

    ``nodes``: node_type, node_hash, first_seen (microseconds since 1970, FOREVER where unknown), reason (of a usable
    value, such as landline, or null), fault (why evidence that touches the node is held, or null).
    ``edges``: left, right (positions, left < right), rule, score, first_seen, last_seen (microseconds; ALWAYS and
    FOREVER where unknown), status (``ended`` where a record no longer carries the identifier).
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame

    def __post_init__(self) -> None:
        left, right = self.edges["left"].to_numpy(), self.edges["right"].to_numpy()
        if len(left) and not (left < right).all():
            raise ValueError("edges must lead from a lower to a higher position")

    @property
    def size(self) -> int:
        return len(self.nodes)

    def types(self) -> npt.NDArray[np.object_]:
        return self.nodes["node_type"].to_numpy(dtype=object)

    def names(self) -> npt.NDArray[np.object_]:
        """``type:hash`` of each node."""
        return (self.nodes["node_type"].astype(str) + ":" + self.nodes["node_hash"].astype(str)).to_numpy(dtype=object)


@dataclass(frozen=True)
class Kinds:
    """Which nodes are records, identifiers of a person, identifiers a household shares; nodes with a fault are none."""

    record: Mask
    personal: Mask
    shared: Mask

    @classmethod
    def of(cls, graph: Graph, rules: IdentityRules) -> Kinds:
        types, sound = graph.nodes["node_type"], graph.nodes["fault"].isna().to_numpy()
        record = (types == RECORD).to_numpy(dtype=bool)
        household = types.isin(rules.shared_types) | graph.nodes["reason"].isin(rules.shared_reasons)
        shared = household.to_numpy(dtype=bool)
        return cls(record, sound & ~record & ~shared, sound & ~record & shared)


def carried(graph: Graph) -> pd.DataFrame:
    """record, node, start, end, is_ended: identifiers of records; what a record still carries has no end."""
    edges = graph.edges[graph.edges["rule"] == RECORD]
    left_is_record = (graph.types()[edges["left"].to_numpy()] == RECORD) if len(edges) else np.empty(0, dtype=bool)
    left, right = edges["left"].to_numpy(), edges["right"].to_numpy()
    ended = (edges["status"] == "ended").to_numpy(dtype=bool)
    return pd.DataFrame(
        {
            "record": np.where(left_is_record, left, right),
            "node": np.where(left_is_record, right, left),
            "start": edges["first_seen"].to_numpy(dtype=np.int64),
            "end": np.where(ended, edges["last_seen"].to_numpy(dtype=np.int64), FOREVER),
            "is_ended": ended,
        }
    )


def links(graph: Graph, kinds: Kinds, rules: IdentityRules) -> pd.DataFrame:
    """Edges between two sound identifiers, strong enough to count."""
    edges = graph.edges
    sound = kinds.personal | kinds.shared
    left, right = edges["left"].to_numpy(), edges["right"].to_numpy()
    strong = edges["score"].to_numpy(dtype=float) >= rules.minimum_score
    counts: Mask = edges["rule"].isin(LINK_RULES).to_numpy(dtype=bool) & sound[left] & sound[right] & strong
    return edges.loc[counts]


def between_records(graph: Graph) -> Mask:
    """Which edges tie two records."""
    record = (graph.nodes["node_type"] == RECORD).to_numpy(dtype=bool)
    return np.asarray(record[graph.edges["left"].to_numpy()] & record[graph.edges["right"].to_numpy()], dtype=np.bool_)


def is_sound_identity(graph: Graph) -> Mask:
    """Nodes that make a customer known: a record, or a sound identifier a person gave (not a cookie, not a device)."""
    types = graph.nodes["node_type"]
    return np.asarray(
        ~types.isin(ANONYMOUS_TYPES).to_numpy(dtype=bool) & graph.nodes["fault"].isna().to_numpy(), dtype=np.bool_
    )
