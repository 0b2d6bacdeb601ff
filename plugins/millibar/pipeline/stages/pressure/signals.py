"""The signals of a day: reads what the signs are found in, writes scores.pressure_signal and pressure_signal_driver."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import date, timedelta

import pandas as pd

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import dbt_variables, load
from millibar.pipeline.stages.pressure.cohorts import cohort_reader
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.pressure.detection import DetectionParameters, load_thresholds
from millibar.pressure.signals import (
    CompanyInputs,
    SalesInputs,
    SeasonParameters,
    SignalInputs,
    SignParameters,
    find_signals,
    load_calendar,
)
from millibar.pressure.signals.company.themes import quarter_of
from millibar.pressure.signals.returns import LONGEST_DELAY
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

SIGNAL_MODEL = "pressure_signal"
TABLES = ("scores.pressure_signal", "scores.pressure_signal_driver")
THRESHOLDS, CALENDAR = "detection_thresholds.csv", "calendar_effects.csv"
DELAYS_FROM_DAYS = 240  # orders between so many and LONGEST_DELAY days ago tell how long returns take

LAST_DAY = "select max(day) from marts.fct_channel_health_daily where day <= %(as_of)s and day > %(first)s"
HEALTH = """
    select day, channel, segment, contacts, deliveries, human_opens, human_clicks, human_responses, unsubscribes,
        spam_complaints, complaints, comments, negative_comments, orders, returns
    from marts.fct_channel_health_daily
    where day > %(first)s and day <= %(last)s
"""
CAMPAIGNS = """
    select case when t.day > %(recent)s then 'recent' else 'baseline' end as window, t.channel,
        coalesce(c.campaign_name, t.campaign_id) as campaign, c.team, coalesce(c.theme, t.theme) as theme,
        t.message_type, t.device, sum(t.contacts)::float8 as contacts, sum(t.human_opens)::float8 as human_opens,
        sum(t.human_clicks)::float8 as human_clicks, sum(t.human_responses)::float8 as human_responses,
        sum(t.unsubscribes)::float8 as unsubscribes, sum(t.spam_complaints)::float8 as spam_complaints,
        sum(t.complaints)::float8 as complaints, sum(t.comments)::float8 as comments,
        sum(t.negative_comments)::float8 as negative_comments
    from intermediate.int_touchpoint__daily as t
    left join staging.stg_campaigns__campaigns as c on c.campaign_id = t.campaign_id
    where (t.day > %(recent)s and t.day <= %(last)s) or (t.day > %(before)s and t.day <= %(until)s)
    group by 1, t.channel, coalesce(c.campaign_name, t.campaign_id), c.team, coalesce(c.theme, t.theme),
        t.message_type, t.device
"""
DAILY_SALES = """
    select day, channel, orders::float8 as orders, revenue::float8 as revenue
    from marts.fct_channel_health_daily
    where day > %(first)s and day <= %(last)s and segment = 'all' and orders > 0
"""
# How many customers bought in the days before, and what the purchase model expected of all of them then.
BASE = """
    select day, (
        select count(distinct o.customer_id)::float8 from marts.fct_order as o
        where o.ordered_on > day - %(active)s::integer and o.ordered_on <= day
    ) as active_customers, (
        select sum(s.expected_orders) from scores.churn_customer as s
        where s.as_of = (
            select max(near.as_of) from scores.churn_customer as near
            where near.as_of <= day and near.as_of > day - 16
        )
    ) as expected_orders
    from unnest(%(days)s::date[]) as day
"""
RETURNS = """
    select r.returned_on as day, case
        when o.sales_channel = any(%(shops)s) then 'store' else %(elsewhere)s
    end as channel, r.reason, count(*)::float8 as returns
    from marts.fct_order as o
    inner join marts.fct_return as r on r.order_id = o.order_id
    where o.ordered_on > %(ordered)s and o.ordered_on <= %(last)s
        and r.returned_on > %(first)s and r.returned_on <= %(last)s
    group by 1, 2, 3
"""
DELAYS = """
    select r.returned_on - o.ordered_on as delay_days, count(*) as returns
    from marts.fct_order as o
    inner join marts.fct_return as r on r.order_id = o.order_id
    where o.ordered_on > %(first)s and o.ordered_on <= %(until)s and r.returned_on <= %(last)s
        and r.returned_on <= o.ordered_on + %(longest)s::integer
    group by r.returned_on - o.ordered_on
"""
PLAN = """
    select t.campaign_id as campaign, max(c.campaign_name) as name, t.channel, max(c.team) as team,
        max(c.theme) as theme, max(c.targeting) as targeting, max(c.content) as content,
        (%(last)s::date - t.day) / 7 as week, sum(t.contacts)::float8 as contacts,
        sum(t.human_clicks)::float8 as human_clicks,
        sum(t.unsubscribes + t.spam_complaints + t.complaints)::float8 as complaints
    from intermediate.int_touchpoint__daily as t
    left join staging.stg_campaigns__campaigns as c on c.campaign_id = t.campaign_id
    where t.campaign_id is not null and t.day > %(first)s and t.day <= %(last)s
    group by t.campaign_id, t.channel, (%(last)s::date - t.day) / 7
"""
THEMES = """
    select quarter, channel, theme, committed_share::float8 as committed_share
    from staging.stg_theme_plans__commitments
    where quarter = %(quarter)s
