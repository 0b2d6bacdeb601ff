"""Cause sentences: what happened, against what, and the largest part of it, for the marketer to read."""

from __future__ import annotations

from millibar.pressure.signals.causes import Driver
from millibar.pressure.signals.shift import Shift
from millibar.pressure.signals.signs import Sign

PLURALS = {
    "campaign": "campaign",
    "team": "team",
    "theme": "theme",
    "message_type": "message type",
    "device": "device",
    "channel": "channel",
    "reason": "reason",
    "sales_part": "the part",
}


def cause_text(
    sign: Sign, observed: float, expected: float, gap: float, largest: Driver | None, note: str | None, days: int
) -> str:
    """One sentence. ``observed``, ``expected``: a unit of exposure; ``gap``: events, observed less expected."""
    more = "more" if gap > 0 else "fewer"
    told = (
        f"{abs(gap):.0f} {sign.event} {more} than expected in the last {days} days "
        f"({_rate(observed, sign)} a {sign.unit} against {_rate(expected, sign)})"
    )
    if largest is not None:
        kind = PLURALS.get(largest.kind, largest.kind.replace("_", " "))
        unit = " of revenue" if largest.kind == "sales_part" else ""
        told += f"; the largest part, {abs(largest.contribution):.0f}{unit}, by {kind} {largest.driver}"
    return f"{told}; {note}" if isinstance(note, str) else told


def explained_text(sign: Sign, observed: float, baseline: float, expected: float, note: str | None, days: int) -> str:
    """A fall that season, calendar or base explain; the three are a unit of exposure."""
    told = (
        f"{_rate(observed, sign)} {sign.event} a {sign.unit} in the last {days} days, usually {_rate(baseline, sign)}; "
        f"season and calendar lead to expect {_rate(expected, sign)}"
    )
    return f"{told}; {note}" if isinstance(note, str) else told


def shift_text(shift: Shift) -> str:
    """What the same customers did elsewhere."""
    spread = f"{shift.total_ratio:.2f} (90 % interval {shift.total_low:.2f} to {shift.total_high:.2f})"
    if not shift.is_shifted:
        return f"the same customers did not answer more elsewhere: all their answers are {spread} of what was expected"
    parts = ", ".join(f"{gain:.0f} more on {channel}" for channel, gain in shift.gained.items())
    return (
        f"the same customers gave {shift.lost:.0f} answers fewer here and {parts}: all their answers are {spread} of "
        "what was expected"
    )


def _rate(value: float, sign: Sign) -> str:
    if sign.unit == "day":
        return f"{value:.3g}"
    return f"{100 * value:.3g} %"
