"""Records in, customers out: the whole of identity resolution on one table, outside the warehouse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from millibar.identity.clustering import Clustering, ClusterRules, cluster_records
from millibar.identity.customer_ids import hash_id
from millibar.identity.matching import (
    BLOCK_COLUMNS,
    MatchModel,
    MatchPlan,
    default_model,
    prepare,
    score,
    train,
    withdraw,
)
from millibar.identity.matching.features import IDENTIFIERS
from millibar.identity.rules import RECORD, IdentityRules

# A mail or phone under more names than this is a call center's or a shop's, and evidence of nothing.
MOST_NAMES = 12
LEAST_TO_TRAIN = 2_000  # records below which the shipped model knows more than the file can teach
MAPPING_COLUMNS = ["record_id", "customer_id", "confidence"]


@dataclass(frozen=True)
class Identified:
    """``mapping``: record_id, customer_id, confidence, in the order of the records. ``edges``: as
    :func:`millibar.identity.matching.score`. ``refusals``, ``review``: as :class:`Clustering`. ``metrics``: figures to
    print. ``features``: what was compared. ``model``: what scored.
    """

    mapping: pd.DataFrame
    edges: pd.DataFrame
    refusals: pd.DataFrame
    review: pd.DataFrame
    metrics: dict[str, Any]
    features: pd.DataFrame
    model: MatchModel


def identify(
    records: pd.DataFrame,
    plan: MatchPlan,
    rules: IdentityRules,
    cluster_rules: ClusterRules,
    decisions: pd.DataFrame | None = None,
    previous: pd.DataFrame | None = None,
    model: MatchModel | None = None,
) -> Identified:
    """Find the customers among records.

    ``records``: record_id (unique) and the plan's columns. ``decisions``: left, right (positions), decision.
    ``previous``: record_id, customer_id of an earlier mapping whose ids go on. ``model``: one trained before; else one
    is trained on these records, or the shipped one taken where they are few. The order of rows does not matter.
    """
    started = time.perf_counter()
    prepared = prepare(records, plan, rules)
    features, quarantined = quarantine(prepared.features)
    model = model or choose_model(features, plan)
    edges = score(features, model)
    if "household" not in model.settings:
        cluster_rules = replace(cluster_rules, threshold=cluster_rules.threshold_without_households)
    clustering = cluster_records(features, edges, cluster_rules, decisions)
    mapping = pd.DataFrame(
        {
            "record_id": features["record_id"],
            "customer_id": _customer_ids(features["record_id"], clustering.labels, previous),
            "confidence": clustering.confidence.round(6),
        }
    )
    metrics = _metrics(features, plan, clustering, edges, model) | {
        "faults": prepared.faults,
        "quarantined": quarantined,
        "seconds": round(time.perf_counter() - started, 2),
    }
    return Identified(mapping, edges, clustering.refusals, clustering.review, metrics, features, model)


def quarantine(features: pd.DataFrame, most_names: int = MOST_NAMES) -> tuple[pd.DataFrame, dict[str, int]]:
    """The features without the identifiers that more than ``most_names`` names share, and their number by kind."""
    held: dict[str, int] = {}
    for kind in IDENTIFIERS:
        used = features[features[kind].notna() & features["name_key"].notna()]
        counts = used.groupby(kind)["name_key"].nunique()
        hubs = counts.index[counts > most_names]
        if len(hubs):
            held[kind] = len(hubs)
            features = withdraw(features, kind, features[kind].isin(hubs).to_numpy(dtype=np.bool_))
    return features, held


def choose_model(features: pd.DataFrame, plan: MatchPlan) -> MatchModel:
    """A model trained on the records; of few records, the shipped one where it compares all that the plan has."""
    return train(features, plan) if len(features) >= LEAST_TO_TRAIN else default_model().for_plan(plan)


def _customer_ids(
    records: pd.Series, labels: npt.NDArray[np.int64], previous: pd.DataFrame | None
) -> npt.NDArray[np.object_]:
    """Ids by content: of the smallest record id of each customer, or carried over from ``previous``."""
    ids = np.full(int(labels.max()) + 1 if len(labels) else 0, None, dtype=object)
    names = records.to_numpy(dtype=object)
    order = np.argsort(names, kind="stable")
    anchors = pd.Series(names[order]).groupby(labels[order]).first().to_numpy(dtype=object)
    if previous is not None and len(previous):
        for old_id, label in _carried_over(records, labels, previous):
            ids[label] = old_id
    taken = {identity for identity in ids if identity is not None}
    for label in np.flatnonzero(pd.isna(ids)).tolist():
        anchor, attempt = f"{RECORD}:{anchors[label]}", 0
        while (identity := hash_id(anchor + (f"#{attempt}" if attempt else ""))) in taken:
            attempt += 1
        ids[label] = identity
        taken.add(identity)
    return np.asarray(ids[labels], dtype=object)


def _carried_over(
    records: pd.Series, labels: npt.NDArray[np.int64], previous: pd.DataFrame
) -> Iterator[tuple[str, int]]:
    """Old id and the customer it goes on in: largest overlap first, then the id of the smallest record."""
    old = records.map(previous.set_index("record_id")["customer_id"])
    frame = pd.DataFrame({"old_id": old, "label": labels, "record": records})[old.notna().to_numpy()]
    shares = frame.groupby(["old_id", "label"], sort=True).agg(size=("record", "size"), first=("record", "min"))
    shares = shares.reset_index().sort_values(["size", "first"], ascending=[False, True])
    gone: set[str] = set()
    filled: set[int] = set()
    for old_id, label in zip(shares["old_id"].tolist(), shares["label"].tolist(), strict=True):
        if old_id not in gone and label not in filled:
            gone.add(old_id)
            filled.add(label)
            yield old_id, label


def _metrics(
    features: pd.DataFrame, plan: MatchPlan, clustering: Clustering, edges: pd.DataFrame, model: MatchModel
) -> dict[str, Any]:
    records = len(features)
    sizes = np.bincount(clustering.labels) if records else np.zeros(0, dtype=np.int64)
    customers = len(sizes)
    blocked = features[list(BLOCK_COLUMNS)].notna().any(axis=1)
    names = [name for name in plan.fields if name in features and name != "record_id"]
    names += [extra.name for extra in plan.extras]
    names += [part for part in ("given_name", "family_name") if "full_name" in plan.fields and part not in names]
    return {
        "records": records,
        "customers": customers,
        "compression": round(records / customers, 4) if customers else 1.0,
        "cluster_records_median": float(np.median(sizes)) if customers else 0.0,
        "cluster_records_p99": float(np.quantile(sizes, 0.99)) if customers else 0.0,
        "cluster_records_max": int(sizes.max()) if customers else 0,
        "records_without_evidence": int((~blocked).sum()),
        "edges": len(edges),
        "completeness": {name: round(float(features[name].notna().mean()), 4) if records else 0.0 for name in names},
        "refusals": _counted(clustering.refusals),
        "review": len(clustering.review),
        "guards": list(clustering.guards),
        "model": model.version,
    }


def _counted(refusals: pd.DataFrame) -> dict[str, int]:
    return {str(reason): int(count) for reason, count in refusals["reason"].value_counts().sort_index().items()}
