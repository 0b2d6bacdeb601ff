"""Faults injected into the market: where and when they strike, and what they multiply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.simulation.draws import Array, Draws
from millibar.simulation.parameters import CHANNEL_NUMBER, SEGMENTS, MarketParameters

KINDS = {
    "click_drop": "human clicks and replies a contact",
    "open_drop": "opens and clicks a mail (mail lands in the spam folder)",
    "unsubscribe_rise": "unsubscribes a contact",
    "spam_rise": "spam complaints a mail",
    "complaint_wave": "complaints of customers by telephone",
    "negative_comments": "share of negative comments",
    "return_rise": "returns an order",
    "sales_drop": "orders",
    "double_sending": "persons a blast goes to",
}


@dataclass(frozen=True)
class Incident:
    """One injected fault; ``channel`` and ``segment`` are -1 where it strikes all of them."""

    kind: str
    first_day: int
    last_day: int
    factor: float
    channel: int
    segment: int

    @property
    def is_outlier(self) -> bool:
        """One day only: to be logged, never to be taken for a pattern."""
        return self.first_day == self.last_day


class Incidents:
    """All incidents of a market, asked by kind, day and channel."""

    def __init__(self, incidents: list[Incident]) -> None:
        self.all = incidents

    def factor(self, kind: str, day: int, channel: int, segments: Array) -> Array | float:
        """Factor on the rate for persons of these segments; 1 where nothing strikes."""
        result: Array | float = 1.0
        for incident in self.all:
            if incident.kind != kind or not incident.first_day <= day <= incident.last_day:
                continue
            if incident.channel not in (-1, channel):
                continue
            struck = True if incident.segment < 0 else segments == incident.segment
            result = result * np.where(struck, incident.factor, 1.0)
        return result


def draw_incidents(parameters: MarketParameters, draws: Draws) -> Incidents:
    """Place every template of the parameters in each year of the market."""
    incidents = []
    for year in range(parameters.days // 365 + 1):
        for number, template in enumerate(parameters.incidents):
            if template.kind not in KINDS:
                raise ValueError(f"incident kind {template.kind!r} is not known; use one of {', '.join(KINDS)}")
            rng = draws.generator("incident", year, number)
            jitter = int(rng.integers(-template.jitter_days, template.jitter_days + 1))
            first = max(0, year * 365 + template.first_day + jitter)
            channel = str(rng.choice(template.channels)) if template.channels else ""
            segment = int(rng.integers(len(SEGMENTS) - 1)) if template.by_segment else -1
            if first < parameters.days:
                number_of_channel = CHANNEL_NUMBER[channel] if channel else -1
                last = first + template.length - 1
                incidents.append(Incident(template.kind, first, last, template.factor, number_of_channel, segment))
    return Incidents(incidents)
