"""How right a partition of records is, against a known truth: pairwise and B-cubed figures, over-merged clusters."""

from __future__ import annotations

import numpy as np
import pandas as pd


def measure(truth: pd.Series, predicted: pd.Series) -> dict[str, float]:
    """Precision, recall and F1 of ``predicted`` against ``truth``, two series of labels of the same records.

    Pairwise: over pairs of records put together. B-cubed: mean over records of the share of its cluster that is its
    own person, and of its person that is in its cluster (Bagga and Baldwin 1998). ``over_merged``: clusters that hold
    records of more than one person. Records without a truth are left out. Raises ``ValueError`` on unequal lengths.
    """
    if len(truth) != len(predicted):
        raise ValueError(f"{len(truth)} true labels for {len(predicted)} records: give one label a record")
    known = truth.notna().to_numpy()
    true_codes, _ = pd.factorize(truth[known])
    codes, _ = pd.factorize(predicted[known].astype(str))
    if not len(codes):
        return _figures(0, 0, 0, np.empty(0), np.empty(0), 0, 0)
    cells = pd.DataFrame({"truth": true_codes, "found": codes}).groupby(["truth", "found"]).size()
    both = cells.to_numpy(dtype=np.float64)
    person = np.bincount(true_codes)[cells.index.get_level_values("truth")].astype(np.float64)
    cluster = np.bincount(codes)[cells.index.get_level_values("found")].astype(np.float64)
    mixed = np.bincount(cells.index.get_level_values("found"))
    return _figures(
        _pairs(both),
        _pairs(np.bincount(codes).astype(np.float64)),
        _pairs(np.bincount(true_codes).astype(np.float64)),
        both * both / cluster / len(codes),
        both * both / person / len(codes),
        len(mixed),
        int((mixed > 1).sum()),
    )


def _pairs(sizes: np.ndarray) -> float:
    return float((sizes * (sizes - 1) / 2).sum())


def _figures(
    hits: float, found: float, true: float, precisions: np.ndarray, recalls: np.ndarray, clusters: int, mixed: int
) -> dict[str, float]:
    precision, recall = hits / found if found else 1.0, hits / true if true else 1.0
    b3_precision = float(precisions.sum()) if clusters else 1.0
    b3_recall = float(recalls.sum()) if clusters else 1.0
    return {
        "pairwise_precision": precision,
        "pairwise_recall": recall,
        "pairwise_f1": _harmonic(precision, recall),
        "b3_precision": b3_precision,
        "b3_recall": b3_recall,
        "b3_f1": _harmonic(b3_precision, b3_recall),
        "clusters": clusters,
        "over_merged": mixed,
        "over_merged_share": mixed / clusters if clusters else 0.0,
    }


def _harmonic(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
