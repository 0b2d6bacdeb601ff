"""Stage churn, channel attrition: known customers judged in their window, whatever the range they are read in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.churn.attrition import AttritionParameters, block_of
from millibar.pipeline.context import RunContext
from millibar.pipeline.stages.churn import attrition
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.moment_inputs import MOMENT_INPUTS
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

PARAMETERS = AttritionParameters()
LAST = block_of(AS_OF, PARAMETERS)


@pytest.fixture
def known(inputs: Warehouse) -> Warehouse:
    inputs.execute(MOMENT_INPUTS)
    channels = pd.DataFrame({"channel": ["email", "direct"], "weekly_cap": [4, 0]})
    fill(inputs, "marts.dim_channel", channels.assign(quiet_from_hour=0, quiet_to_hour=0, last_weekday=6))
    return inputs


def with_numbers(settings: Settings, folder: Path, numbers: str) -> Settings:
    (folder / "dbt_project").mkdir()
    (folder / "dbt_project" / "dbt_project.yml").write_text(f"vars: {{estimation: {{attrition: {{{numbers}}}}}}}")
    return replace(settings, project=folder)


def fill_blocks(warehouse: Warehouse, customers: int = 40, blocks: int = 27) -> None:
    """Everybody is written to four times a block and answers about once; c00 stopped ten blocks ago; x00 is unknown."""
    random = np.random.default_rng(3)
    names = [f"c{number:02d}" for number in range(customers)] + ["x00"]
    rows = pd.DataFrame({
        "customer_id": np.repeat(names, blocks), "channel": "email",
        "block": np.tile(np.arange(LAST - blocks + 1, LAST + 1), len(names)), "contacts": 4,
    })  # fmt: skip
    rows["acts"] = random.binomial(4, 0.3, len(rows))
    rows.loc[(rows["customer_id"] == "c00") & (rows["block"] > LAST - 10), "acts"] = 0
    visits = rows.assign(channel="direct", contacts=0, acts=random.binomial(1, 0.5, len(rows)))
    both = pd.concat([rows, visits])
    both["last_day"] = [AS_OF - timedelta(days=int(LAST - block) * PARAMETERS.block_days) for block in both["block"]]
    both["last_act_on"] = both["last_day"].where(both["acts"] > 0, None)
    fill(warehouse, "intermediate.int_attrition__known_block", both)
    people = pd.DataFrame({"customer_id": names, "is_known": [name != "x00" for name in names]})
    fill(warehouse, "marts.dim_customer", people.assign(acquisition_channel="store"))


def test_known_customers_are_judged(known: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_blocks(known)
    written = attrition.run(known, settings, run)
    found = known.frame("select * from scores.channel_attrition").set_index(["customer_id", "channel"])
    assert written == len(found) == 80
    assert found.loc[("c00", "email"), "verdict"] in ("drifting", "gone", "shifted")
    assert (found["verdict"] == "active").mean() > 0.95
    quality = known.value("select fit_quality from ops.model_runs where model = 'channel_attrition'")
    assert sum(quality["rows_by_verdict"].values()) == written
    inputs = known.value("select inputs from ops.model_runs where model = 'channel_attrition'")
    assert inputs == {"customers": 40, "sought_channels": ["direct"]}


def test_thresholds_come_from_the_project(
    known: Warehouse, settings: Settings, run: RunContext, tmp_path: Path
) -> None:
    fill_blocks(known)
    attrition.run(known, with_numbers(settings, tmp_path, "drifting: 0.00001, gone: 0.00002"), run)
    assert known.value("select count(*) from scores.channel_attrition where verdict = 'gone'") > 20


def test_ranges_do_not_change_the_verdicts(
    known: Warehouse, settings: Settings, run: RunContext, tmp_path: Path
) -> None:
    fill_blocks(known)
    attrition.run(known, settings, run)
    before = contents(known, "scores.channel_attrition")
    attrition.run(known, with_numbers(settings, tmp_path, "read_customers: 7"), replace(run, run_id="run-2"))
    after = contents(known, "scores.channel_attrition")
    told = [(row["customer_id"], row["channel"], row["verdict"], round(row["p_disengaged"], 6)) for row in before]
    assert told == [(r["customer_id"], r["channel"], r["verdict"], round(r["p_disengaged"], 6)) for r in after]


def test_blocks_after_as_of_and_of_long_ago_do_not_matter(
    known: Warehouse, settings: Settings, run: RunContext
) -> None:
    fill_blocks(known)
    attrition.run(known, settings, run)
    before = contents(known, "scores.channel_attrition")
    for block in (LAST + 1, LAST - PARAMETERS.blocks):
        row = {"customer_id": ["c00"], "channel": ["email"], "block": [block], "contacts": [9], "acts": [9]}
        fill(known, "intermediate.int_attrition__known_block", pd.DataFrame(row).assign(last_act_on=AS_OF))
    attrition.run(known, settings, replace(run, run_id="run-2"))
    assert contents(known, "scores.channel_attrition") == before


def test_an_empty_warehouse_is_fine(known: Warehouse, settings: Settings, run: RunContext) -> None:
    assert attrition.run(known, settings, run) == 0
