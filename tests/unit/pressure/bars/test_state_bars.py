"""The bars of the states and the report: figures on known answers, a small market end to end, the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.command import main
from millibar.pressure.bars.market import PlayedMarket, machine_acts, play_market
from millibar.pressure.bars.report import BARS, Bar
from millibar.pressure.bars.states import auc, compare, score_states, weighted_kappa
from millibar.pressure.parameters import ToleranceParameters
from millibar.pressure.states import StateParameters
from millibar.settings import Settings
from millibar.simulation.ledger import EVENT_NUMBER, IN, OUT, events, join
from millibar.simulation.parameters import MarketParameters

SMALL = MarketParameters(customers=400, days=120, seed=4)


@pytest.fixture(scope="module")
def market() -> PlayedMarket:
    return play_market(SMALL)


def test_kappa_of_known_tables() -> None:
    true = np.array([0, 0, 1, 1, 2, 2])
    assert weighted_kappa(true, true, 1) == pytest.approx(1.0)
    assert weighted_kappa(true, np.array([0, 0, 1, 1, 1, 1]), 1) == pytest.approx(4 / 7)  # 1 - (1 / 6) / (7 / 18)
    assert weighted_kappa(true, np.array([2, 2, 1, 1, 0, 0]), 1) < 0


def test_auc_of_known_ranks() -> None:
    assert auc(np.array([0.9, 0.8, 0.2]), np.array([True, True, False])) == 1.0
    assert auc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5
    assert np.isnan(auc(np.array([0.5]), np.array([True])))


def test_figures_of_rows() -> None:
    rows = pd.DataFrame({"state": [2, 2, 1, 0], "judged": [2, 1, 1, 0], "probability_over": [0.9, 0.6, 0.4, 0.1]})
    bars = compare(rows)
    assert (bars.auc, bars.precision_over, bars.recall_over, bars.recall_under) == (1.0, 1.0, 0.5, 1.0)
    assert bars.prevalence == 0.5


def test_health_counts_everything_once(market: PlayedMarket) -> None:
    health = market.health()
    everything = health[(health["channel"] == "all") & (health["segment"] == "all")]
    channels = health[(health["channel"] != "all") & (health["segment"] == "all")]
    for column in ("contacts", "human_clicks", "unsubscribes", "complaints"):
        assert everything[column].sum() == channels[column].sum() == market.daily[column].sum()
    assert everything["orders"].sum() == len(market.orders)
    assert everything["revenue"].sum() == pytest.approx(market.orders["amount"].sum())
    segments = health[(health["channel"] == "all") & (health["segment"] != "all")]
    assert 0 < segments["contacts"].sum() <= everything["contacts"].sum()


def test_fast_acts_are_machines() -> None:
    person, message = np.array([1, 1, 2]), np.array([7, 7, 7])
    sends = events(person[[0, 2]], np.array([1000, 1000]), 0, EVENT_NUMBER["send"], OUT, 0, message[[0, 2]])
    acts = [
        events(np.array([who]), np.array([at]), 0, EVENT_NUMBER[kind], IN, 0, np.array([7]))
        for who, at, kind in ((1, 1010, "click"), (1, 1020, "click"), (2, 1170, "open"), (2, 1190, "open"), (3, 1001, "click"))
    ]  # fmt: skip
    found = machine_acts(join([sends, *acts]))
    np.testing.assert_array_equal(found, [False, False, True, False, True, False, False])


def test_states_of_a_small_market_are_scored(market: PlayedMarket) -> None:
    profiles = pd.read_csv(Settings.from_environment().dbt_project / "seeds" / "channel_profiles.csv")
    bars = score_states(market, profiles, ToleranceParameters(), StateParameters())
    assert bars.customers > 800
    assert bars.auc > 0.75  # even with the default tolerance: the index alone says a lot
    assert 0 <= bars.flicker < 0.3


def test_a_bar_is_met_from_its_side() -> None:
    assert Bar("a", "", 0.6).is_met(0.6)
    assert not Bar("a", "", 0.6).is_met(0.59)
    assert Bar("a", "", 8.0, least=False).is_met(8.0)
    assert not Bar("a", "", 8.0, least=False).is_met(float("nan"))


def test_the_command_prints_every_bar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = tmp_path / "bars.json"
    words = [
        "pressure",
        "simulate",
        "--customers",
        "150",
        "--seed",
        "3",
        "--markets",
        "1",
        "--days",
        "365",
        "--json",
        str(told),
    ]
    assert main(words) == 0
    printed = capsys.readouterr().out
    for bar in BARS:
        assert bar.told in printed
    stored = json.loads(told.read_text())
    assert [each["name"] for each in stored["bars"]] == [bar.name for bar in BARS]
    assert stored["markets"][0]["seed"] == 3
    assert {"kind", "delay"} <= set(stored["markets"][0]["incidents"][0])


@pytest.mark.parametrize(
    "words", [["--customers", "0"], ["--markets", "-1"], ["--days", "100"], ["--json", "/nowhere/at/all/bars.json"]]
)
def test_wrong_arguments_say_so(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(["pressure", "simulate", *words])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    assert code == 2
    assert words[1] in capsys.readouterr().err
