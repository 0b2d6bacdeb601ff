"""Local and universal time of the market, daylight saving included."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from millibar.simulation.draws import Array

DAY = 86_400  # seconds
_MARGIN_DAYS = 800  # records are older than the market, returns come after its end
_EPOCH = date(1970, 1, 1)


class Clock:
    """Seconds of a market day in local time <-> UTC epoch seconds; day 0 is ``start``."""

    def __init__(self, start: date, days: int, timezone: str) -> None:
        self.start = start
        self.timezone = ZoneInfo(timezone)
        self._origin = (start - _EPOCH).days * DAY
        changes = self._changes(start - timedelta(days=_MARGIN_DAYS), days + 2 * _MARGIN_DAYS)
        self._offsets = np.array([before for _, before, _ in changes] + [changes[-1][2]], dtype=np.int64)
        self._utc_changes = np.array([at for at, _, _ in changes], dtype=np.int64)
        # A local time that is skipped counts with the old offset (02:30 becomes 03:30), one that comes twice is
        # taken as the first.
        self._local_changes = np.array([at + max(b, a) for at, b, a in changes], dtype=np.int64)

    def _offset(self, utc: int) -> int:
        moment = datetime.fromtimestamp(utc, UTC).astimezone(self.timezone)
        offset = moment.utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    def _changes(self, first: date, days: int) -> list[tuple[int, int, int]]:
        start = (first - _EPOCH).days * DAY
        found = []
        for day in range(days):
            low, high = start + day * DAY, start + (day + 1) * DAY
            before, after = self._offset(low), self._offset(high)
            if before == after:
                continue
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self._offset(middle) == before else (low, middle)
            found.append((high, before, after))
        constant = self._offset(start)
        return found or [(start, constant, constant)]

    def utc(self, day: int | Array, local_seconds: Array) -> NDArray[np.int64]:
        """UTC epoch seconds of a local time, given as market day and seconds on the wall clock."""
        naive = self._origin + np.asarray(day, dtype=np.int64) * DAY + np.asarray(local_seconds).astype(np.int64)
        return naive - self._offsets[np.searchsorted(self._local_changes, naive, side="right")]

    def local(self, utc: Array) -> NDArray[np.int64]:
        """Wall-clock time as if it were epoch seconds, for writing local timestamps."""
        utc = np.asarray(utc, dtype=np.int64)
        return utc + self._offsets[np.searchsorted(self._utc_changes, utc, side="right")]

    def day_of(self, utc: Array) -> NDArray[np.int64]:
        """Market day (in local time) of UTC epoch seconds."""
        return (self.local(utc) - self._origin) // DAY

    def second_of_day(self, utc: Array) -> NDArray[np.int64]:
        """Seconds since local midnight on the wall clock."""
        return (self.local(utc) - self._origin) % DAY

    def date(self, day: int) -> date:
        """Calendar date of a market day."""
        return self.start + timedelta(days=int(day))
