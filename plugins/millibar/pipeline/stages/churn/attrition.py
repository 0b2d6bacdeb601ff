"""Channel attrition: contacts and acts of each known customer by blocks of days -> scores.channel_attrition."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection

import numpy as np
import pandas as pd

from millibar.churn.attrition import (
    AttritionFit,
    AttritionParameters,
    block_of,
    fit_channels,
    judge_blocks,
    read_blocks,
)
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.parameters import load
from millibar.pipeline.stages.scores import record_model_run, stamped
from millibar.pressure.learning.learn import sample_of
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

MODEL = "channel_attrition"

CUSTOMERS = """
    select people.customer_id, max(people.acquisition_channel) as segment
    from marts.dim_customer as people
    where people.is_known and exists (
        select from intermediate.int_attrition__known_block as acted
        where acted.customer_id = people.customer_id and acted.acts > 0
            and acted.block > %(before)s and acted.block <= %(last)s
    )
    group by people.customer_id
    order by people.customer_id
"""
# Where people act more often than they are spoken to they come by themselves: the clock is days, not contacts.
SOUGHT = """
    select channel
    from intermediate.int_attrition__known_block
    where block > %(before)s and block <= %(last)s
    group by channel
    having sum(contacts) < sum(acts)
    union
    select channel from marts.dim_channel where weekly_cap = 0
"""
_BLOCKS = """
    select customer_id, channel, block, contacts::float8 as contacts, acts::float8 as acts, last_act_on
    from intermediate.int_attrition__known_block
    where block > %(before)s and block <= %(last)s and {chosen}
"""
_IN_RANGE, _NAMED = "customer_id >= %(from_id)s and customer_id <= %(to_id)s", "customer_id = any(%(customers)s)"


def run(warehouse: Warehouse, settings: Settings, run: RunContext) -> int:
    """Fit on a sample, judge everybody; the table is replaced as a whole. Returns rows written."""
    started = time.monotonic()
    parameters = load(settings, "attrition", AttritionParameters())
    last = block_of(run.as_of, parameters)
    window = {"before": last - parameters.blocks, "last": last}
    people = warehouse.frame(CUSTOMERS, window)
    sought = sorted(warehouse.frame(SOUGHT, window)["channel"])
    names, segments = people["customer_id"].tolist(), people.dropna()
    segment_names = sorted(people["segment"].dropna().unique())
    with warehouse.transaction():
        fit = _fit(warehouse, run, people, sought, parameters, window)
        warehouse.execute("delete from scores.channel_attrition")
        written, verdicts = 0, Counter[str]()
        for at in range(0, len(names), parameters.read_customers):
            chunk = names[at : at + parameters.read_customers]
            rows = warehouse.frame(_BLOCKS.format(chosen=_IN_RANGE), window | {"from_id": chunk[0], "to_id": chunk[-1]})
            rows = rows[rows["customer_id"].isin(chunk)]
            blocks = read_blocks(rows, run.as_of, segments, sought, parameters, segment_names)
            judged = judge_blocks(blocks, fit, run.as_of, parameters)
            verdicts.update(judged["verdict"])
            written += warehouse.append("scores.channel_attrition", stamped(judged, run))
        record_model_run(
            warehouse,
            run,
            MODEL,
            started,
            inputs={"customers": len(names), "sought_channels": sought},
            parameters=parameters,
            fit_quality=fit.told() | {"rows_by_verdict": dict(sorted(verdicts.items()))},
        )
    return written


def _fit(
    warehouse: Warehouse,
    run: RunContext,
    people: pd.DataFrame,
    sought: Collection[str],
    parameters: AttritionParameters,
    window: dict[str, int],
) -> AttritionFit:
    names = people["customer_id"].tolist()
    sample = sorted(np.asarray(names, object)[sample_of(names, parameters.fit_customers)].tolist())
    rows = warehouse.frame(_BLOCKS.format(chosen=_NAMED), window | {"customers": sample})
    segment_names = sorted(people["segment"].dropna().unique())
    blocks = read_blocks(rows, run.as_of, people.dropna(), sought, parameters, segment_names)
    return fit_channels(blocks, parameters)
