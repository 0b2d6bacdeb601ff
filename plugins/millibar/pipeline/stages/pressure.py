"""Stage pressure: engagement, learned tolerance and signals -> scores.pressure_tolerance, pressure_signal."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import date, timedelta

import pandas as pd

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.scores import forget_old_days, record_model_run, stamped
from millibar.pressure import (
    SignalParameters,
    ToleranceParameters,
    contact_days,
    engagement_multipliers,
    find_signals,
    fit_tolerance,
    tolerances,
)
from millibar.pressure.hazard import ToleranceFit
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

TOLERANCE_MODEL, SIGNAL_MODEL = "pressure_tolerance", "pressure_signal"
WARM_UP_DAYS = 30  # contacts before the window, for the index the first ones in it meet

ENGAGEMENT = """
    select customer_id, channel, contacts, human_responses as responses
    from intermediate.int_engagement__customer_channel
"""
CONTACTS = """
    select customer_id, channel, day, contacts_1d as contacts, "index"::float8 as pressure_index,
        half_life_days::float8 as half_life_days
    from marts.fct_pressure_daily
    where day >= %(first)s and day < %(end)s
"""
ANNOYANCES = """
    select customer_id, channel, occurred_on as day, count(*) as annoyances
    from marts.fct_touchpoint
    where event_type in ('unsubscribe', 'spam_complaint', 'complaint')
        and occurred_on >= %(first)s and occurred_on < %(end)s
    group by customer_id, channel, occurred_on
"""
HEALTH = """
    select day, channel, segment, contacts, human_clicks, unsubscribes, spam_complaints, complaints, orders, returns
    from marts.fct_channel_health_daily
    where day > %(first)s and day <= %(as_of)s
"""
CAMPAIGNS = """
    select t.channel, max(coalesce(c.campaign_name, t.campaign_id)) as campaign,
        count(*) filter (where t.is_contact) as contacts,
        count(*) filter (where t.event_type = 'click' and not t.is_machine) as human_clicks,
        count(*) filter (where t.event_type = 'unsubscribe') as unsubscribes,
        count(*) filter (where t.event_type = 'spam_complaint') as spam_complaints,
        count(*) filter (where t.event_type = 'complaint') as complaints
    from marts.fct_touchpoint as t
    left join staging.stg_campaigns__campaigns as c on c.campaign_id = t.campaign_id
    where t.campaign_id is not null and t.occurred_on > %(first)s and t.occurred_on <= %(last)s
    group by t.channel, t.campaign_id
    order by t.channel, campaign
"""


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Tolerances of all customers and signals of all channels at as_of; returns rows written.

    ``scores.pressure_tolerance`` keeps the newest SCORE_HISTORY_DAYS days of as_of, and month ends.
    """
    return _tolerances(warehouse, settings, run) + _signals(warehouse, settings, run)


def _tolerances(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    started = time.monotonic()
    parameters = load(settings, "tolerance", ToleranceParameters())
    customers = warehouse.frame("select customer_id from intermediate.int_pressure__index where channel = 'all'")
    engagement, figures = engagement_multipliers(warehouse.frame(ENGAGEMENT), customers, parameters)
    fit = _fit(warehouse, run.as_of, engagement, parameters)
    scored = tolerances(engagement, fit.rho, parameters)
    with warehouse.transaction():
        written = warehouse.replace("scores.pressure_tolerance", stamped(scored, run), {"as_of": run.as_of})
        forget_old_days(warehouse, "scores.pressure_tolerance")
        record_model_run(
            warehouse,
            run,
            TOLERANCE_MODEL,
            started,
            inputs=figures,
            parameters=parameters,
            fit_quality=asdict(fit),
        )
    return written


def _fit(warehouse: Warehouse, as_of: date, engagement: pd.DataFrame, parameters: ToleranceParameters) -> ToleranceFit:
    """Fit on the days before the month of as_of, so that tolerance does not wander from day to day."""
    end = as_of.replace(day=1)
    window = {"first": end - timedelta(days=parameters.fit_days), "end": end}
    earlier = window | {"first": window["first"] - timedelta(days=WARM_UP_DAYS)}
    contacts = contact_days(warehouse.frame(CONTACTS, earlier))
    contacts = contacts[contacts["day"] >= pd.Timestamp(window["first"])]
    return fit_tolerance(contacts, warehouse.frame(ANNOYANCES, window), engagement, parameters)


def _signals(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    started = time.monotonic()
    parameters = load(settings, "signals", SignalParameters())
    first = run.as_of - timedelta(days=parameters.history_days + parameters.recent_days)
    health = warehouse.frame(HEALTH, {"first": first, "as_of": run.as_of})
    # files of a day may come the next morning: the last day with any event is the last one that can be judged
    last_day = pd.to_datetime(health["day"]).max() if len(health) else pd.Timestamp(run.as_of)
    recent = {"first": (last_day - pd.Timedelta(days=parameters.recent_days)).date(), "last": last_day.date()}
    campaigns = warehouse.frame(CAMPAIGNS, recent)
    signals = find_signals(health, campaigns, last_day, parameters)
    with warehouse.transaction():
        written = warehouse.replace("scores.pressure_signal", stamped(signals, run), {"as_of": run.as_of})
        record_model_run(
            warehouse,
            run,
            SIGNAL_MODEL,
            started,
            inputs={"days": int(health["day"].nunique()), "last_day": last_day.date().isoformat()},
            parameters=parameters,
            fit_quality={
                "series": len(signals),
                "alerts": int(signals["alert"].sum()),
                "incidents": int(signals["incident"].sum()),
            },
        )
    return written
