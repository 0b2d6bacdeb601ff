"""The whole house on a small market: reconciliation, conservation, reruns, kills, day by day against from scratch."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest

from e2e.comparison import differences, tables
from e2e.house import DAYS, House, HouseMaker, opened
from millibar.pipeline import context
from millibar.pipeline.context import RunInProgress
from millibar.warehouse.connect import Warehouse

# states and snapshots of an earlier business date keep what was known then, so they are compared at the last one only
HISTORY_KEPT = {
    "marts.fct_channel_attribution", "marts.fct_campaign_attribution", "marts.fct_segment_attribution",
    "marts.fct_channel_transition", "marts.fct_pressure_signal", "marts.fct_pressure_state_history",
    "marts.identity_events", "marts.fct_churn_history", "marts.fct_churn_quality",
    "marts.fct_channel_attrition_history",
}  # fmt: skip
# since when something has been known: the day it was found, which a load of all days at once cannot tell
FOUND_ON = {
    "marts.identity_crosswalk.valid_from", "marts.identity_refusal.refused_on", "marts.identity_review.found_on",
}  # fmt: skip
# what a run of identity did: a second run of the day finds nothing left to do
TOLD_BY_RUN = {"marts.identity_quality", "bi.rpt_identity_quality"}


def test_what_was_read_is_loaded_duplicate_or_rejected(lived: House) -> None:
    with opened(lived) as warehouse:
        rows = warehouse.rows("select * from ops.load_batches where status = 'loaded'")
        assert len(rows) > 100
        for row in rows:
            assert row["rows_read"] == row["rows_loaded"] + row["rows_duplicate"] + row["rows_rejected"], row
        for key in ("rows_loaded", "rows_duplicate", "rows_rejected"):
            assert sum(row[key] for row in rows) > 0, f"the market must bring some {key}"
        assert warehouse.value("select count(*) from ops.rejected_rows") == sum(row["rows_rejected"] for row in rows)


def test_every_loaded_touchpoint_is_in_the_mart_once_with_a_customer(lived: House) -> None:
    with opened(lived) as warehouse:
        raw = warehouse.value("select count(*) from raw.touchpoints")
        assert raw > 1000
        assert warehouse.value("select count(*) from marts.fct_touchpoint") == raw
        assert warehouse.value("select count(distinct touchpoint_id) from marts.fct_touchpoint") == raw
        assert warehouse.value("select count(*) from marts.fct_touchpoint where customer_id is null") == 0


def test_credits_sum_to_one_for_every_conversion_and_model(lived: House) -> None:
    with opened(lived) as warehouse:
        worst = warehouse.value(
            "select max(abs(total - 1)) from (select sum(credit) as total from marts.fct_attributed_touchpoint "
            "where model <> 'participation' group by conversion_id, model) as sums"
        )
        assert worst < 1e-9
        missing = warehouse.value(
            "select count(*) from marts.fct_conversion as c where not exists "
            "(select 1 from marts.fct_attributed_touchpoint as a where a.conversion_id = c.conversion_id)"
        )
        assert missing == 0
        assert warehouse.value("select count(distinct model) from marts.fct_attributed_touchpoint") >= 15


def test_every_model_gives_away_all_the_conversions_and_all_the_revenue(lived: House) -> None:
    with opened(lived) as warehouse:
        rows = warehouse.rows(
            "select model, sum(conversions)::float8 as conversions, sum(revenue)::float8 as revenue "
            "from marts.fct_channel_attribution where as_of = %(day)s and model <> 'participation' group by model",
            {"day": DAYS[-1]},
        )
        truth = warehouse.rows(
            "select count(*)::float8 as conversions, sum(value)::float8 as revenue from marts.fct_conversion "
            "where converted_on > %(day)s::date - 90 and converted_on <= %(day)s",
            {"day": DAYS[-1]},
        )[0]
        assert len(rows) >= 14
        for row in rows:
            assert row["conversions"] == pytest.approx(truth["conversions"], rel=1e-9), row
            assert row["revenue"] == pytest.approx(truth["revenue"], rel=1e-9), row


def test_what_bi_reads_is_of_the_last_day(lived: House) -> None:
    with Warehouse.open(lived.settings, read_only=True) as reader:
        rows = reader.rows("select distinct as_of from bi.publication")
        assert rows == [{"as_of": DAYS[-1]}]
        figures = reader.rows("select * from bi.rpt_key_figures")
        assert len(figures) == 1
        assert figures[0]["customers_known"] > 0
        assert figures[0]["revenue"] > 0


def test_no_personal_data_outside_pii(lived: House) -> None:
    """Every clear e-mail, phone and last name of the market, looked for in every text column of every other schema."""
    with opened(lived) as warehouse:
        needles = [
            row["value"]
            for row in warehouse.rows(
                "select value from pii.identifier_values where identifier_type in ('email', 'phone') order by value_hash limit 40"
            )
        ]
        assert len(needles) == 40
        columns = warehouse.rows(
            """
            select table_schema, table_name, column_name from information_schema.columns
            where table_schema in ('raw', 'staging', 'intermediate', 'marts', 'reporting', 'bi', 'scores', 'ops')
              and data_type = 'text' and not (table_schema = 'ops' and table_name = 'rejected_rows')
            """
        )
        assert len(columns) > 100
        for column in columns:
            name = f'{column["table_schema"]}."{column["table_name"]}"."{column["column_name"]}"'
            found = warehouse.value(
                f'select count(*) from {column["table_schema"]}."{column["table_name"]}" '
                f'where "{column["column_name"]}" = any(%(needles)s)',
                {"needles": needles},
            )
            assert found == 0, f"{name} holds a clear identifier"


def test_running_a_day_twice_gives_the_same_tables(lived: House, make_house: HouseMaker) -> None:
    twice = make_house("twice", "house_lived")
    twice.run(DAYS[-1], "test:again")
    with opened(lived) as one, opened(twice) as two:
        assert two.value("select count(*) from ops.pipeline_runs where as_of = %(day)s", {"day": DAYS[-1]}) == 2
        names = [name for name in tables(one, "marts") + tables(one, "bi") if name not in TOLD_BY_RUN]
        assert len(names) > 30
        assert differences(one, two, names, rename_customers=False) == {}


def test_day_by_day_equals_from_scratch(lived: House, make_house: HouseMaker) -> None:
    scratch = make_house("scratch")
    scratch.run(DAYS[-1])
    with opened(lived) as one, opened(scratch) as two:
        names = [name for name in tables(one, "marts") if name not in HISTORY_KEPT | TOLD_BY_RUN]
        assert len(names) > 18
        assert differences(one, two, names, rename_customers=True, columns_apart=FOUND_ON) == {}


@pytest.mark.parametrize("stage", ["identity", "core", "marts"])
def test_a_run_killed_in_the_middle_and_run_again_gives_the_same_tables(
    lived: House, make_house: HouseMaker, stage: str
) -> None:
    killed = make_house(f"killed_{stage}", "house_eve")
    process = killed.command("run", "--as-of", str(DAYS[-1]))
    _wait_for_stage(killed, stage, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with opened(killed) as warehouse:
        state = warehouse.rows("select run_id, status from ops.pipeline_runs where as_of = %(d)s", {"d": DAYS[-1]})
        assert [row["status"] for row in state] == ["running"], "it must have been killed at work"
        with pytest.raises(RunInProgress, match="release"):
            context.begin(warehouse, "other", DAYS[-1], "test")
        context.end(warehouse, state[0]["run_id"], failed="killed by the test")
    killed.run(DAYS[-1])
    with opened(lived) as one, opened(killed) as two:
        names = [name for name in tables(one, "marts") + tables(one, "bi") if name not in TOLD_BY_RUN]
        assert differences(one, two, names, rename_customers=False) == {}


def test_a_backfilled_day_leaves_what_bi_shows_alone(lived: House, make_house: HouseMaker) -> None:
    house = make_house("backfilled", "house_lived")
    house.run(DAYS[0], "test:backfill")
    with opened(lived) as one, opened(house) as two:
        assert two.value("select status from ops.pipeline_runs where run_id = 'test:backfill'") == "success"
        shown = [name for name in tables(one, "bi") if name not in TOLD_BY_RUN]
        assert differences(one, two, shown, rename_customers=False) == {}
    house.run(DAYS[-1], "test:forward")
    with opened(lived) as one, opened(house) as two:
        names = [name for name in tables(one, "marts") + tables(one, "bi") if name not in TOLD_BY_RUN]
        assert differences(one, two, names, rename_customers=False) == {}


def test_two_runs_at_once_one_is_refused(lived: House) -> None:
    with opened(lived) as warehouse:
        context.begin(warehouse, "holder", DAYS[-1], "test")
        try:
            process = lived.command("run", "--as-of", str(DAYS[-1]))
            output, _ = process.communicate(timeout=120)
        finally:
            context.end(warehouse, "holder")
    assert process.returncode == 1
    assert "RunInProgress" in output
    assert "holder" in output


def test_an_empty_day_is_an_ordinary_day(lived: House, make_house: HouseMaker) -> None:
    house = make_house("empty", "house_history")
    with opened(house) as warehouse:
        before = warehouse.value("select count(*) from marts.fct_touchpoint")
    _without_landing(house).run(DAYS[0])
    with opened(house) as warehouse:
        assert before > 0
        assert warehouse.value("select count(*) from marts.fct_touchpoint") == before
        assert warehouse.value("select max(as_of) from bi.publication") == DAYS[0]


def _without_landing(house: House) -> House:
    empty = house.settings.state / "nothing"
    empty.mkdir()
    return replace(house, settings=replace(house.settings, landing=empty))


def _wait_for_stage(house: House, stage: str, process) -> None:
    deadline = time.monotonic() + 240
    with opened(house) as warehouse:
        while time.monotonic() < deadline:
            found = warehouse.value(
                "select count(*) from ops.stage_runs where as_of = %(day)s and stage = %(stage)s and status = 'running'",
                {"day": DAYS[-1], "stage": stage},
            )
            if found:
                time.sleep(0.7 if stage in ("core", "marts") else 0.05)
                return
            if process.poll() is not None:
                raise AssertionError(f"the run ended before {stage}: {process.stdout.read()}")
            time.sleep(0.02)
    raise AssertionError(f"stage {stage} did not start")
