"""Whose an identifier was when: from sightings with several customers to periods that cover all time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

NOBODY = -1
ALWAYS, FOREVER = -(1 << 62), 1 << 62  # an open start, an open end; moments are microseconds since 1970


@dataclass(frozen=True)
class Sighting:
    """``owner`` (a customer's number) was seen with the node from ``start`` to ``end``, both included."""

    owner: int
    start: int
    end: int


@dataclass(frozen=True)
class Period:
    """From ``start`` to before ``end`` the node is ``owner``'s, or NOBODY's."""

    owner: int
    start: int
    end: int


def timeline(sightings: Iterable[Sighting]) -> tuple[Period, ...]:
    """Periods of a node by its sightings: disjoint, in order, covering all time; empty without a sighting.

    Each customer has the node from its first to its last sighting. While several have it, it is nobody's. While none
    has it, it stays with the one who had it last; before the first sighting it is the first one's.
    """
    spans = _spans(sightings)
    if len(spans) < 2:
        return tuple(Period(owner, ALWAYS, FOREVER) for owner in spans)
    edges = sorted({moment for span in spans.values() for moment in span} | {ALWAYS, FOREVER})
    found: list[Period] = []
    for start, end in itertools.pairwise(edges):
        owner = _owner(spans, start, end)
        if found and found[-1].owner == owner:
            found[-1] = Period(owner, found[-1].start, end)
        else:
            found.append(Period(owner, start, end))
    return tuple(found)


def clipped(periods: tuple[Period, ...], start: int, end: int) -> list[Sighting]:
    """What being seen from ``start`` to ``end`` with a node of these periods says about whose one is."""
    return [
        Sighting(period.owner, max(period.start, start), min(period.end, end))
        for period in periods
        if period.owner != NOBODY and period.start <= end and start < period.end
    ]


def _spans(sightings: Iterable[Sighting]) -> dict[int, tuple[int, int]]:
    spans: dict[int, tuple[int, int]] = {}
    for sighting in sightings:
        start, end = spans.get(sighting.owner, (sighting.start, sighting.end))
        spans[sighting.owner] = (min(start, sighting.start), max(end, sighting.end))
    return spans


def _owner(spans: dict[int, tuple[int, int]], start: int, end: int) -> int:
    """Whose the node is between two moments next to each other."""
    having = [owner for owner, span in spans.items() if span[0] <= start and span[1] >= end]
    if having:
        return having[0] if len(having) == 1 else NOBODY
    before = {owner: span[1] for owner, span in spans.items() if span[1] <= start}
    if before:
        return _only(before, max(before.values()))
    starts = {owner: span[0] for owner, span in spans.items()}
    return _only(starts, min(starts.values()))


def _only(moments: dict[int, int], chosen: int) -> int:
    owners = [owner for owner, moment in moments.items() if moment == chosen]
    return owners[0] if len(owners) == 1 else NOBODY
