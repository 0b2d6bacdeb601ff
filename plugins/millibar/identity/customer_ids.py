"""Stable customer ids: a function of what a customer holds, carried over from the partition before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.components import Codes
from millibar.identity.graph import Graph
from millibar.identity.rules import ANONYMOUS_TYPES, NODE_TYPES, RECORD

Ids = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Naming:
    """``ids``: customer id of each component, shape (components,); ``overlaps``: old_id, component, nodes (shared)."""

    ids: Ids
    overlaps: pd.DataFrame


def name_components(
    graph: Graph,
    labels: Codes,
    previous_ids: Ids,
    aliases: dict[str, str],
    shared: dict[int, int] | None = None,
    living: Callable[[Iterable[str]], set[str]] = lambda _: set(),
) -> Naming:
    """Give every component its customer id.

    ``labels``: component of each node. ``previous_ids``: the node's customer id before, null where it is new.
    ``aliases``: retired id -> the id it was merged into. ``shared``: component -> its only node, for nodes that several
    customers share now: such a component is named by its node alone. ``living``: which of some ids customers bear who
    are not among these nodes.

    An old customer goes on in the component that holds most of its records (then of its nodes); where several old
    customers claim one component, a known one comes first, then the oldest. A part of a split that an earlier merge
    had swallowed takes its own id back. Everything else is new: its id is a hash of its anchor (oldest record, or
    most trusted identifier), so ids depend on content and never on the order of rows.
    """
    count = int(labels.max()) + 1 if len(labels) else 0
    overlaps = _overlaps(graph, labels, previous_ids)
    ids = np.full(count, None, dtype=object)
    names = graph.names()
    for component, node in (shared or {}).items():
        ids[component] = shared_id(names[node])
    _restore(ids, overlaps, graph, labels, aliases, living)
    _carry_over(ids, overlaps)
    _name_new(ids, _anchors(graph, labels), living)
    return Naming(ids, overlaps)


def _name_new(ids: Ids, anchors: Ids, living: Callable[[Iterable[str]], set[str]]) -> None:
    """Where a living customer bears the anchor's id already, the next one derived from the same anchor."""
    taken = {identity for identity in ids if identity is not None}
    unnamed = np.flatnonzero(pd.isna(ids)).tolist()
    attempt = 0
    while unnamed:
        wanted = {component: hash_id(anchors[component] + (f"#{attempt}" if attempt else "")) for component in unnamed}
        taken |= living(wanted.values())
        again = []
        for component, identity in wanted.items():
            if identity in taken:
                again.append(component)
            else:
                ids[component] = identity
                taken.add(identity)
        unnamed, attempt = again, attempt + 1


def known_components(graph: Graph, labels: Codes, sound: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Components that hold one of the ``sound`` nodes: a record or an identifier a person gave."""
    count = int(labels.max()) + 1 if len(labels) else 0
    known = np.zeros(count, dtype=bool)
    known[labels[sound]] = True
    return known


def _ages(graph: Graph) -> Codes:
    """First seen in microseconds; a node without a date counts as the youngest."""
    return graph.nodes["first_seen"].to_numpy(dtype=np.int64)


def _anchors(graph: Graph, labels: Codes) -> Ids:
    """``type:hash`` of each component's anchor: most trusted type, then oldest, then smallest hash."""
    if not len(labels):
        return np.empty(0, dtype=object)
    ranks = graph.nodes["node_type"].map({name: rank for rank, name in enumerate(NODE_TYPES)})
    # nodes are in content order, so their position breaks the last tie
    order = np.lexsort((np.arange(len(labels)), _ages(graph), ranks.fillna(len(NODE_TYPES)).to_numpy(), labels))
    first = np.r_[True, np.diff(labels[order]) > 0]
    return graph.names()[order[first]]


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


def _restore(
    ids: Ids,
    overlaps: pd.DataFrame,
    graph: Graph,
    labels: Codes,
    aliases: dict[str, str],
    living: Callable[[Iterable[str]], set[str]],
) -> None:
    """Un-merge: a part of a split whose own id was merged into the customer it now leaves takes that id back.

    A part's own ids are those derived from one of its nodes.
    """
    if not aliases or overlaps.empty:
        return
    parts = overlaps[overlaps.groupby("old_id")["component"].transform("size") > 1]
    wanted = np.isin(labels, parts["component"].to_numpy(dtype=np.int64))
    retired: dict[int, list[str]] = {}
    for name, component in zip(graph.names()[wanted].tolist(), labels[wanted].tolist(), strict=True):
        if (own := hash_id(name)) in aliases:
            retired.setdefault(component, []).append(own)
    taken = set(overlaps["old_id"]) | living({own for owns in retired.values() for own in owns})
    for old_id, component in zip(parts["old_id"].tolist(), parts["component"].tolist(), strict=True):
        for own in sorted(retired.get(component, ())):
            if ids[component] is None and own not in taken and _leads_to(own, old_id, aliases):
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


def shared_id(name: str) -> str:
    """Customer id of what a node (``type:hash``) means while several customers share it."""
    return hash_id(f"shared:{name}")


def hash_id(anchor: str) -> str:
    """``c`` and 80 bits of the anchor: among ten million customers two share one with probability 4e-11."""
    return "c" + hashlib.blake2b(anchor.encode(), digest_size=10).hexdigest()
