"""The identifier graph: nodes, weighted edges, hubs in quarantine, connected components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.components import Codes, connect
from millibar.identity.households import AMBIGUOUS, hold_ambiguous
from millibar.identity.rules import RECORD, IdentityRules

_SEEN = ["first_seen_at", "last_seen_at"]


@dataclass(frozen=True)
class Graph:
    """Nodes by position, edges between positions.

    ``nodes``: node_type, node_hash, first_seen_at, is_usable, fault (why edges to the node are held, or null).
    ``edges``: left, right (positions, left < right), rule, score, evidence, first_seen_at, last_seen_at,
    status (accepted / held), reason.
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame

    @property
    def accepted(self) -> pd.DataFrame:
        return self.edges[self.edges["status"] == "accepted"]


def build_graph(
    identifiers: pd.DataFrame,
    records: pd.DataFrame,
    links: pd.DataFrame,
    nodes: pd.DataFrame,
    rules: IdentityRules,
) -> Graph:
    """Graph over all identifier nodes and records.

    ``identifiers``: identifier_type, value_hash, first_seen_at (distinct values of every feed).
    ``records``: node_hash (the record), identifier_type, value_hash, first_seen_at, last_seen_at; a record without any
    identifier is one row with nulls. ``links``: left_type, left_value_hash, right_type, right_value_hash, rule,
    evidence, first_seen_at, last_seen_at. ``nodes``: the result of ``normalise_values`` for all these values.

    Raises ``ValueError`` where a value has no node.
    """
    universe = _universe(identifiers, records, nodes)
    position = _key(universe["node_type"], universe["node_hash"])
    node_of = pd.Series(
        position.get_indexer(_key(nodes["identifier_type"], nodes["node_hash"])),
        index=_key(nodes["identifier_type"], nodes["value_hash"]),
    )
    edges = _merged(
        pd.concat([_record_edges(records, position, node_of), _link_edges(links, node_of)], ignore_index=True)
    )
    edges["score"] = edges["rule"].map(rules.rule_scores).astype(float).fillna(rules.minimum_score)
    universe["fault"] = _faults(universe, edges, rules)
    judged, ambiguous = hold_ambiguous(universe, _judged(universe, edges, rules), rules)
    universe.loc[ambiguous, "fault"] = AMBIGUOUS
    return Graph(universe, judged)


def components(graph: Graph) -> Codes:
    """Label of the connected component of each node over accepted edges; shape (nodes,)."""
    edges = graph.accepted
    return connect(len(graph.nodes), edges["left"].to_numpy(), edges["right"].to_numpy())


def edge_table(graph: Graph) -> pd.DataFrame:
    """Edges under the names of their nodes, as ``scores.identity_edges`` keeps them."""
    types = graph.nodes["node_type"].to_numpy(dtype=object)
    hashes = graph.nodes["node_hash"].to_numpy(dtype=object)
    left, right = graph.edges["left"].to_numpy(), graph.edges["right"].to_numpy()
    named = pd.DataFrame(
        {
            "left_type": types[left],
            "left_node": hashes[left],
            "right_type": types[right],
            "right_node": hashes[right],
        }
    )
    return pd.concat([named, graph.edges.drop(columns=["left", "right"]).reset_index(drop=True)], axis=1)


def _key(node_type: pd.Series, node_hash: pd.Series) -> pd.Index:
    return pd.Index(node_type.astype(str) + "\x1f" + node_hash.astype(str))


def _universe(identifiers: pd.DataFrame, records: pd.DataFrame, nodes: pd.DataFrame) -> pd.DataFrame:
    """Every node once, in content order, so that nothing after it depends on the order of rows."""
    values = identifiers.merge(nodes, on=["identifier_type", "value_hash"], how="left")
    if values["node_hash"].isna().any():
        lost = values[values["node_hash"].isna()].iloc[0]
        raise ValueError(
            f"identifier value {lost['value_hash']} ({lost['identifier_type']}) has no node: normalise it first "
            "(scores.identity_nodes is behind int_identity__identifiers)"
        )
    values = values.rename(columns={"identifier_type": "node_type"})
    of_records = records[["node_hash", "first_seen_at"]].assign(node_type=RECORD, is_usable=True, reason=None)
    columns = ["node_type", "node_hash", "first_seen_at", "is_usable", "reason"]
    frames = [frame[columns] for frame in (values, of_records) if len(frame)]
    if not frames:
        return pd.DataFrame(columns=columns)
    both = pd.concat([frame.astype({"reason": object}) for frame in frames], ignore_index=True)
    both["first_seen_at"] = _instants(both["first_seen_at"])
    grouped = both.groupby(["node_type", "node_hash"], sort=True, as_index=False)
    return grouped.agg(
        first_seen_at=("first_seen_at", "min"), is_usable=("is_usable", "all"), reason=("reason", "first")
    )


