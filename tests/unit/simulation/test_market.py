"""The written market: same bytes for a seed, nothing lost between the tools and the files, truth that covers all."""

from __future__ import annotations

import ast
import csv
import gzip
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet
import pytest

import millibar.simulation
from millibar.simulation.market import TOOLS, simulate
from millibar.simulation.parameters import MarketParameters
from millibar.sources.contracts import FEEDS

from .conftest import Written


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(write_market: Callable[..., Written]) -> None:
    first, second = (write_market(customers=60, days=20, effect_sample=20) for _ in range(2))
    assert contents(first.landing) == contents(second.landing)
    assert contents(first.truth) == contents(second.truth)


def test_another_seed_gives_another_market(write_market: Callable[..., Written]) -> None:
    first, second = (write_market(customers=60, days=5, seed=seed) for seed in (1, 2))
    assert contents(first.landing) != contents(second.landing)


def test_a_shorter_market_is_the_beginning_of_a_longer_one(write_market: Callable[..., Written]) -> None:
    short, long = (write_market(customers=80, days=days) for days in (20, 26))
    later = contents(long.landing)
    assert {name: later[name] for name in contents(short.landing)} == contents(short.landing)


@pytest.mark.parametrize("customers", [1, 2, 3])
def test_a_tiny_market(customers: int, write_market: Callable[..., Written]) -> None:
    written = write_market(customers=customers, days=30, effect_sample=5)
    assert len(written.true("records").to_pylist()) >= customers
    persons = len(written.true("persons"))
    assert set(written.true("channel_effects")["persons_measured"].to_pylist()) == {persons}


def test_one_day(write_market: Callable[..., Written]) -> None:
    written = write_market(customers=50, days=1)
    assert [folder.name for folder in written.landing.iterdir()] == ["2025-01-01"]


@pytest.mark.parametrize("wrong", [{"customers": 0}, {"days": 0}, {"channels": {}}])
def test_impossible_parameters_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MarketParameters(**wrong)  # type: ignore[arg-type]


def test_a_second_simulation_replaces_the_first_and_nothing_else(tmp_path: Path) -> None:
    landing, truth = tmp_path / "landing", tmp_path / "truth"
    simulate(MarketParameters(customers=20, days=4, effect_sample=0), landing, truth)
    (landing / "by hand").mkdir()
    simulate(MarketParameters(customers=20, days=2, effect_sample=0), landing, truth)
    assert sorted(folder.name for folder in landing.iterdir()) == ["2025-01-01", "2025-01-02", "by hand"]


def test_every_feed_is_filled(market: Written) -> None:
    rows = market.report.rows_by_feed()
    assert set(rows) == set(FEEDS) - {"subscriptions"}  # the market's customers are under no contract
    assert min(rows.values()) > 0


def test_rows_written_are_rows_handed_over_and_noise(market: Written) -> None:
    for count in market.report.counts.values():
        made = count.events + count.duplicates + count.redelivered + count.versions + count.broken
        assert count.rows == made - count.undelivered


def test_the_files_hold_the_rows_that_were_counted(market: Written) -> None:
    for tool in TOOLS:
        rows = 0
        for path in market.files(tool.file):
            rows += rows_of(path)
        assert rows == market.report.counts[tool.name].rows, tool.name


def rows_of(path: Path) -> int:
    if path.suffix == ".parquet":
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    lines = text.decode("latin-1").splitlines()
    if ".jsonl" in path.name:
        return len(lines)
    return len(list(csv.reader(lines, delimiter="\t" if ".tsv" in path.name else ","))) - 1


def test_noise_has_the_shares_asked_for(market: Written) -> None:
    noise, noisy = market.parameters.noise, [tool.name for tool in TOOLS if tool.noisy]
    counts = [market.report.counts[name] for name in noisy]
    rows = sum(count.events for count in counts)
    assert sum(count.late for count in counts) / rows == pytest.approx(noise.late, rel=0.15)
    assert sum(count.duplicates for count in counts) / rows == pytest.approx(noise.duplicate, rel=0.3)
    assert sum(count.redelivered for count in counts) / rows == pytest.approx(noise.redelivered, rel=0.4)
    # Small files get no broken row, so that no source of a small market reaches its limit.
    assert 0 < sum(count.broken for count in counts) / rows <= noise.broken * 1.3