"""
# A sample that depends on the customers' ids alone, so that a rerun draws the same.
ENCOUNTERS = """
    with sample as (
        select p.customer_id from intermediate.int_pressure__current as p
        where p.last_contact_on > %(first)s
        group by p.customer_id
        order by md5(p.customer_id)
        limit %(customers)s
    )
    select t.customer_id, t.occurred_at as at, c.team
    from sample
    inner join marts.fct_touchpoint as t on t.customer_id = sample.customer_id
    inner join staging.stg_campaigns__campaigns as c on c.campaign_id = t.campaign_id
    where t.is_contact and t.occurred_at >= %(first)s and t.occurred_on > %(first)s and t.occurred_on <= %(last)s
        and c.team is not null and coalesce(c.targeting, '') <> 'trigger' and not t.channel = any(%(reactive)s)
"""
STAFFING = """
    select month_on, team, headcount::float8 as headcount, leavers::float8 as leavers
    from staging.stg_staffing__months
    where month_on > %(last)s::date - 800 and month_on <= %(last)s
"""


def write_signals(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Judge all signs on the last day that has any event; returns the rows written. A rerun writes the same rows."""
    started = time.monotonic()
    parameters = load(settings, "signs", SignParameters())
    detection = load(settings, "detection", DetectionParameters())
    season = load(settings, "season", SeasonParameters())
    # files of a day may come the next morning: the last day with any event is the last one that can be judged
    newest = warehouse.value(
        LAST_DAY, {"as_of": run.as_of, "first": run.as_of - timedelta(days=detection.history_days)}
    )
    last = newest or run.as_of
    inputs = read_inputs(warehouse, settings, last, parameters, detection, season)
    seeds = settings.dbt_project / "seeds"
    thresholds = load_thresholds(seeds / THRESHOLDS)
    sheet = find_signals(inputs, last, parameters, detection, thresholds, season)
    with warehouse.transaction():
        written = 0
        for table, frame in zip(TABLES, (sheet.signals, sheet.drivers), strict=True):
            written += warehouse.replace(table, stamped(frame, run), {"as_of": run.as_of})
        verdicts = sheet.signals["verdict"].value_counts().to_dict() if len(sheet.signals) else {}
        record_model_run(
            warehouse,
            run,
            SIGNAL_MODEL,
            started,
            inputs={"days": int(inputs.health["day"].nunique()), "last_day": last.isoformat()},
            parameters={"signs": asdict(parameters), "detection": asdict(detection), "season": asdict(season)},
            fit_quality={"series": len(sheet.signals), "verdicts": {str(name): int(n) for name, n in verdicts.items()}},
        )
    return written


def read_inputs(
    warehouse: Warehouse,
    settings: Settings,
    last: date,
    parameters: SignParameters,
    detection: DetectionParameters,
    season: SeasonParameters,
) -> SignalInputs:
    """What the signs of ``last`` are found in; every query has a window, so that a day's cost does not grow."""
    before = {"last": last, "first": last - timedelta(days=detection.history_days + LONGEST_DELAY)}
    windows = {
        "last": last,
        "recent": last - timedelta(days=detection.recent_days),
        "before": last - timedelta(days=detection.baseline_lag_days + detection.baseline_days),
        "until": last - timedelta(days=detection.baseline_lag_days),
    }
    return SignalInputs(
        health=warehouse.frame(HEALTH, before),
        campaigns=warehouse.frame(CAMPAIGNS, windows),
        cohort=cohort_reader(warehouse, settings, last, parameters, detection),
        sales=_sales(warehouse, settings, last, parameters, detection, season),
        company=_company(warehouse, last, parameters),
    )


def _sales(
    warehouse: Warehouse,
    settings: Settings,
    last: date,
    parameters: SignParameters,
    detection: DetectionParameters,
    season: SeasonParameters,
) -> SalesInputs:
    history = last - timedelta(days=detection.history_days)
    middle = max(detection.baseline_lag_days, detection.recent_days) + detection.baseline_days // 2
    counted_on = [last - timedelta(days=detection.recent_days), last - timedelta(days=middle)]
    longest = timedelta(days=LONGEST_DELAY)
    delays = {
        "first": last - timedelta(days=DELAYS_FROM_DAYS),
        "until": last - longest,
        "last": last,
        "longest": LONGEST_DELAY,
    }
    variables = dbt_variables(settings.dbt_project / "dbt_project.yml")
    returned = {
        "last": last,
        "first": history,
        "ordered": history - longest,
        # where a sale is counted in channel health: macro channel_without_touch
        "shops": list(variables.get("store_sales_channels") or []),
        "elsewhere": str(variables.get("channel_without_touch") or "direct"),
    }
    return SalesInputs(
        daily=warehouse.frame(DAILY_SALES, {"last": last, "first": last - timedelta(days=season.history_days)}),
        base=warehouse.frame(BASE, {"days": counted_on, "active": parameters.active_days}),
        returns=warehouse.frame(RETURNS, returned),
        delays=warehouse.frame(DELAYS, delays),
        calendar=load_calendar(settings.dbt_project / "seeds" / CALENDAR),
    )


def _company(warehouse: Warehouse, last: date, parameters: SignParameters) -> CompanyInputs:
    weeks = timedelta(weeks=parameters.plan_weeks)
    sample = {
        "last": last,
        "first": last - weeks,
        "customers": parameters.collision_customers,
        "reactive": list(parameters.reactive_channels),
    }
    return CompanyInputs(
        plan=warehouse.frame(PLAN, {"last": last, "first": last - 2 * weeks}),
        themes=warehouse.frame(THEMES, {"quarter": quarter_of(last)}),
        encounters=_local(warehouse.frame(ENCOUNTERS, sample)),
        staffing=warehouse.frame(STAFFING, {"last": last}),
    )


def _local(encounters: pd.DataFrame) -> pd.DataFrame:
    """Moments as plain UTC times: only their distances count."""
    at = pd.to_datetime(encounters["at"], utc=True)
    return encounters.assign(at=at.dt.tz_localize(None))
