"""What the signs are found in: plain tables, so that tests and bars need no warehouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

import pandas as pd

from millibar.pressure.signals.calendar import no_calendar

ALL = "all"
EVENT_COUNTS = (
    "contacts",
    "human_opens",
    "human_clicks",
    "human_responses",
    "unsubscribes",
    "spam_complaints",
    "complaints",
    "comments",
    "negative_comments",
)
CONTRIBUTORS = ("campaign", "team", "theme", "message_type", "device")

# Customers that a channel contacted in its baseline window: day, channel, responses, contacts; where known also orders
# and is_reader (whether they answered on that channel in the baseline window).
Cohort = Callable[[str, str], pd.DataFrame | None]


def _empty(*columns: str) -> Callable[[], pd.DataFrame]:
    return lambda: pd.DataFrame({name: [] for name in columns})


@dataclass(frozen=True)
class SalesInputs:
    """``daily``: day, channel, orders, revenue of segment all, up to 500 days. ``base``: day, active_customers and,
    where the churn models ran, expected_orders; any few days of the recent and the baseline window. ``returns``: day,
    channel, reason, returns. ``delays``: delay_days, returns (how long past orders took to come back).
    ``calendar``: as :func:`millibar.pressure.signals.calendar.load_calendar`.
    """

    daily: pd.DataFrame = field(default_factory=_empty("day", "channel", "orders", "revenue"))
    base: pd.DataFrame = field(default_factory=_empty("day", "active_customers"))
    returns: pd.DataFrame = field(default_factory=_empty("day", "channel", "reason", "returns"))
    delays: pd.DataFrame = field(default_factory=_empty("delay_days", "returns"))
    calendar: pd.DataFrame = field(default_factory=no_calendar)


@dataclass(frozen=True)
class CompanyInputs:
    """What the company itself does.

    ``plan``: a row a campaign x channel x week (0: the seven days that end with the last one): campaign, name, channel,
    team, theme, targeting, content, week, contacts, human_clicks, complaints. ``themes``: quarter (2025-Q3), channel,
    theme, committed_share. ``encounters``: customer_id, at, team: contacts of a sample of customers over the plan's
    newest weeks. ``staffing``: month_on, team, headcount, leavers.
    """

    plan: pd.DataFrame = field(
        default_factory=_empty(
            "campaign", "name", "channel", "team", "theme", "targeting", "content", "week", "contacts",
            "human_clicks", "complaints",
        )
    )  # fmt: skip
    themes: pd.DataFrame = field(default_factory=_empty("quarter", "channel", "theme", "committed_share"))
    encounters: pd.DataFrame = field(default_factory=_empty("customer_id", "at", "team"))
    staffing: pd.DataFrame = field(default_factory=_empty("month_on", "team", "headcount", "leavers"))


@dataclass(frozen=True)
class SignalInputs:
    """Everything :func:`millibar.pressure.signals.find_signals` reads.

    ``health``: rows of marts.fct_channel_health_daily (day, channel, segment, counts); a count whose column is missing
    is not judged. ``campaigns``: window (``recent`` or ``baseline``), channel, ``CONTRIBUTORS`` and ``EVENT_COUNTS``.
    ``cohort``: asked only for a series in alarm; None where it cannot be had.
    """

    health: pd.DataFrame
    campaigns: pd.DataFrame = field(default_factory=_empty("window", "channel", *CONTRIBUTORS, *EVENT_COUNTS))
    cohort: Cohort | None = None
    sales: SalesInputs = field(default_factory=SalesInputs)
    company: CompanyInputs = field(default_factory=CompanyInputs)


@dataclass(frozen=True)
class SignalSheet:
    """``signals``: columns of scores.pressure_signal; ``drivers``: those of scores.pressure_signal_driver, both without
    as_of and run_id.
    """

    signals: pd.DataFrame
    drivers: pd.DataFrame


def day_of(last_day: date | pd.Timestamp) -> pd.Timestamp:
    """The last day as a timestamp without time."""
    return pd.Timestamp(last_day).normalize()
