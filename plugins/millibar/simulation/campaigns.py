"""The brand's calendar: campaigns of several teams, their blasts, and what each channel promised on themes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from millibar.simulation.clock import Clock
from millibar.simulation.draws import Draws, Floats
from millibar.simulation.parameters import CHANNEL_NUMBER, MarketParameters
from millibar.simulation.vocabulary import THEMES

TARGETINGS = ("mass", "segment", "trigger", "one_to_one")
CONTENTS = ("generic", "product", "customer", "context")
CONTENT_GAIN = (0.90, 1.00, 1.15, 1.30)  # response factor of each content level
FOREVER = 3650  # days a trigger campaign is planned for
MASS_REACH, CHOSEN_REACH = 1.5, 0.8  # factors on the reach of a blast to everybody, and to a chosen audience
MOST_REACHED = 0.9  # share of the reachable that one blast goes to at most
CAMPAIGN_WEEKS = 3  # weeks after which a channel's running campaign is replaced
PLANNED_AHEAD = 31 + 7 * CAMPAIGN_WEEKS  # days planned beyond the market's end: a month's plan, to its last blast
THEME_PLANNED = ("email", "sms", "direct_mail", "social", "push_app", "messenger")  # channels that promise themes

# Which team runs a channel; two teams share mail, so that their plans can collide.
_TEAM_OF = {
    "email": ("crm", "digital"),
    "sms": ("crm",),
    "direct_mail": ("brand",),
    "call_center": ("service",),
    "field_sales": ("retail",),
    "social": ("brand",),
    "push_app": ("digital",),
    "push_web": ("digital",),
    "messenger": ("crm",),
    "programmatic": ("digital",),
    "onsite": ("digital",),
    "search_paid": ("digital",),
}
TRIGGERS = ("welcome", "abandoned_visit", "after_purchase", "win_back")
_ALWAYS_ON = ("programmatic", "onsite", "search_paid")


@dataclass(frozen=True)
class Campaign:
    """One campaign of one team in one channel."""

    number: int  # place in the calendar
    campaign_id: str  # as the tools write it
    channel: int
    name: str
    team: str
    theme: str
    targeting: str
    content: str
    message_type: str
    starts_on: int  # market day
    ends_on: int
    effort_days: float
    planned_cost: float  # EUR


@dataclass(frozen=True)
class Blast:
    """One mailing, push or call list: a day, an hour, a share of the reachable."""

    number: int
    campaign: int
    channel: int
    day: int
    hour: float  # local
    reach: float
    audience: int  # keys the draw of its audience: its own number, unless two teams write to one list


@dataclass
class Calendar:
    """All campaigns and, by day, the blasts."""

    campaigns: list[Campaign] = field(default_factory=list)
    blasts: dict[int, list[Blast]] = field(default_factory=dict)
    always_on: dict[tuple[int, int], int] = field(default_factory=dict)  # (channel, quarter) -> campaign
    triggers: dict[str, int] = field(default_factory=dict)

    def blasts_of(self, day: int) -> list[Blast]:
        return self.blasts.get(day, [])

    def always_on_campaign(self, channel: str, day: int) -> int:
        """Campaign that runs all the time in a channel (display, banners, paid search)."""
        return self.always_on[CHANNEL_NUMBER[channel], day // 91]


def season_of_day(day: date) -> float:
    """Factor on purchases by the time of the year: sales, Black Friday, Christmas, the quiet of August."""
    weekday = (1.0, 0.95, 1.0, 1.0, 1.05, 1.25, 0.75)[day.weekday()]
    factor = (1.05, 0.85, 0.92, 0.95, 0.98, 1.08, 1.02, 0.72, 0.98, 1.00, 1.15, 1.32)[day.month - 1]
    black_friday = _black_friday(day.year)
    if -4 <= (day - black_friday).days <= 3:
        factor *= 2.2 if abs((day - black_friday).days) <= 1 else 1.5
    if day.month == 12 and day.day >= 24:
        factor *= 0.55
    return factor * weekday


def _black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    return date(year, 11, 1 + (3 - first.weekday()) % 7 + 22)


def plan(parameters: MarketParameters, draws: Draws, clock: Clock) -> Calendar:
    """The calendar of the whole market; a week's plan depends on the seed and the week alone."""
    calendar = Calendar()
    for name in TRIGGERS:
        calendar.triggers[name] = _add(calendar, draws, clock, "email", 0, FOREVER, "trigger", name)
    horizon = parameters.days + PLANNED_AHEAD
    quarters = horizon // 91 + 1
    for quarter in range(quarters):
        for channel in _ALWAYS_ON:
            number = _add(calendar, draws, clock, channel, quarter * 91, quarter * 91 + 90, "segment", "always_on")
            calendar.always_on[CHANNEL_NUMBER[channel], quarter] = number
    running: dict[tuple[int, str], tuple[int, int]] = {}
    for week in range(horizon // 7 + 1):
        for channel, table in parameters.channels.items():
            if table.weekly_blasts > 0:
                _plan_week(calendar, parameters, draws, clock, channel, week, running)
    return calendar


def _plan_week(
    calendar: Calendar,
    parameters: MarketParameters,
    draws: Draws,
    clock: Clock,
    channel: str,
    week: int,
    running: dict[tuple[int, str], tuple[int, int]],
) -> None:
    """Blasts of one channel in one week, in the running campaign of one of its teams."""
    table = parameters.channels[channel]
    number = CHANNEL_NUMBER[channel]
    rng = draws.generator("week", number, week)
    season = 0.7 + 0.3 * season_of_day(clock.date(week * 7 + 3))
    for place in range(int(rng.poisson(table.weekly_blasts * parameters.volume * season))):
        team = _TEAM_OF[channel][int(rng.integers(len(_TEAM_OF[channel])))]
        day = week * 7 + int(rng.choice(7, p=[0.16, 0.19, 0.18, 0.19, 0.16, 0.07, 0.05]))
        if channel in ("sms", "call_center", "direct_mail", "field_sales") and clock.date(day).weekday() == 6:
            day -= 1  # not on a Sunday
        period = week // CAMPAIGN_WEEKS
        if running.get((number, team), (-1, -1))[1] != period:
            begins, ends = period * CAMPAIGN_WEEKS * 7, (period + 1) * CAMPAIGN_WEEKS * 7 - 1
            running[number, team] = (_add(calendar, draws, clock, channel, begins, ends, None, team), period)
        campaign = running[number, team][0]
        first, last = table.hours
        hour = float(rng.uniform(first, last - 0.5))
        mass = calendar.campaigns[campaign].targeting == "mass"
        reach = table.reach * float(rng.lognormal(-0.06, 0.35)) * (MASS_REACH if mass else CHOSEN_REACH)
        blast_number = (week * 32 + number) * 64 + min(place, 63)
        blast = Blast(blast_number, campaign, number, max(day, 0), hour, min(reach, MOST_REACHED), blast_number)
        calendar.blasts.setdefault(blast.day, []).append(blast)


def _add(
    calendar: Calendar,
    draws: Draws,
    clock: Clock,
    channel: str,
    starts: int,
    ends: int,
    targeting: str | None,
    label: str,
) -> int:
    """Draw a campaign, keep it, and give back its number."""
    number = len(calendar.campaigns)
    rng = draws.generator("campaign", CHANNEL_NUMBER[channel], starts, len(label), ends)
    targeting = targeting or str(rng.choice(TARGETINGS[:2] + TARGETINGS[3:], p=[0.45, 0.42, 0.13]))
    content = str(rng.choice(CONTENTS, p=_content_weights(targeting)))
    theme = str(rng.choice(THEMES, p=_theme_weights(clock.date(starts).month)))
    teams = _TEAM_OF[channel]
    team = label if label in teams else teams[0]
    kind = str(rng.choice(("newsletter", "promotion", "survey"), p=(0.5, 0.42, 0.08)))
    kind = "trigger" if targeting == "trigger" else kind
    effort = round(float(rng.lognormal(1.0, 0.6)), 1)
    code = "".join(part[:2] for part in channel.split("_"))
    campaign = Campaign(
        number=number,
        campaign_id=f"{code}-{label.replace('_', '')}-{clock.date(starts):%y%m%d}".upper(),
        channel=CHANNEL_NUMBER[channel],
        name=campaign_name(theme, channel, clock.date(starts), label),
        team=team,
        theme=theme,
        targeting=targeting,
        content=content,
        message_type=kind,
        starts_on=starts,
        ends_on=ends,
        effort_days=effort,
        planned_cost=round(float(rng.lognormal(7.0, 0.8)), 2),
    )
    calendar.campaigns.append(campaign)
    return number


def campaign_name(theme: str, channel: str, starts: date, label: str) -> str:
    """Name of a campaign as its team writes it into the plan."""
    return f"{theme} {channel} {starts:%Y-%m} ({label})".replace("_", " ").capitalize()


def _content_weights(targeting: str) -> list[float]:
    return {
        "mass": [0.60, 0.35, 0.05, 0.0],
        "segment": [0.25, 0.50, 0.20, 0.05],
        "trigger": [0.0, 0.15, 0.35, 0.50],
        "one_to_one": [0.05, 0.20, 0.45, 0.30],
    }[targeting]


def _theme_weights(month: int) -> list[float]:
    sale = 0.40 if month in (1, 6, 7, 11) else 0.12
    rest = (1.0 - sale) / (len(THEMES) - 1)
    return [sale if theme == "sale" else rest for theme in THEMES]


def promised_shares(draws: Draws, channel: str, year: int, quarter: int) -> Floats:
    """Committed share of each of ``THEMES`` in a channel's quarter; they sum to 1."""
    rng = draws.generator("theme_plan", CHANNEL_NUMBER[channel], year, quarter)
    return np.round(rng.dirichlet(np.full(len(THEMES), 4.0)), 3)


def theme_promises(draws: Draws, clock: Clock, days: int) -> list[tuple[str, str, str, float, int]]:
    """Quarter, channel, theme, committed share and the day the plan was delivered, for each quarter that starts."""
    rows = []
    first, last = clock.date(0), clock.date(days - 1)
    quarters = sorted({(y, q) for y in range(first.year, last.year + 1) for q in range(1, 5)})
    for year, quarter in quarters:
        begins = date(year, 3 * quarter - 2, 1)
        ends = date(year + quarter // 4, (3 * quarter) % 12 + 1, 1)
        if ends <= first or begins > last:
            continue
        delivered = max(0, (begins - first).days)
        for channel in THEME_PLANNED:
            shares = promised_shares(draws, channel, year, quarter)
            rows += [
                (f"{year}-Q{quarter}", channel, theme, float(share), delivered)
                for theme, share in zip(THEMES, shares, strict=True)
            ]
    return rows
