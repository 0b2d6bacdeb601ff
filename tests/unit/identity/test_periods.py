"""Whose a node was when: disjoint periods that cover all time, whatever the sightings."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.identity.periods import ALWAYS, FOREVER, NOBODY, Sighting, clipped, timeline

A, B, C = 1, 2, 3


def told(*sightings: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    return [(p.owner, p.start, p.end) for p in timeline(Sighting(*row) for row in sightings)]


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        pytest.param([], [], id="never seen"),
        pytest.param([(A, 1, 5), (A, 9, 9)], [(A, ALWAYS, FOREVER)], id="one customer has it always"),
        pytest.param([(A, 1, 5), (B, 9, 12)], [(A, ALWAYS, 9), (B, 9, FOREVER)], id="in turn"),
        pytest.param([(A, 1, 1), (B, 3, 3)], [(A, ALWAYS, 3), (B, 3, FOREVER)], id="in turn, each seen once"),
        pytest.param([(A, 1, 5), (B, 5, 9)], [(A, ALWAYS, 5), (B, 5, FOREVER)], id="handed over in one moment"),
        pytest.param(
            [(A, 1, 5), (B, 3, 8)], [(A, ALWAYS, 3), (NOBODY, 3, 5), (B, 5, FOREVER)], id="nobody's in between"
        ),
        pytest.param(
            [(A, 1, FOREVER), (B, 3, FOREVER)], [(A, ALWAYS, 3), (NOBODY, 3, FOREVER)], id="both carry it still"
        ),
        pytest.param([(A, 1, 9), (B, 3, 3)], [(A, ALWAYS, FOREVER)], id="a single sight inside"),
        pytest.param([(A, 1, 9), (B, 1, 9)], [(NOBODY, ALWAYS, FOREVER)], id="the same time"),
        pytest.param(
            [(A, 1, 9), (B, 3, 5), (C, 20, 20)],
            [(A, ALWAYS, 3), (NOBODY, 3, 5), (A, 5, 20), (C, 20, FOREVER)],
            id="back to the first",
        ),
        pytest.param([(A, ALWAYS, FOREVER), (B, ALWAYS, FOREVER)], [(NOBODY, ALWAYS, FOREVER)], id="no dates at all"),
    ],
)
def test_periods(sightings: list[tuple[int, int, int]], expected: list[tuple[int, int, int]]) -> None:
    assert told(*sightings) == expected


SIGHTINGS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(0, 30)).map(
        lambda row: Sighting(row[0], min(row[1:]), max(row[1:]))
    ),
    min_size=1,
    max_size=8,
)


@given(SIGHTINGS)
def test_periods_are_disjoint_and_cover_all_time(sightings: list[Sighting]) -> None:
    periods = timeline(sightings)
    assert (periods[0].start, periods[-1].end) == (ALWAYS, FOREVER)
    for one, other in itertools.pairwise(periods):
        assert one.end == other.start
        assert one.owner != other.owner
    assert {period.owner for period in periods} <= {sighting.owner for sighting in sightings} | {NOBODY}


@given(SIGHTINGS, st.randoms())
def test_periods_do_not_depend_on_the_order_of_sightings(sightings: list[Sighting], chance: object) -> None:
    shuffled = list(sightings)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert timeline(shuffled) == timeline(sightings)


@given(SIGHTINGS)
def test_nobody_has_it_where_two_do(sightings: list[Sighting]) -> None:
    spans: dict[int, tuple[int, int]] = {}
    for seen in sightings:
        start, end = spans.get(seen.owner, (seen.start, seen.end))
        spans[seen.owner] = (min(start, seen.start), max(end, seen.end))
    for period in timeline(sightings):
        moment = (max(period.start, -1) + min(period.end, 31)) / 2 + 0.25  # between sightings, which are whole
        having = [owner for owner, (start, end) in spans.items() if start < moment < end]
        if period.owner == NOBODY and len(having) == 1:
            raise AssertionError(f"{having[0]} alone has it at {moment}")
        if len(having) > 1 and not any(moment in (start, end) for start, end in spans.values()):
            assert period.owner == NOBODY or not _whole(spans, having, period)


def _whole(spans: dict[int, tuple[int, int]], having: list[int], period: object) -> bool:
    """Whether the customers have the node through all of the period."""
    return all(spans[owner][0] <= period.start and spans[owner][1] >= period.end for owner in having)  # type: ignore[attr-defined]


def test_a_sighting_is_clipped_to_the_periods_of_what_it_was_seen_with() -> None:
    periods = timeline([Sighting(A, 1, 5), Sighting(B, 3, 8)])
    assert clipped(periods, 2, 6) == [Sighting(A, 2, 3), Sighting(B, 5, 6)]
    assert clipped(periods, 3, 4) == []
    assert clipped(periods, 9, 9) == [Sighting(B, 9, 9)]
