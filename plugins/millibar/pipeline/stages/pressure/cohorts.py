"""The customers of a channel and what they answered anywhere: asked for by the signs, for series in alarm only."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pandas as pd

from millibar.pipeline.stages.parameters import dbt_variables
from millibar.pressure.detection import DetectionParameters
from millibar.pressure.signals import SignParameters
from millibar.pressure.signals.inputs import ALL, Cohort
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

ORDERS = "(orders)"  # the channel under which the cohort's orders stand
COHORT = """
    with members as (
        select t.customer_id, bool_or(t.is_response and not t.is_machine) as is_reader
        from marts.fct_touchpoint as t
        {join}
        where t.channel = %(channel)s and t.occurred_on > %(first)s and t.occurred_on <= %(until)s
        group by t.customer_id
        having bool_or(t.is_contact)
        order by md5(t.customer_id)
        limit %(customers)s
    )
    select t.occurred_on as day, t.channel, members.is_reader,
        count(*) filter (where t.is_response and not t.is_machine)::float8 as responses,
        count(*) filter (where t.is_contact)::float8 as contacts, 0::float8 as orders
    from members
    inner join marts.fct_touchpoint as t on t.customer_id = members.customer_id
    where t.occurred_at >= %(first)s and t.occurred_on > %(first)s and t.occurred_on <= %(last)s
    group by t.occurred_on, t.channel, members.is_reader
    union all
    select o.ordered_on, %(orders)s, members.is_reader, 0, 0, count(*)::float8
    from members
    inner join marts.fct_order as o on o.customer_id = members.customer_id
    where o.ordered_on > %(first)s and o.ordered_on <= %(last)s
    group by o.ordered_on, members.is_reader
"""
OF_SEGMENT = """
        inner join marts.dim_customer as d
            on d.customer_id = t.customer_id and cast(d."{column}" as text) = %(value)s"""


def cohort_reader(
    warehouse: Warehouse, settings: Settings, last: date, parameters: SignParameters, detection: DetectionParameters
) -> Cohort:
    """A function that gives the cohort of a channel and segment (see inputs.Cohort).

    Members: customers the channel contacted in the baseline before the longest window that is weighed; at most
    ``cohort_customers``, chosen by a hash of their id. Segments of devices are nobody's: the whole channel is asked.
    """
    until = last - timedelta(days=max(parameters.shift_days, detection.baseline_lag_days))
    windows: dict[str, Any] = {
        "last": last,
        "until": until,
        "first": until - timedelta(days=detection.baseline_days),
        "customers": parameters.cohort_customers,
        "orders": ORDERS,
    }
    columns = segment_columns(settings)

    def read(channel: str, segment: str) -> pd.DataFrame:
        column, _, value = segment.partition(":")
        if segment == ALL or column not in columns:
            return warehouse.frame(COHORT.replace("{join}", ""), windows | {"channel": channel})
        query = COHORT.replace("{join}", OF_SEGMENT.replace("{column}", column))
        return warehouse.frame(query, windows | {"channel": channel, "value": value})

    return read


def segment_columns(settings: Settings) -> list[str]:
    """Columns of dim_customer that make segments (dbt variable ``health_segments``); plain names only."""
    named = dbt_variables(settings.dbt_project / "dbt_project.yml").get("health_segments") or []
    return [str(name) for name in named if re.fullmatch(r"[a-z_][a-z0-9_]*", str(name))]
