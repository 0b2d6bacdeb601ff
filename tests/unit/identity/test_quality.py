"""Figures of a partition against a truth, by hand and against a count of all pairs."""

from itertools import combinations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.identity.quality import measure

LABELS = st.integers(0, 5)


def by_counting(truth: list[int], predicted: list[int]) -> tuple[float, float, float, float]:
    """Pairwise precision and recall, B-cubed precision and recall, straight from their definitions."""
    pairs = list(combinations(range(len(truth)), 2))
    found = [(i, j) for i, j in pairs if predicted[i] == predicted[j]]
    true = [(i, j) for i, j in pairs if truth[i] == truth[j]]
    hits = len(set(found) & set(true))
    cluster = [{j for j, label in enumerate(predicted) if label == predicted[i]} for i in range(len(truth))]
    person = [{j for j, label in enumerate(truth) if label == truth[i]} for i in range(len(truth))]
    precision = sum(len(c & p) / len(c) for c, p in zip(cluster, person, strict=True)) / len(truth)
    recall = sum(len(c & p) / len(p) for c, p in zip(cluster, person, strict=True)) / len(truth)
    return hits / len(found) if found else 1.0, hits / len(true) if true else 1.0, precision, recall


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=30))
def test_figures_equal_a_count_of_all_pairs(rows: list[tuple[int, int]]) -> None:
    truth, predicted = [row[0] for row in rows], [row[1] for row in rows]
    told = measure(pd.Series(truth), pd.Series(predicted))
    expected = by_counting(truth, predicted)
    names = ("pairwise_precision", "pairwise_recall", "b3_precision", "b3_recall")
    assert [told[name] for name in names] == pytest.approx(expected)


def test_over_merged_counts_clusters_of_several_persons() -> None:
    told = measure(pd.Series(["a", "a", "b", "c", "d"]), pd.Series([1, 1, 1, 2, 3]))
    assert (told["clusters"], told["over_merged"]) == (3, 1)
    assert told["over_merged_share"] == pytest.approx(1 / 3)


def test_records_without_a_truth_are_left_out() -> None:
    told = measure(pd.Series(["a", None, "b"]), pd.Series([1, 1, 2]))
    assert told["pairwise_precision"] == 1.0
    assert told["clusters"] == 2


def test_labels_may_be_numbers_or_texts() -> None:
    assert measure(pd.Series([1, 1, 2]), pd.Series(["x", "x", "y"]))["pairwise_f1"] == 1.0


def test_nothing_to_measure_has_no_error() -> None:
    assert measure(pd.Series([], dtype=object), pd.Series([], dtype=object))["clusters"] == 0


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 true labels for 1 records"):
        measure(pd.Series([1, 2]), pd.Series([1]))