def test_no_order_before_the_entry_nor_after_the_departure(market: Written) -> None:
    persons = market.true("persons").select(["person_id", "entry_on", "churned_on"])
    orders = market.true("orders").join(persons, "person_id")
    day = pc.strptime(pc.utf8_slice_codeunits(orders["order_id"], 1, 7), "%y%m%d", "s").cast(pa.date32())
    assert orders.num_rows == market.report.orders > 50
    assert pc.all(pc.greater_equal(day, orders["entry_on"])).as_py()
    left = pc.less_equal(orders["churned_on"], day)
    assert not pc.any(pc.fill_null(left, False)).as_py()
    assert persons["churned_on"].null_count < len(persons)  # somebody did leave


def test_events_are_delivered_on_their_day_or_later(market: Written) -> None:
    paris = ZoneInfo("Europe/Paris")
    lags = []
    for path in market.files("email_events.csv.gz"):
        delivered = date.fromisoformat(path.parent.name)
        for row in csv.DictReader(gzip.decompress(path.read_bytes()).decode().splitlines()):
            if row["event_id"].startswith("broken") or not row["event_id"]:
                continue
            happened = datetime.fromisoformat(row["event_time"]).astimezone(paris).date()
            lags.append((delivered - happened).days)
    assert min(lags) == 0
    assert max(lags) <= 4  # late by 3 days at most, redelivered after 4
    assert np.mean(np.array(lags) > 0) == pytest.approx(0.017, abs=0.008)


def test_truth_names_the_person_behind_every_touchpoint(market: Written) -> None:
    truth = market.true("touchpoints").to_pylist()
    known = {row["touchpoint_id"] for row in truth if row["source"] == "social_listening"}
    written = set()
    for path in market.files("social_activity.jsonl"):
        written |= {json.loads(line).get("activity_id") for line in path.read_text().splitlines()}
    written = {key for key in written if key and not key.startswith("broken")}
    assert written
    assert written <= known
    assert len(known - written) <= market.report.counts["social_listening"].undelivered
    assert len(truth) == market.report.touchpoints


def test_truth_covers_every_record_and_its_identifiers(market: Written) -> None:
    person_of = {(row["source"], row["record_id"]): row["person_id"] for row in market.true("records").to_pylist()}
    owners: dict[tuple[str, str], set[int]] = {}
    for row in market.true("identifiers").to_pylist():
        owners.setdefault((row["identifier_type"], row["value"]), set()).add(row["person_id"])
    seen = 0
    for path in market.files("accounts.jsonl"):
        for record in map(json.loads, path.read_text().splitlines()):
            if record.get("account_id", "broken").startswith("broken"):
                continue
            person = person_of["crm_ecommerce", record["account_id"]]
            assert person in owners["crm_id", record["account_id"]]
            assert person in owners["email", record["email"]]
            seen += 1
    assert seen > 150


def test_a_cookie_of_the_truth_is_one_of_the_web_site(market: Written) -> None:
    known = {row["value"] for row in market.true("identifiers").to_pylist() if row["identifier_type"] == "cookie_id"}
    hits = pa.concat_tables([pyarrow.parquet.read_table(path) for path in market.files("web_hits.parquet")])
    assert set(hits["cookie"].to_pylist()) <= known


def test_weekly_states_agree_with_index_and_tolerance(market: Written) -> None:
    states = market.true("states").join(market.true("persons").select(["person_id", "tolerance"]), "person_id")
    ratio = states["ratio"].to_numpy()
    assert ratio == pytest.approx(states["pressure_index_28d"].to_numpy() / states["tolerance"].to_numpy(), rel=1e-4)
    over = np.array(states["state"].to_pylist()) == "over"
    assert (over == (ratio > 1)).all()
    assert 0.02 < over.mean() < 0.7
    assert len(set(states["as_of"].to_pylist())) == market.parameters.days // 7


def test_simulation_imports_nothing_but_the_feed_contracts() -> None:
    allowed = ("millibar.simulation", "millibar.sources.contracts")
    for path in Path(millibar.simulation.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("millibar"):
                assert (node.module or "").startswith(allowed), f"{path.name} imports {node.module}"
