"""Faults of the company's own plan: blasts for everybody, generic ones, themes off the plan, teams that collide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from millibar.simulation.campaigns import (
    CHOSEN_REACH,
    MASS_REACH,
    MOST_REACHED,
    THEME_PLANNED,
    Blast,
    Calendar,
    Campaign,
    campaign_name,
    promised_shares,
)
from millibar.simulation.clock import Clock
from millibar.simulation.draws import Draws
from millibar.simulation.incidents import Incident, Incidents
from millibar.simulation.parameters import CHANNEL_NUMBER
from millibar.simulation.vocabulary import THEMES
from millibar.sources.contracts import CHANNELS

# Where two teams meet: what lies in a mailbox and on a telephone on one day is read as one brand's noise.
_COLLIDING = tuple(CHANNEL_NUMBER[name] for name in ("email", "sms"))


def bend_plan(calendar: Calendar, incidents: Incidents, draws: Draws, clock: Clock) -> Calendar:
    """Let every fault of the plan strike; gives back the calendar it was given, changed.

    A campaign of which only some blasts are struck is divided: a new one, at the end of the calendar, starts with
    the fault and takes its part of effort and cost. So the numbers of the others stay.
    """
    for fault in incidents.all:
        if fault.kind == "mass_sending":
            wide = _widen(calendar, _struck(calendar, fault, draws, 1.0), fault)
            _reissue(calendar, wide, fault, clock, lambda campaign: replace(campaign, targeting="mass"))
        elif fault.kind == "generic_content":
            struck = _struck(calendar, fault, draws, fault.factor)
            _reissue(calendar, struck, fault, clock, lambda campaign: replace(campaign, content="generic"))
        elif fault.kind == "theme_drift":
            struck = [b for b in _struck(calendar, fault, draws, fault.factor) if CHANNELS[b.channel] in THEME_PLANNED]
            _reissue(calendar, struck, fault, clock, _Drift(fault, draws, clock))
        elif fault.kind == "uncoordinated_plan":
            _collide(calendar, _struck(calendar, fault, draws, fault.factor), fault)
    return calendar


def _days(fault: Incident) -> range:
    return range(fault.first_day, fault.last_day + 1)


def _struck(calendar: Calendar, fault: Incident, draws: Draws, share: float) -> list[Blast]:
    """That share of the blasts of the fault's days, channel and team, each by a draw of its own."""
    blasts = [
        blast
        for day in _days(fault)
        for blast in calendar.blasts_of(day)
        if fault.channel in (-1, blast.channel) and fault.team in ("", calendar.campaigns[blast.campaign].team)
    ]
    numbers = np.array([blast.number for blast in blasts], dtype=np.uint64)
    return [
        blast
        for blast, luck in zip(blasts, draws.uniform("plan_fault", numbers, fault.first_day).tolist(), strict=True)
        if luck < share
    ]


def _swap(calendar: Calendar, old: Blast, new: Blast) -> None:
    """Put a blast in the place of another; one that changes its day comes last there."""
    if new.day == old.day:
        today = calendar.blasts[old.day]
        today[today.index(old)] = new
    else:
        calendar.blasts[old.day].remove(old)
        calendar.blasts.setdefault(new.day, []).append(new)


class _Drift:
    """Turns a campaign to the theme its channel promised least in the quarter the fault starts in."""

    def __init__(self, fault: Incident, draws: Draws, clock: Clock) -> None:
        self._draws, self._clock = draws, clock
        self._begins = clock.date(fault.first_day)

    def __call__(self, campaign: Campaign) -> Campaign:
        channel = CHANNELS[campaign.channel]
        quarter = (self._begins.month + 2) // 3
        theme = THEMES[int(promised_shares(self._draws, channel, self._begins.year, quarter).argmin())]
        starts = self._clock.date(campaign.starts_on)
        return replace(campaign, theme=theme, name=campaign_name(theme, channel, starts, campaign.team))


def _reissue(
    calendar: Calendar,
    struck: list[Blast],
    fault: Incident,
    clock: Clock,
    change: Callable[[Campaign], Campaign],
) -> None:
    """Change the campaigns of these blasts; one that has other blasts too is divided."""
    planned = Counter(blast.campaign for blasts in calendar.blasts.values() for blast in blasts)
    for number, count in Counter(blast.campaign for blast in struck).items():
        campaign = calendar.campaigns[number]
        if count == planned[number]:
            calendar.campaigns[number] = change(campaign)
            continue
        part = _divide(calendar, number, count / planned[number], fault, clock)
        calendar.campaigns[part] = change(calendar.campaigns[part])
        for blast in [blast for blast in struck if blast.campaign == number]:
            _swap(calendar, blast, replace(blast, campaign=part))


def _divide(calendar: Calendar, number: int, share: float, fault: Incident, clock: Clock) -> int:
    """Part a campaign at the fault: a new one with that share of effort and cost; gives back its number."""
    campaign, part = calendar.campaigns[number], len(calendar.campaigns)
    starts, ends = max(campaign.starts_on, fault.first_day), min(campaign.ends_on, fault.last_day)
    effort, cost = round(campaign.effort_days * share, 1), round(campaign.planned_cost * share, 2)
    calendar.campaigns.append(
        replace(
            campaign,
            number=part,
            campaign_id=f"{campaign.campaign_id}-{fault.kind[0]}{clock.date(starts):%m%d}".upper(),
            starts_on=starts,
            ends_on=ends,
            effort_days=effort,
            planned_cost=cost,
        )
    )
    calendar.campaigns[number] = replace(
        campaign,
        effort_days=round(campaign.effort_days - effort, 1),
        planned_cost=round(campaign.planned_cost - cost, 2),
    )
    return part


def _widen(calendar: Calendar, struck: list[Blast], fault: Incident) -> list[Blast]:
    """Let blasts reach the factor times as many as one to everybody does; gives back the widened ones."""
    wide = []
    for blast in struck:
        was_mass = calendar.campaigns[blast.campaign].targeting == "mass"
        gain = fault.factor * (1.0 if was_mass else MASS_REACH / CHOSEN_REACH)
        wide.append(replace(blast, reach=min(blast.reach * gain, MOST_REACHED)))
        _swap(calendar, blast, wide[-1])
    return wide


def _collide(calendar: Calendar, struck: list[Blast], fault: Incident) -> None:
    """Move each blast to the nearest day of its week on which another team writes, and to that team's list."""
    others = [
        blast
        for day in _days(fault)
        for blast in calendar.blasts_of(day)
        if blast.channel in _COLLIDING and calendar.campaigns[blast.campaign].team != fault.team
    ]
    for blast in struck:
        week = [other for other in others if other.day // 7 == blast.day // 7]
        if week:
            other = min(week, key=lambda candidate: (abs(candidate.day - blast.day), candidate.number))
            _swap(calendar, blast, replace(blast, day=other.day, audience=other.audience))
