"""Faults injected into the market: where and when they strike, and what they multiply."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from millibar.simulation.draws import Array, Draws
from millibar.simulation.parameters import CHANNEL_NUMBER, SEGMENTS, IncidentTemplate, MarketParameters

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
    "reader_shift": "share of a segment's readers of mail with the app who move to the app within its days (no fault)",
    "mass_sending": "reach of the channel's blasts, in campaigns for everybody",
    "generic_content": "share of the channel's blasts that are generic",
    "theme_drift": "share of the channel's blasts on the theme it promised least",
    "uncoordinated_plan": "share of the team's blasts that fall on another team's day and list",
    "team_turnover": "share of the team that leaves in a month",
}
_OF_A_TEAM = ("uncoordinated_plan", "team_turnover")


@dataclass(frozen=True)
class Incident:
    """One injected fault; ``channel`` and ``segment`` are -1 where it strikes all of them, ``team`` is empty."""

    kind: str
    first_day: int
    last_day: int
    factor: float
    channel: int
    segment: int
    team: str = ""

    @property
    def is_outlier(self) -> bool:
        """One day only: to be logged, never to be taken for a pattern."""
        return self.first_day == self.last_day


class Incidents:
    """All incidents of a market, asked by kind, day and channel."""

    def __init__(self, incidents: list[Incident]) -> None:
        self.all = incidents

    def before(self, day: int) -> Incidents:
        """Those that start before a day."""
        return Incidents([incident for incident in self.all if incident.first_day < day])

    def of_kind(self, kind: str) -> list[Incident]:
        """Those of one kind, in the order of their draws."""
        return [incident for incident in self.all if incident.kind == kind]

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


def draw_incidents(parameters: MarketParameters, draws: Draws, ahead: int = 0) -> Incidents:
    """Place every template of the parameters in each year of the market, and ``ahead`` days beyond its end.

    The company's plan is known before its days come, so whoever bends it needs the faults of those days too.
    """
    incidents, end = [], parameters.days + ahead
    for year in range(end // 365 + 1):
        for number, template in enumerate(parameters.incidents):
            _check(template)
            rng = draws.generator("incident", year, number)
            jitter = int(rng.integers(-template.jitter_days, template.jitter_days + 1))
            first = max(0, year * 365 + template.first_day + jitter)
            channel = str(rng.choice(template.channels)) if template.channels else ""
            segment = int(rng.integers(len(SEGMENTS) - 1)) if template.by_segment else -1
            team = str(rng.choice(template.teams)) if template.teams else ""
            if first < end:
                number_of_channel = CHANNEL_NUMBER[channel] if channel else -1
                last = first + template.length - 1
                incidents.append(
                    Incident(template.kind, first, last, template.factor, number_of_channel, segment, team)
                )
    return Incidents(incidents)


def _check(template: IncidentTemplate) -> None:
    """Refuse what no market can play."""
    if template.kind not in KINDS:
        raise ValueError(f"incident kind {template.kind!r} is not known; use one of {', '.join(KINDS)}")
    if template.teams and template.kind not in _OF_A_TEAM:
        raise ValueError(f"incident {template.kind!r} strikes no team; leave teams empty (only {_OF_A_TEAM} use them)")
    if template.kind == "uncoordinated_plan" and not template.teams:
        raise ValueError("incident 'uncoordinated_plan' needs teams: whose blasts fall on another team's days")
