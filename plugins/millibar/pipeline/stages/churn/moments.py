"""Best moments: when each known customer answers and comes by himself -> scores.moment_channel, moment_customer."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pandas as pd

from millibar.moments import (
    MomentParameters,
    allowed_by_channel,
    channel_rows,
    learn_population,
    moments_of,
    read_evidence,
    with_totals,
)
from millibar.moments.population import Population
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.pressure.learning.learn import sample_of
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

MODEL = "best_moment"

TOTALS = """
    select channel, weekday, hour, sum(exposures)::float8 as exposures, sum(responses)::float8 as responses
    from intermediate.int_moment__customer_hour
    group by channel, weekday, hour
    order by channel, weekday, hour
"""
CHANNELS = "select channel, quiet_from_hour, quiet_to_hour, last_weekday from marts.dim_channel"
# with a channel he agreed to but was never contacted on: the hour is the person's, whatever the channel
CUSTOMERS = """
    select people.customer_id, max(people.acquisition_channel) as segment
    from marts.dim_customer as people
    where people.is_known and (
        exists (select from intermediate.int_moment__customer_hour as met where met.customer_id = people.customer_id)
        or exists (
            select from intermediate.int_customer__consent as said
            where said.customer_id = people.customer_id and said.is_granted
        )
    )
    group by people.customer_id
    order by people.customer_id
"""
_EXPOSURES = """
    select customer_id, channel, weekday, hour, exposures::float8 as exposures, responses::float8 as responses
    from intermediate.int_moment__customer_hour
    where {chosen}
    union all
    select customer_id, channel, 0, 0, 0, 0
    from intermediate.int_customer__consent
    where is_granted and {chosen}
"""
_VISITS = (
    "select customer_id, hour, visits::float8 as visits from intermediate.int_moment__customer_visit where {chosen}"
)
_IN_RANGE, _NAMED = "customer_id >= %(from_id)s and customer_id <= %(to_id)s", "customer_id = any(%(customers)s)"


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Learn from a sample, choose for everybody; both tables are replaced as a whole. Returns rows written."""
    started = time.monotonic()
    parameters = load(settings, "moments", MomentParameters())
    people = warehouse.frame(CUSTOMERS)
    totals = warehouse.frame(TOTALS)
    allowed = allowed_by_channel(warehouse.frame(CHANNELS))
    names = people["customer_id"].tolist()
    segments = people.dropna()
    with warehouse.transaction():
        population = _learn(warehouse, people, totals, parameters)
        warehouse.execute("delete from scores.moment_channel")
        warehouse.execute("delete from scores.moment_customer")
        written = warehouse.append("scores.moment_channel", stamped(channel_rows(population, parameters), run))
        bases: Counter[str] = Counter()
        for at in range(0, len(names), parameters.read_customers):
            chunk = names[at : at + parameters.read_customers]
            exposures, visits = _read(warehouse, _IN_RANGE, {"from_id": chunk[0], "to_id": chunk[-1]}, chunk)
            evidence = read_evidence(exposures, segments, visits, population.segment_names)
            rows = moments_of(population, evidence, allowed, parameters)
            bases.update(rows["basis"])
            written += warehouse.append("scores.moment_customer", stamped(rows, run))
        told = {"customers": len(names), "contacts": float(totals["exposures"].sum())}
        quality = population.told() | {"rows_by_basis": dict(sorted(bases.items()))}
        record_model_run(warehouse, run, MODEL, started, inputs=told, parameters=parameters, fit_quality=quality)
    return written


def _learn(
    warehouse: Warehouse, people: pd.DataFrame, totals: pd.DataFrame, parameters: MomentParameters
) -> Population:
    names = people["customer_id"].tolist()
    sample = sorted(np.asarray(names, object)[sample_of(names, parameters.fit_customers)].tolist())
    exposures, visits = _read(warehouse, _NAMED, {"customers": sample}, sample)
    segment_names = sorted(people["segment"].dropna().unique())
    evidence = read_evidence(exposures, people.dropna(), visits, segment_names)
    return with_totals(learn_population(evidence, parameters), totals, parameters)


def _read(
    warehouse: Warehouse, chosen: str, which: dict[str, object], customers: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contacts and visits of ``customers``; a range of ids has those of unknown visitors as well."""
    frames = [warehouse.frame(sql.format(chosen=chosen), which) for sql in (_EXPOSURES, _VISITS)]
    kept = [frame[frame["customer_id"].isin(customers)] for frame in frames]
    return kept[0], kept[1]