def _record_edges(records: pd.DataFrame, position: pd.Index, node_of: pd.Series) -> pd.DataFrame:
    carried = records[records["value_hash"].notna()]
    return pd.DataFrame(
        {
            "left": position.get_indexer(_key(pd.Series(RECORD, index=carried.index), carried["node_hash"])),
            "right": _positions(carried["identifier_type"], carried["value_hash"], node_of),
            "rule": RECORD,
            "evidence": np.ones(len(carried), dtype=np.int64),
            **{name: _instants(carried[name]) for name in _SEEN},
        }
    )


def _link_edges(links: pd.DataFrame, node_of: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "left": _positions(links["left_type"], links["left_value_hash"], node_of),
            "right": _positions(links["right_type"], links["right_value_hash"], node_of),
            "rule": links["rule"].to_numpy(),
            "evidence": links["evidence"].to_numpy(dtype=np.int64),
            **{name: _instants(links[name]) for name in _SEEN},
        }
    )


def _instants(column: pd.Series) -> npt.NDArray[np.datetime64]:
    """Naive UTC: arrays of zoned timestamps are objects, fifty times slower to group."""
    return np.asarray(pd.to_datetime(column, utc=True).dt.tz_localize(None), dtype="datetime64[us]")


def _positions(identifier_type: pd.Series, value_hash: pd.Series, node_of: pd.Series) -> Codes:
    keys = _key(identifier_type, value_hash)
    found = node_of.index.get_indexer(keys)
    positions = np.where(found >= 0, node_of.to_numpy()[found], -1) if len(node_of) else np.full(len(keys), -1)
    if (positions < 0).any():
        raise ValueError(
            f"a record or link carries {keys[int(np.argmax(positions < 0))]!r}, which is not among the identifiers: "
            "rebuild int_identity__identifiers"
        )
    return positions.astype(np.int64)


def _merged(edges: pd.DataFrame) -> pd.DataFrame:
    """One row a pair of nodes and rule: several spellings of one value give one edge with more evidence."""
    left = np.minimum(edges["left"], edges["right"])
    right = np.maximum(edges["left"], edges["right"])
    pairs = edges.assign(left=left, right=right)
    pairs = pairs[pairs["left"] != pairs["right"]]
    grouped = pairs.groupby(["left", "right", "rule"], sort=True, as_index=False)
    return grouped.agg(
        evidence=("evidence", "sum"), first_seen_at=("first_seen_at", "min"), last_seen_at=("last_seen_at", "max")
    )


def _faults(universe: pd.DataFrame, edges: pd.DataFrame, rules: IdentityRules) -> npt.NDArray[np.object_]:
    """Why edges to a node are held: it is unusable, or a hub; null for a node in good standing."""
    faults = np.full(len(universe), None, dtype=object)
    usable = universe["is_usable"].to_numpy(dtype=bool)
    kinds, reasons = universe["node_type"].to_numpy(dtype=object), universe["reason"].to_numpy(dtype=object)
    for node in np.flatnonzero(~usable):
        faults[node] = f"{kinds[node]} unusable: {reasons[node]}"
    types, found_types = pd.factorize(universe["node_type"])
    names = [str(name) for name in found_types]
    pairs = edges[["left", "right"]].drop_duplicates().to_numpy()
    pairs = pairs[usable[pairs].all(axis=1)] if len(pairs) else pairs.reshape(0, 2)
    ends = np.concatenate([pairs[:, 0], pairs[:, 1]])
    others = np.concatenate([pairs[:, 1], pairs[:, 0]])
    # distinct neighbours of each node, by the neighbour's type; shape (nodes, types)
    degrees = np.bincount(ends * len(names) + types[others], minlength=len(universe) * len(names))
    degrees = degrees.reshape(len(universe), len(names))
    for limit in rules.limits:
        if limit.counted_type not in names or limit.node_type not in names:
            continue
        degree = degrees[:, names.index(limit.counted_type)]
        for node in np.flatnonzero((types == names.index(limit.node_type)) & (degree > limit.limit)):
            if faults[node] is None:
                faults[node] = f"{limit.node_type} tied to {degree[node]} of {limit.counted_type}, limit {limit.limit}"
    return faults


def _judged(universe: pd.DataFrame, edges: pd.DataFrame, rules: IdentityRules) -> pd.DataFrame:
    faults = universe["fault"].to_numpy(dtype=object)
    left, right = faults[edges["left"].to_numpy()], faults[edges["right"].to_numpy()]
    reason = np.where(pd.notna(left), left, right)
    weak = pd.isna(reason) & (edges["score"].to_numpy() < rules.minimum_score)
    reason = np.where(weak, f"score below {rules.minimum_score:g}", reason)
    status = np.where(pd.notna(reason), "held", "accepted")
    return edges.assign(status=status, reason=reason)
