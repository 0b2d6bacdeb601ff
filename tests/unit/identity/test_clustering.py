"""Average linkage under guards and decisions: what joins, what does not, and that order does not matter."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.identity.clustering import Clustering, ClusterRules, cluster_records
from millibar.identity.guards import Guards

NO_GUARDS = ClusterRules(missing=0.0, guards=Guards(dict.fromkeys(("loyalty_id", "birth_date", "given_name"), "off")))


def records(size: int, **columns: list[str | None]) -> pd.DataFrame:
    names = ("given_name", "family_name", "name_key", "birth_date", "loyalty_id")
    empty = {name: [None] * size for name in names}
    ids = {"record_id": [f"r{place:06d}" for place in range(size)]}
    return pd.DataFrame(ids | empty | columns).astype(object)


def edges(*rows: tuple[int, int, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["left", "right", "probability"]).astype(
        {"left": np.int64, "right": np.int64, "probability": float}
    )


def decisions(*rows: tuple[int, int, str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["left", "right", "decision"])


def groups(clustering: Clustering) -> set[frozenset[int]]:
    labels = clustering.labels
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def sets(*groups: set[int]) -> set[frozenset[int]]:
    return {frozenset(group) for group in groups}


def test_a_chain_of_weak_links_does_not_swallow_everybody() -> None:
    told = cluster_records(records(4), edges((0, 1, 0.9), (1, 2, 0.6), (2, 3, 0.9)), NO_GUARDS)
    assert groups(told) == sets({0, 1}, {2, 3})
    assert told.refusals[["left", "right"]].to_numpy().tolist() == [[1, 2]]
    assert "too weak" in told.refusals["reason"].iat[0]


def test_strong_evidence_between_groups_joins_them() -> None:
    every = [(i, j, 0.9) for i in range(4) for j in range(i + 1, 4)]
    assert groups(cluster_records(records(4), edges(*every), NO_GUARDS)) == sets({0, 1, 2, 3})


def test_a_record_without_evidence_is_its_own_customer() -> None:
    told = cluster_records(records(3), edges((0, 1, 0.9)), NO_GUARDS)
    assert groups(told) == sets({0, 1}, {2})
    assert told.confidence.tolist() == [0.9, 0.9, 1.0]


@pytest.mark.parametrize("size", [0, 1, 2])
def test_nothing_to_compare(size: int) -> None:
    told = cluster_records(records(size), edges(), ClusterRules())
    assert told.labels.tolist() == list(range(size))
    assert told.refusals.empty


def test_a_guard_keeps_strong_pairs_apart_and_says_why() -> None:
    births = ["1950-05-06", "1950-05-06", "1978-11-21"]
    told = cluster_records(
        records(3, birth_date=births), edges((0, 1, 0.99), (0, 2, 0.98), (1, 2, 0.97)), ClusterRules()
    )
    assert groups(told) == sets({0, 1}, {2})
    assert set(told.refusals["reason"]) == {"birth dates far apart"}
    assert set(told.review["reason"]) == {"strong evidence, kept apart"}


def test_the_bridge_between_father_and_son_joins_one_of_them_only() -> None:
    """A record without a birth date fits both; through it the two must not become one."""
    births = ["1950-05-06", None, "1978-11-21"]
    told = cluster_records(records(3, birth_date=births), edges((0, 1, 0.99), (1, 2, 0.98)), ClusterRules())
    assert groups(told) == sets({0, 1}, {2})


def test_one_wrong_field_among_many_records_does_not_split_a_person() -> None:
    births = ["1950-05-06"] * 5 + ["1931-12-24"]
    every = [(i, j, 0.95) for i in range(6) for j in range(i + 1, 6)]
    # merged from the far end first, so that the odd record meets a group that outvotes it
    every = [(i, j, 0.6 if j == 5 else p) for i, j, p in every]
    assert groups(cluster_records(records(6, birth_date=births), edges(*every), ClusterRules())) == sets(
        {0, 1, 2, 3, 4}, {5}
    )
    tolerant = ClusterRules(conflict_share=1.1)
    assert groups(cluster_records(records(6, birth_date=births), edges(*every), tolerant)) == sets(set(range(6)))


def test_must_link_stands_above_guards_and_missing_evidence() -> None:
    births = ["1950-05-06", "1978-11-21", None]
    told = cluster_records(
        records(3, birth_date=births),
        edges((0, 1, 0.9)),
        ClusterRules(),
        decisions((1, 0, "must_link"), (1, 2, "must_link")),
    )
    assert groups(told) == sets({0, 1, 2})


def test_cannot_link_stands_above_any_evidence_and_holds_through_others() -> None:
    every = edges((0, 1, 0.99), (0, 2, 0.99), (1, 2, 0.99))
    told = cluster_records(records(3), every, NO_GUARDS, decisions((2, 0, "cannot_link")))
    assert told.labels[0] != told.labels[2]
    assert "manual decision" in set(told.refusals["reason"])
    unknown = cluster_records(
        records(3), edges((0, 1, 0.99), (1, 2, 0.98)), NO_GUARDS, decisions((0, 2, "cannot_link"))
    )
    assert groups(unknown) == sets({0, 1}, {2})


def test_contradicting_decisions_are_refused() -> None:
    wrong = decisions((0, 1, "must_link"), (1, 2, "must_link"), (0, 2, "cannot_link"))
    with pytest.raises(ValueError, match="take one of these decisions back"):
        cluster_records(records(3), edges(), ClusterRules(), wrong)


def test_near_pairs_are_for_an_analyst_to_look_at() -> None:
    told = cluster_records(records(4), edges((0, 1, 0.55), (2, 3, 0.45)), NO_GUARDS)
    assert dict(zip(told.review["left"], told.review["reason"], strict=True)) == {
        0: "near the threshold, joined",
        2: "near the threshold, kept apart",
    }


PAIRS = st.lists(
    st.tuples(st.integers(0, 11), st.integers(0, 11), st.sampled_from([0.2, 0.5, 0.7, 0.7, 0.9, 0.99])), max_size=40
)
BIRTHS = st.lists(st.sampled_from([None, "1950-05-06", "1978-11-21", "1978-11-22"]), min_size=12, max_size=12)


@settings(max_examples=150, deadline=None)
@given(PAIRS, BIRTHS, st.permutations(range(12)), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows, births, order, random) -> None:
    frame = records(12, birth_date=births)
    told = cluster_records(frame, edges(*rows), ClusterRules())
    place = {old: new for new, old in enumerate(order)}
    moved = [(place[a], place[b], p) if random.random() < 0.5 else (place[b], place[a], p) for a, b, p in rows]
    random.shuffle(moved)
    again = cluster_records(frame.iloc[list(order)].reset_index(drop=True), edges(*moved), ClusterRules())
    assert {frozenset(order[i] for i in group) for group in groups(again)} == groups(told)


@settings(max_examples=100, deadline=None)
@given(PAIRS, BIRTHS)
def test_a_component_is_clustered_the_same_alone(rows, births) -> None:
    """What incremental runs rest on: components over strong edges do not see each other."""
    frame = records(12, birth_date=births)
    whole = cluster_records(frame, edges(*rows), ClusterRules())
    strong = [(a, b) for a, b, p in rows if p >= ClusterRules().threshold]
    reached = {0}
    while grown := {n for pair in strong for n in pair if set(pair) & reached} - reached:
        reached |= grown
    members = sorted(reached)
    place = {old: new for new, old in enumerate(members)}
    own = [(place[a], place[b], p) for a, b, p in rows if a in place and b in place]
    alone = cluster_records(frame.iloc[members].reset_index(drop=True), edges(*own), ClusterRules())
    expected = {group for group in groups(whole) if group <= reached}
    assert {frozenset(members[i] for i in group) for group in groups(alone)} == expected


def reference(size: int, rows: list[tuple[int, int, float]], threshold: float) -> set[frozenset[int]]:
    """Average linkage as a textbook has it: all means again after each merge."""
    best: dict[tuple[int, int], float] = {}
    for one, other, probability in rows:
        if one != other:
            key = min(one, other), max(one, other)
            best[key] = max(best.get(key, 0.0), probability)
    found = [frozenset({place}) for place in range(size)]

    def mean(a: frozenset[int], b: frozenset[int]) -> float:
        return sum(best.get((min(i, j), max(i, j)), 0.0) for i in a for j in b) / (len(a) * len(b))

    while len(found) > 1:
        top = max(((mean(a, b), a, b) for k, a in enumerate(found) for b in found[:k]), key=lambda row: row[0])
        if round(top[0], 9) < threshold:
            break
        found = [group for group in found if group not in top[1:]] + [top[1] | top[2]]
    return set(found)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8), st.floats(0.01, 1.0)), max_size=30, unique=True))
def test_without_guards_it_is_average_linkage(rows) -> None:
    """Against a direct implementation; sums of distinct random probabilities practically never tie."""
    rows = [(a, b, round(p, 6) + place * 1e-7) for place, (a, b, p) in enumerate(rows)]
    told = cluster_records(records(9), edges(*rows), NO_GUARDS)
    assert groups(told) == reference(9, rows, NO_GUARDS.threshold)


@pytest.mark.parametrize("shape", ["star", "chain"])
def test_a_component_of_100_000_records_does_not_stop_the_run(shape: str) -> None:
    size = 100_000
    left = np.zeros(size - 1, dtype=np.int64) if shape == "star" else np.arange(size - 1)
    frame = pd.DataFrame({"left": left, "right": np.arange(1, size), "probability": 0.99})
    told = cluster_records(records(size), frame, ClusterRules(missing=0.0))
    assert np.bincount(told.labels).max() == 2
    assert len(told.labels) == size


def test_a_pair_without_an_edge_must_not_reach_the_threshold() -> None:
    with pytest.raises(ValueError, match="lower it"):
        ClusterRules(threshold=0.5, missing=0.5)
