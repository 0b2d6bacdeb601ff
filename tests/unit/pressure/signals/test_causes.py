"""Cause sheets: each partition sums to the gap, new campaigns and odd names included."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.pressure.signals.causes import MIX, OTHER, Driver, largest, ranked, rate_drivers, series_drivers
from millibar.pressure.signals.signs import SIGN_OF
from unit.pressure.signals.stand_ins import campaign_rows

CLICKS = SIGN_OF["click_rate_falls"]
HOSTILE = ["=cmd|' /C calc'!A0", "L'été à «10 €»; --", 'a "quoted", name', "<b>bold</b>", "x" * 500, "日本語", " "]


@st.composite
def campaigns(draw: st.DrawFn) -> pd.DataFrame:
    rows = []
    for number in range(draw(st.integers(1, 8))):
        contacts = draw(st.integers(0, 10_000))
        rows.append(
            {
                "window": draw(st.sampled_from(["recent", "baseline"])),
                "campaign": draw(st.sampled_from([*HOSTILE, f"k{number}", None])),
                "team": draw(st.sampled_from(["crm", "digital", None])),
                "device": draw(st.sampled_from(["mobile", None])),
                "contacts": float(contacts),
                "human_clicks": float(draw(st.integers(0, contacts))),
            }
        )
    return campaign_rows(*rows)


@given(campaigns(), st.floats(-1e4, 1e4))
def test_every_partition_sums_to_the_gap(rows: pd.DataFrame, gap: float) -> None:
    found = rate_drivers(rows, CLICKS, "email", "all", gap, 3, 5.0)
    for kind in {driver.kind for driver in found}:
        parts = [driver.contribution for driver in found if driver.kind == kind]
        assert sum(parts) == pytest.approx(gap, abs=1e-6)
        assert np.isfinite(parts).all()


def test_rate_and_mix_are_told_apart() -> None:
    """Nobody answers less; there is only more of what was always answered less."""
    rows = campaign_rows(
        {"window": "baseline", "campaign": "loved", "contacts": 50_000, "human_clicks": 5_000},
        {"window": "baseline", "campaign": "dull", "contacts": 50_000, "human_clicks": 500},
        {"campaign": "loved", "contacts": 1_000, "human_clicks": 100},
        {"campaign": "dull", "contacts": 9_000, "human_clicks": 90},
    )
    parts = {d.driver: d.contribution for d in rate_drivers(rows, CLICKS, "email", "all", -360.0, 5, 5.0)}
    assert parts["loved"] == pytest.approx(0.0, abs=1.0)
    assert parts["dull"] == pytest.approx(0.0, abs=1.0)
    assert parts[MIX] == pytest.approx(-360.0, abs=2.0)
    assert parts[OTHER] == pytest.approx(0.0, abs=2.0)


def test_a_campaign_that_is_new_is_held_against_the_usual_rate() -> None:
    rows = campaign_rows(
        {"window": "baseline", "campaign": "old", "contacts": 100_000, "human_clicks": 5_000},
        {"campaign": "new", "contacts": 10_000, "human_clicks": 100},
    )
    parts = {d.driver: d.contribution for d in rate_drivers(rows, CLICKS, "email", "all", -400.0, 5, 5.0)}
    assert parts["new"] == pytest.approx(-400.0)


def test_names_are_text_whatever_they_hold() -> None:
    rows = campaign_rows(
        *({"window": window, "campaign": name, "contacts": 100, "human_clicks": 10} for name in HOSTILE for window in
          ("recent", "baseline")),
    )  # fmt: skip
    told = {d.driver for d in rate_drivers(rows, CLICKS, "email", "all", -10.0, 20, 5.0)}
    assert told == {name[:120] for name in HOSTILE} | {MIX, OTHER}


def test_one_contributor_alone_explains_nothing() -> None:
    rows = campaign_rows(
        {"window": "baseline", "campaign": "a", "team": "crm", "contacts": 1_000, "human_clicks": 50},
        {"campaign": "a", "team": "crm", "contacts": 1_000, "human_clicks": 10},
    )
    kinds = {driver.kind for driver in rate_drivers(rows, CLICKS, "email", "all", -40.0, 5, 5.0)}
    assert kinds == {"campaign"}


def test_other_channels_and_devices_have_no_part() -> None:
    rows = campaign_rows(
        {"window": "baseline", "campaign": "a", "device": "mobile", "contacts": 1_000, "human_clicks": 50},
        {"campaign": "a", "device": "mobile", "contacts": 1_000, "human_clicks": 10},
        {"campaign": "b", "device": "desktop", "contacts": 1_000, "human_clicks": 1},
        {"campaign": "c", "channel": "sms", "contacts": 1_000, "human_clicks": 1},
    )
    told = {d.driver for d in rate_drivers(rows, CLICKS, "email", "device:mobile", -40.0, 5, 5.0)}
    assert told == {"a", MIX, OTHER}
    assert rate_drivers(rows, CLICKS, "messenger", "all", -40.0, 5, 5.0) == []


@given(st.lists(st.floats(-1e5, 1e5), max_size=9), st.floats(-1e5, 1e5))
def test_series_and_the_rest_sum_to_the_gap(gaps: list[float], gap: float) -> None:
    parts = pd.DataFrame({"part": [f"c{n}" for n in range(len(gaps))], "gap": gaps})
    parts = parts.assign(observed_count=1.0, expected_count=2.0)
    found = series_drivers(parts, "channel", gap, 4)
    assert len(found) <= 5
    if gaps:
        assert sum(driver.contribution for driver in found) == pytest.approx(gap, abs=1e-4)


@pytest.mark.parametrize("gap", [-100.0, 100.0])
def test_the_largest_part_the_way_of_the_gap_comes_first(gap: float) -> None:
    found = [Driver("channel", "a", -0.2 * gap), Driver("channel", "b", 0.9 * gap), Driver("channel", OTHER, 0.3 * gap)]
    table = ranked(found, gap)
    assert table["driver"].to_list() == ["b", OTHER, "a"]
    assert table["rank"].to_list() == [1, 2, 3]
    assert table["share"].to_list() == pytest.approx([0.9, 0.3, -0.2])
    chief = largest(found, gap, ())
    assert chief is not None
    assert chief.driver == "b"


def test_without_a_named_part_there_is_no_largest() -> None:
    assert largest([Driver("campaign", MIX, -5.0), Driver("campaign", "a", 3.0)], -5.0, ("campaign",)) is None
