"""Local time to UTC and back, for whole arrays at once, in any IANA zone.

A time that a clock shows twice (autumn) is taken as the first of the two; a time that no clock shows (spring) is
counted on with the offset before the gap, so 02:30 becomes 03:30 summer time: the rule of ``datetime`` with fold=0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Micros = npt.NDArray[np.int64]
FIRST_YEAR, LAST_YEAR = 1900, 2101
HOUR = 3600 * 1_000_000


@dataclass(frozen=True)
class Transitions:
    """Changes of a zone's offset: UTC instants, and offsets before the first, between and after, in microseconds."""

    instants: Micros  # n
    offsets: Micros  # n + 1

    @property
    def local_thresholds(self) -> Micros:
        """Local time from which the offset after each change holds."""
        return self.instants + np.maximum(self.offsets[:-1], self.offsets[1:])


def local_to_utc(local: Micros, zone: str) -> Micros:
    """UTC microseconds since 1970 of wall-clock microseconds since 1970 in ``zone``."""
    if zone == "UTC":
        return local
    transitions = zone_transitions(zone)
    return local - transitions.offsets[np.searchsorted(transitions.local_thresholds, local, side="right")]


def utc_to_local(instants: Micros, zone: str) -> Micros:
    """Wall-clock microseconds in ``zone`` of UTC microseconds."""
    if zone == "UTC":
        return instants
    transitions = zone_transitions(zone)
    return instants + transitions.offsets[np.searchsorted(transitions.instants, instants, side="right")]


@lru_cache(maxsize=32)
def zone_transitions(zone: str) -> Transitions:
    """All changes of offset between 1900 and 2101, found by stepping through the zone and halving each step."""
    info = ZoneInfo(zone)
    step = timedelta(days=7)
    moment, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    instants: list[int] = []
    offset = _offset(info, moment)
    offsets = [offset]
    while moment < end:
        after = moment + step
        if (changed := _offset(info, after)) != offset:
            instants.append(_instant(_change(info, moment, after)))
            offsets.append(changed)
            offset = changed
        moment = after
    return Transitions(np.array(instants, np.int64), np.array(offsets, np.int64))


def _change(info: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """First second at which the offset is that of ``after``."""
    old = _offset(info, before)
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(info, before + timedelta(seconds=middle)) == old:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)


def _offset(info: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(info).utcoffset() or timedelta()
    return int(offset.total_seconds() * 1_000_000)


def _instant(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000
