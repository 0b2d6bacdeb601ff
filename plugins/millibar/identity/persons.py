"""Persons from records: what the matching engine, the observed links and the analysts say about pairs of records."""

from __future__ import annotations

import numpy as np
import pandas as pd

from millibar.identity.clustering import Clustering, ClusterRules, cluster_records
from millibar.identity.graph import Graph, Kinds, carried, links
from millibar.identity.rules import CANNOT_LINK, MUST_LINK, PROBABILISTIC, IdentityRules

PAIR_COLUMNS = ["left", "right", "probability", "rule", "start"]


def linked_pairs(graph: Graph, kinds: Kinds, rules: IdentityRules) -> pd.DataFrame:
    """left, right (positions of records), probability, rule, start: records whose identifiers were seen together.

    Only where neither record carries the other's identifier: of what both carry the matching engine has judged.
    """
    held = carried(graph)
    held = held[~held["is_ended"] & kinds.personal[held["node"].to_numpy(dtype=np.int64)]]
    observed = links(graph, kinds, rules)
    observed = observed[
        kinds.personal[observed["left"].to_numpy()] & kinds.personal[observed["right"].to_numpy()]
    ].rename(columns={"left": "one", "right": "other"})
    if held.empty or observed.empty:
        return pd.DataFrame(columns=PAIR_COLUMNS)
    pairs = observed.merge(held[["record", "node"]], left_on="one", right_on="node").merge(
        held[["record", "node"]], left_on="other", right_on="node", suffixes=("_one", "_other")
    )
    carries = set(zip(held["record"].tolist(), held["node"].tolist(), strict=True))
    apart = [
        first != second and (first, other) not in carries and (second, one) not in carries
        for first, second, one, other in zip(
            pairs["record_one"].tolist(),
            pairs["record_other"].tolist(),
            pairs["one"].tolist(),
            pairs["other"].tolist(),
            strict=True,
        )
    ]
    pairs = pairs[np.asarray(apart, dtype=bool)]
    found = pd.DataFrame(
        {
            "left": np.minimum(pairs["record_one"], pairs["record_other"]),
            "right": np.maximum(pairs["record_one"], pairs["record_other"]),
            "probability": pairs["score"].astype(float),
            "rule": pairs["rule"],
            "start": pairs["first_seen"],
        }
    )
    return found.groupby(["left", "right", "rule"], sort=True, as_index=False).agg(
        probability=("probability", "max"), start=("start", "min")
    )[PAIR_COLUMNS]


def cluster(
    graph: Graph,
    kinds: Kinds,
    features: pd.DataFrame,
    pairs: pd.DataFrame,
    rules: ClusterRules,
) -> Clustering:
    """Persons of the graph's records; positions in the result are places among the records.

    ``features``: one row a record, in the order of the records' positions. ``pairs``: of :func:`linked_pairs`.
    """
    records = np.flatnonzero(kinds.record)
    place = np.full(graph.size, -1, dtype=np.int64)
    place[records] = np.arange(len(records))
    edges = graph.edges
    alike = edges[edges["rule"] == PROBABILISTIC]
    decided = edges[edges["rule"].isin((MUST_LINK, CANNOT_LINK))]
    evidence = pd.DataFrame(
        {
            "left": place[np.r_[alike["left"].to_numpy(np.int64), pairs["left"].to_numpy(np.int64)]],
            "right": place[np.r_[alike["right"].to_numpy(np.int64), pairs["right"].to_numpy(np.int64)]],
            "probability": np.r_[alike["score"].to_numpy(float), pairs["probability"].to_numpy(float)],
        }
    )
    decisions = pd.DataFrame(
        {
            "left": place[decided["left"].to_numpy(np.int64)],
            "right": place[decided["right"].to_numpy(np.int64)],
            "decision": decided["rule"].to_numpy(dtype=object),
        }
    )
    named = features.assign(record_id=graph.nodes["node_hash"].to_numpy(dtype=object)[records])
    return cluster_records(named, evidence, rules, decisions)
