"""Stable customer ids: a function of what a customer holds, carried over from the partition before."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.components import Codes
from millibar.identity.graph import Graph
from millibar.identity.rules import ANONYMOUS_TYPES, NODE_TYPES, RECORD

Ids = npt.NDArray[np.object_]

_FAR_FUTURE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Naming:
    """``ids``: customer id of each component, shape (components,); ``overlaps``: old_id, component, nodes (shared)."""

    ids: Ids
    overlaps: pd.DataFrame


def name_components(graph: Graph, labels: Codes, previous_ids: Ids, aliases: dict[str, str]) -> Naming:
    """Give every component its customer id.

    ``labels``: component of each node. ``previous_ids``: the node's customer id before, null where it is new.
    ``aliases``: retired id -> the id it was merged into.

    An old customer goes on in the component that holds most of its records (then of its nodes); where several old
    customers claim one component, a known one comes first, then the oldest. A part of a split that an earlier merge
    had swallowed takes its own id back. Everything else is new: its id is a hash of its anchor (oldest record, or
    most trusted identifier), so ids depend on content and never on the order of rows.
    """
    count = int(labels.max()) + 1 if len(labels) else 0
    overlaps = _overlaps(graph, labels, previous_ids)
    anchors = _anchors(graph, labels)
    ids = np.full(count, None, dtype=object)
    _restore(ids, overlaps, anchors, aliases)
    _carry_over(ids, overlaps)
    taken = {identity for identity in ids if identity is not None}
    for component in np.flatnonzero(pd.isna(ids)):
        ids[component] = _new_id(anchors[component], taken)
        taken.add(ids[component])
    return Naming(ids, overlaps)


def known_components(graph: Graph, labels: Codes) -> npt.NDArray[np.bool_]:
    """Components that hold a record or a sound identifier a person gave (more than cookies and devices)."""
    count = int(labels.max()) + 1 if len(labels) else 0
    types = graph.nodes["node_type"]
    sound = ~types.isin(ANONYMOUS_TYPES).to_numpy() & graph.nodes["fault"].isna().to_numpy()
    known = np.zeros(count, dtype=bool)
    known[labels[sound]] = True
    return known


def _ages(graph: Graph) -> Codes:
    """First seen in microseconds; a node without a date counts as the youngest."""
    seen = graph.nodes["first_seen_at"].to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(seen), _FAR_FUTURE, seen.astype(np.int64))


def _anchors(graph: Graph, labels: Codes) -> Ids:
    """``type:hash`` of each component's anchor: most trusted type, then oldest, then smallest hash."""
    if not len(labels):
        return np.empty(0, dtype=object)
    ranks = graph.nodes["node_type"].map({name: rank for rank, name in enumerate(NODE_TYPES)})
    # nodes are in content order, so their position breaks the last tie
    order = np.lexsort((np.arange(len(labels)), _ages(graph), ranks.fillna(len(NODE_TYPES)).to_numpy(), labels))
    first = np.r_[True, np.diff(labels[order]) > 0]
    chosen = order[first]
    types = graph.nodes["node_type"].to_numpy(dtype=object)[chosen]
    hashes = graph.nodes["node_hash"].to_numpy(dtype=object)[chosen]
    return np.asarray([f"{kind}:{value}" for kind, value in zip(types, hashes, strict=True)], dtype=object)


def _overlaps(graph: Graph, labels: Codes, previous_ids: Ids) -> pd.DataFrame:
    """old_id, component, records, nodes, age and was_known (of the old customer): one row a pair sharing a node."""
    member = pd.notna(previous_ids)
    types = graph.nodes["node_type"].to_numpy(dtype=object)[member]
    frame = pd.DataFrame(
        {
            "old_id": previous_ids[member],
            "component": labels[member],
            "records": (types == RECORD).astype(np.int64),
            "given": (~np.isin(types.astype(str), list(ANONYMOUS_TYPES))).astype(np.int64),
            "age": _ages(graph)[member],
        }
    )
    pairs = (
        frame.groupby(["old_id", "component"], sort=True)
        .agg(records=("records", "sum"), nodes=("records", "size"), given=("given", "max"), age=("age", "min"))
        .reset_index()
    )
    whole = pairs.groupby("old_id", sort=False)
    pairs["age"] = whole["age"].transform("min")
    pairs["was_known"] = whole["given"].transform("max") > 0
    return pairs.drop(columns="given")


def _restore(ids: Ids, overlaps: pd.DataFrame, anchors: Ids, aliases: dict[str, str]) -> None:
    """Un-merge: a component whose own id was merged into the customer it now leaves takes that id back."""
    if not aliases or overlaps.empty:
        return
    parts = overlaps.groupby("old_id")["component"].transform("size") > 1
    taken: set[str] = set(overlaps["old_id"])
    for old_id, component in zip(overlaps.loc[parts, "old_id"], overlaps.loc[parts, "component"], strict=True):
        own = hash_id(anchors[component])
        if own != old_id and ids[component] is None and own not in taken and _leads_to(own, old_id, aliases):
            ids[component] = own
            taken.add(own)


def _leads_to(retired: str, survivor: str, aliases: dict[str, str]) -> bool:
    seen: set[str] = set()
    while retired in aliases and retired not in seen:
        seen.add(retired)
        retired = aliases[retired]
        if retired == survivor:
            return True
    return False


def _carry_over(ids: Ids, overlaps: pd.DataFrame) -> None:
    """Each old id chooses its largest part, each component the best of those that chose it; until nothing is left."""
    open_pairs = overlaps[pd.isna(ids[overlaps["component"].to_numpy(dtype=np.int64)])]
    while len(open_pairs):
        choices = open_pairs.sort_values(
            ["old_id", "records", "nodes", "component"], ascending=[True, False, False, True]
        ).drop_duplicates("old_id")
        winners = choices.sort_values(
            ["component", "was_known", "age", "old_id"], ascending=[True, False, True, True]
        ).drop_duplicates("component")
        ids[winners["component"].to_numpy()] = winners["old_id"].to_numpy(dtype=object)
        done = open_pairs["component"].isin(winners["component"]) | open_pairs["old_id"].isin(winners["old_id"])
        open_pairs = open_pairs[~done]


def _new_id(anchor: str, taken: set[str]) -> str:
    """The anchor's id; where a living customer bears it already, the next one derived from the same anchor."""
    identity = hash_id(anchor)
    attempt = 0
    while identity in taken:
        attempt += 1
        identity = hash_id(f"{anchor}#{attempt}")
    return identity


def hash_id(anchor: str) -> str:
    """``c`` and 80 bits of the anchor: among ten million customers two share one with probability 4e-11."""
    return "c" + hashlib.blake2b(anchor.encode(), digest_size=10).hexdigest()
