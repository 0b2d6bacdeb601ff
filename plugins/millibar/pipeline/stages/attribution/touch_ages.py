"""Ages of touches at conversions, read once for a span of days and summed for any window inside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from millibar.attribution.parameters import HazardParameters
from millibar.attribution.paths import summed
from millibar.attribution.steps.time_to_conversion import TouchAges, age_exposure
from millibar.pipeline.stages.attribution.journeys import days_between
from millibar.warehouse.connect import Warehouse

HOURS_A_DAY = 24.0

# bin: edges that are at or below the age
CONVERTED = """
    select converted_on as day, conversion_id, channel, width_bucket(hours, %(edges)s::float8[]) as bin,
        count(*)::float8 as touches, sum(hours)::float8 as hours
    from (
        select converted_on, conversion_id, channel,
            greatest(extract(epoch from converted_at - occurred_at) / 3600, 0)::float8 as hours
        from intermediate.int_journey__steps
        where touchpoint_id is not null and converted_on >= %(first)s and converted_on <= %(last)s
    ) as steps
    group by converted_on, conversion_id, channel, bin
    order by converted_on, conversion_id, channel, bin
"""
LOST = """
    select journeys.closed_on as day, steps.channel, count(*)::float8 as touches
    from intermediate.int_journey__steps as steps
    inner join marts.fct_journey as journeys on steps.journey_id = journeys.journey_id
    where steps.conversion_id is null and journeys.closed_on >= %(first)s and journeys.closed_on <= %(last)s
    group by journeys.closed_on, steps.channel
    order by journeys.closed_on, steps.channel
"""
AT_RISK = """
    select closed_on as day, customer_id, count(conversion_id)::float8 as conversions
    from marts.fct_journey
    where closed_on >= %(first)s and closed_on <= %(last)s
    group by closed_on, customer_id
    order by closed_on, customer_id
"""


@dataclass(frozen=True)
class TouchDays:
    """Touches of a span by day of closing: before conversions, lost, and the customers at risk."""

    converted: pd.DataFrame
    lost: pd.DataFrame
    at_risk: pd.DataFrame
    parameters: HazardParameters

    def between(self, first: date, last: date) -> TouchAges:
        """What the hazard is fitted on, of journeys closed in these days, both included."""
        converted, lost, at_risk = (
            days_between(table, first, last) for table in (self.converted, self.lost, self.at_risk)
        )
        channels = tuple(sorted({*converted["channel"], *lost["channel"]}))
        bins = len(self.parameters.age_hours) + 1
        size = len(channels)
        place = pd.Index(channels)
        cell = place.get_indexer(converted["channel"]) * bins + converted["bin"].to_numpy(dtype=np.int64)
        touches, hours = (converted[name].to_numpy(dtype=np.float64) for name in ("touches", "hours"))
        lost_touches = lost["touches"].to_numpy(dtype=np.float64)
        exposure = age_exposure(
            summed(cell, hours, size * bins).reshape(size, bins),
            summed(cell, touches, size * bins).reshape(size, bins),
            self.parameters.age_hours,
            summed(place.get_indexer(lost["channel"]), lost_touches, size),
            self.parameters.lookback_days * HOURS_A_DAY,
        )
        days = (last - first).days + 1
        return TouchAges(
            channels=channels,
            bins=bins,
            conversion=pd.factorize(converted["conversion_id"])[0].astype(np.int64),
            cell=cell,
            touches=touches,
            conversions=max(int(at_risk["conversions"].sum()), int(converted["conversion_id"].nunique())),
            exposure=exposure,
            baseline_hours=float(at_risk["customer_id"].nunique()) * days * HOURS_A_DAY,
        )


def read_touch_days(warehouse: Warehouse, first: date, last: date, parameters: HazardParameters) -> TouchDays:
    """Everything closed in these days, both included."""
    span = {"first": first, "last": last}
    edges = {"edges": [float(edge) for edge in parameters.age_hours]}
    converted = warehouse.frame(CONVERTED, span | edges)
    return TouchDays(converted, warehouse.frame(LOST, span), warehouse.frame(AT_RISK, span), parameters)
