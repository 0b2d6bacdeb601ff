"""Stage pressure: tolerances and states for all, a month's fit that is kept, kept days, empty inputs."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from millibar.pipeline.context import RunContext
from millibar.pipeline.stages import pressure
from millibar.pipeline.stages.parameters import dbt_variables
from millibar.pressure.index import decay_contacts
from millibar.pressure.index.contacts import DECAYED, MEMORY_DAYS
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.pipeline.stages.stage_inputs import AS_OF, contents, fill

PROFILES = pd.DataFrame(
    {
        "channel": ["email", "sms"],
        "pressure_weight": [1.0, 3.0],
        "persistence_days": [3, 3],
        "weekly_cap": [4, 2],
        "intrusiveness": [0.2, 0.6],
    }
)
TABLES = ("pressure_channel", "pressure_tolerance", "pressure_state", "pressure_fit_tolerance")


def fill_profiles(warehouse: Warehouse) -> None:
    fill(warehouse, "seeds.channel_profiles", PROFILES)


def fill_market(
    warehouse: Warehouse, customers: int, days: int = 150, last: date = AS_OF, rise: float = 0.0, seed: int = 1
) -> pd.DataFrame:
    """Mails to customers who differ in volume; annoyances rise with what stands when a mail comes. Returns the acts."""
    random = np.random.default_rng(seed)
    names = np.array([f"c{number:05d}" for number in range(customers)])
    volume = random.gamma(2.0, 0.15, customers)
    sent = random.poisson(volume[:, None], (customers, days)) > 0
    customer, ago = np.nonzero(sent)
    rows = pd.DataFrame({
        "customer_id": names[customer], "channel": "email",
        "day": pd.Timestamp(last) - pd.to_timedelta(ago, unit="D"), "contacts_1d": 1,
    })  # fmt: skip
    rows = decay_contacts(rows, {"email": 3.0, "sms": 3.0})
    stands = rows["decayed"] - 1.0
    annoyed = random.random(len(rows)) < 0.004 * np.maximum(1.0, stands) ** rise
    answered = random.random(len(rows)) < 0.05
    rows = rows.assign(contacts_7d=1, day=rows["day"].dt.date)
    columns = ["customer_id", "channel", "day", "contacts_1d", "contacts_7d", *DECAYED]
    fill(warehouse, "marts.fct_pressure_daily", rows[columns])
    newest = rows.drop_duplicates(["customer_id", "channel"], keep="last")
    current = newest.rename(columns={"day": "last_contact_on"}).drop(columns="contacts_1d")
    fill(warehouse, "intermediate.int_pressure__current", current)
    acts = pd.concat([
        rows.loc[flag, ["customer_id", "channel", "day"]].assign(event_type=kind)
        for flag, kind in ((annoyed, "unsubscribe"), (answered, "click"))
    ])  # fmt: skip
    events = acts.rename(columns={"day": "occurred_on"}).assign(is_contact=False, is_machine=False)
    fill(warehouse, "marts.fct_touchpoint", events)
    counts = rows.groupby(["day", "channel"], as_index=False)["contacts_1d"].sum()
    fill(warehouse, "intermediate.int_touchpoint__daily", counts.rename(columns={"contacts_1d": "contacts"}))
    known = pd.DataFrame({"customer_id": names, "is_known": True, "acquisition_channel": "store"})
    fill(warehouse, "marts.dim_customer", known)
    return acts


def told(warehouse: Warehouse, model: str = "pressure_tolerance") -> dict:
    """The newest run of a model."""
    rows = warehouse.rows(
        "select inputs, fit_quality from ops.model_runs where model = %(model)s order by finished_at", {"model": model}
    )
    return rows[-1]


def test_everybody_has_a_tolerance_and_a_state(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_profiles(inputs)
    fill_market(inputs, 60)
    fill(inputs, "marts.dim_customer", pd.DataFrame({"customer_id": ["silent"], "is_known": True}))
    pressure.run(inputs, settings, run)
    assert not told(inputs)["fit_quality"]["fitted"]
    people = inputs.rows("select customer_id, basis from scores.pressure_tolerance")
    assert {row["customer_id"] for row in people} >= {"silent", "c00000"}
    assert {row["basis"] for row in people} == {"default"}
    states = inputs.frame("select * from scores.pressure_state where channel = 'all'").set_index("customer_id")
    assert len(states) == len(people)
    assert (states.loc["silent", "state"], states.loc["silent", "pressure_index"]) == ("under", 0.0)
    assert states["next_contact_on"].min() > AS_OF


def test_tolerance_is_learned_from_the_days_before_the_month(
    inputs: Warehouse, settings: Settings, run: RunContext
) -> None:
    fill_profiles(inputs)
    acts = fill_market(inputs, 1_500, rise=1.8)
    pressure.run(inputs, settings, run)
    fit = told(inputs)["fit_quality"]
    before = acts[(acts["day"] < date(2025, 6, 1)) & (acts["event_type"] == "unsubscribe")]
    assert fit["fitted"]
    assert fit["annoyances"] == len(before)
    assert 0.4 < fit["rho"] < 2.5
    assert fit["annoyance_rise"] > 0.8
    basis = inputs.frame("select basis from scores.pressure_tolerance")["basis"]
    assert (basis == "customer").any()
    channels = inputs.frame("select * from scores.pressure_channel").set_index("channel")
    assert channels.loc["email", "basis"] == "learned"
    assert channels.loc["sms", "basis"] == "profile"
    assert channels.loc["email", "weight_low"] < channels.loc["email", "weight"] < channels.loc["email", "weight_high"]


def test_a_fit_is_kept_until_what_it_read_has_changed(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_profiles(inputs)
    fill_market(inputs, 1_200, rise=1.8)
    pressure.run(inputs, settings, run)
    first = told(inputs)["fit_quality"]
    pressure.run(inputs, settings, replace(run, run_id="run-2", as_of=AS_OF - timedelta(days=1)))
    second = told(inputs)["fit_quality"]
    assert (first.pop("is_kept_fit"), second.pop("is_kept_fit")) == (False, True)
    assert first == second
    late = pd.DataFrame({"day": [date(2025, 5, 20)], "channel": ["email"], "contacts": [7]})
    fill(inputs, "intermediate.int_touchpoint__daily", late)
    pressure.run(inputs, settings, replace(run, run_id="run-3"))
    assert not told(inputs)["fit_quality"]["is_kept_fit"]


def test_who_was_annoyed_since_then_is_learned_anew(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_profiles(inputs)
    fill_market(inputs, 1_200, rise=1.8)
    calm = inputs.value("""
        select customer_id from intermediate.int_pressure__current as c
        where last_contact_on > '2025-06-20' and not exists (
            select 1 from marts.fct_touchpoint as t where t.customer_id = c.customer_id and event_type = 'unsubscribe'
        ) order by decayed_memory desc limit 1
    """)
    pressure.run(inputs, settings, run)
    before = inputs.value("select tolerance from scores.pressure_tolerance where customer_id = %(c)s", {"c": calm})
    annoyed = pd.DataFrame({
        "customer_id": [calm] * 3, "channel": "email", "occurred_on": date(2025, 6, 25), "event_type": "spam_complaint",
        "is_contact": False, "is_machine": False,
    })  # fmt: skip
    fill(inputs, "marts.fct_touchpoint", annoyed)
    pressure.run(inputs, settings, replace(run, run_id="run-2"))
    after = inputs.value("select tolerance from scores.pressure_tolerance where customer_id = %(c)s", {"c": calm})
    assert after < 0.8 * before
    assert told(inputs)["fit_quality"]["is_kept_fit"]


def test_nothing_is_learned_from_machine_acts(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_profiles(inputs)
    fill_market(inputs, 1_200, rise=1.8)
    pressure.run(inputs, settings, run)
    before = [contents(inputs, f"scores.{table}") for table in TABLES]
    machine = inputs.frame("select customer_id, channel, day as occurred_on from marts.fct_pressure_daily limit 4000")
    fill(inputs, "marts.fct_touchpoint", machine.assign(event_type="click", is_contact=False, is_machine=True))
    inputs.execute("delete from scores.pressure_fit")  # learn again
    pressure.run(inputs, settings, replace(run, run_id="run-2"))
    assert [contents(inputs, f"scores.{table}") for table in TABLES] == before


def test_running_again_gives_the_same_tables(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_profiles(inputs)
    fill_market(inputs, 80)
    pressure.run(inputs, settings, run)
    before = [contents(inputs, f"scores.{table}") for table in TABLES]
    pressure.run(inputs, settings, replace(run, run_id="run-2"))
    assert [contents(inputs, f"scores.{table}") for table in TABLES] == before


def test_a_day_of_the_past_knows_nothing_of_what_came_later(
    inputs: Warehouse, settings: Settings, run: RunContext
) -> None:
    fill_profiles(inputs)
    fill_market(inputs, 80)
    past = replace(run, as_of=AS_OF - timedelta(days=12), run_id="past")
    pressure.run(inputs, settings, past)
    before = contents(inputs, "scores.pressure_state")
    inputs.execute("delete from marts.fct_pressure_daily where day > %(day)s", {"day": past.as_of})
    inputs.execute("delete from intermediate.int_pressure__current")
    inputs.execute("""
        insert into intermediate.int_pressure__current
        select distinct on (customer_id, channel) customer_id, channel, day, contacts_7d, decayed_half, decayed,
            decayed_double, decayed_memory
        from marts.fct_pressure_daily order by customer_id, channel, day desc
    """)
    pressure.run(inputs, settings, replace(past, run_id="then"))
    after = contents(inputs, "scores.pressure_state")
    assert [row["customer_id"] for row in after] == [row["customer_id"] for row in before]
    for now, then in zip(after, before, strict=True):
        assert now["state"] == then["state"]
        assert now["mean_index"] == pytest.approx(then["mean_index"], abs=1e-6)


def test_the_newest_week_and_month_ends_are_kept(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_profiles(inputs)
    fill_market(inputs, 3)
    for days in (40, 30, 29, 12, 7, 6, 1, 0):
        day = AS_OF - timedelta(days=days)
        pressure.run(inputs, settings, replace(run, run_id=f"run-{days}", as_of=day))
    kept = inputs.rows("select distinct as_of from scores.pressure_tolerance order by as_of")
    assert [(AS_OF - row["as_of"]).days for row in kept] == [30, 6, 1, 0]
    assert inputs.value("select count(distinct as_of) from scores.pressure_state") == 1


def test_empty_inputs_give_empty_tables(inputs: Warehouse, settings: Settings, run: RunContext) -> None:
    fill_profiles(inputs)
    pressure.run(inputs, settings, run)
    assert inputs.value("select count(*) from scores.pressure_state") == 0
    assert inputs.value("select count(*) from scores.pressure_channel") == 2


def test_memory_is_the_same_in_the_warehouse_and_here(settings: Settings) -> None:
    assert dbt_variables(settings.dbt_project / "dbt_project.yml")["pressure_memory_days"] == MEMORY_DAYS
