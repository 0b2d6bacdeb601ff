"""The calendar of sales: events with moving dates, and the factor each is expected to put on orders.

A rule is one of ``date MM-DD``, ``weekday MM N ddd`` (the N-th such weekday of the month, from its end where N is
negative), ``easter`` (the Sunday) and ``black_friday`` (the day after the fourth Thursday of November). An event lasts
from ``from_day`` to ``to_day`` days after that date, both included.
"""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from millibar.pressure.signals.arrays import Floats
from millibar.settings import Settings

SEED = "calendar_effects.csv"
COLUMNS = ("event", "rule", "from_day", "to_day", "factor", "spread")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_SPREAD = 0.2


class CalendarError(ValueError):
    """A line of the calendar cannot be read; the message names file, line, column and the mend."""


def load_calendar(path: Path | None = None) -> pd.DataFrame:
    """``COLUMNS`` of the seed ``calendar_effects.csv``, of the dbt project without a path; empty without a file.

    Raises :class:`CalendarError` on a missing column, a rule or a number that cannot be read.
    """
    path = path or Settings.from_environment().dbt_project / "seeds" / SEED
    if not path.exists():
        return no_calendar()
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise CalendarError(f"{path}: no column {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    for name in ("from_day", "to_day", "factor", "spread"):
        numbers = pd.to_numeric(rows[name], errors="coerce")
        wrong = numbers.isna() | ((numbers <= 0) if name in ("factor", "spread") else False)
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0])
            kind = "a number above 0" if name in ("factor", "spread") else "a whole number of days"
            raise CalendarError(f"{path}, line {line + 2}, column {name}: {rows[name].iloc[line]!r}; write {kind}")
        rows[name] = numbers
    for line, rule in enumerate(rows["rule"]):
        try:
            anchor(rule, 2024)
        except ValueError as fault:
            raise CalendarError(f"{path}, line {line + 2}, column rule: {fault}") from fault
    return rows[list(COLUMNS)]


def no_calendar() -> pd.DataFrame:
    """A calendar without events."""
    return pd.DataFrame({name: pd.Series(dtype=float if name not in COLUMNS[:2] else object) for name in COLUMNS})


def anchor(rule: str, year: int) -> date:
    """The date a rule points to in a year; ``ValueError`` on a rule that is not known."""
    words = rule.split()
    try:
        if words == ["easter"]:
            return easter(year)
        if words == ["black_friday"]:
            return nth_weekday(year, 11, 4, 3) + timedelta(days=1)
        if words[0] == "date" and len(words) == 2:
            month, day = (int(part) for part in words[1].split("-"))
            return date(year, month, min(day, calendar.monthrange(year, month)[1]))
        if words[0] == "weekday" and len(words) == 4:
            return nth_weekday(year, int(words[1]), int(words[2]), WEEKDAYS.index(words[3]))
    except (ValueError, IndexError):
        pass
    raise ValueError(
        f"{rule!r} is no rule; write 'date 12-24', 'weekday 01 2 wed' (second Wednesday of January), 'easter' or "
        "'black_friday'"
    )


def nth_weekday(year: int, month: int, number: int, weekday: int) -> date:
    """The ``number``-th (from the end where negative) weekday, Monday 0, of a month."""
    length = calendar.monthrange(year, month)[1]
    days = [day for day in range(1, length + 1) if date(year, month, day).weekday() == weekday]
    if number == 0:
        raise ValueError("there is no weekday number 0")
    return date(year, month, days[number - 1 if number > 0 else number])


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous computus; Meeus, Astronomical Algorithms, chapter 8)."""
    golden, (century, rest) = year % 19, divmod(year, 100)
    leap, cycle = century // 4, (century + 8) // 25
    correction = (century - cycle + 1) // 3
    epact = (19 * golden + century - leap - correction + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def event_days(days: pd.DatetimeIndex, effects: pd.DataFrame) -> Floats:
    """Indicators of shape (days, events), 1 where the event is on."""
    table = np.zeros((len(days), len(effects)))
    if not len(days):
        return table
    stamps = days.to_numpy().astype("datetime64[D]")
    years = range(days.min().year - 1, days.max().year + 2)
    for place, (rule, first, last) in enumerate(
        zip(effects["rule"], effects["from_day"], effects["to_day"], strict=True)
    ):
        for year in years:
            begins = np.datetime64(anchor(str(rule), year))
            after = (stamps - begins).astype(int)
            table[(after >= first) & (after <= last), place] = 1.0
    return table
