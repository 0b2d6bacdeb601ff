"""The bars of the signals count what they say: on a made market with one fault, one outlier and one false alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.pressure.bars.signals import (
    ALSO_MOVED,
    SIGNS_OF_KIND,
    first_rises,
    score_signals,
    signs_moved,
    summarise,
)
from millibar.pressure.signals.signs import SIGN_OF
from millibar.simulation.incidents import KINDS
from millibar.simulation.parameters import MarketParameters

DAYS = 260


class MadeMarket:
    """A mail channel of two segments, without a simulation."""

    parameters = MarketParameters(customers=1, days=DAYS)
    days = DAYS
    returns = pd.DataFrame({"day": [], "order_day": []})

    def __init__(self, factors: dict[str, np.ndarray], incidents: list[tuple[object, ...]]) -> None:
        self._factors = factors
        names = ["kind", "channel", "segment", "first_day", "last_day", "factor", "is_outlier"]
        self.incidents = pd.DataFrame(incidents, columns=names)

    def health(self) -> pd.DataFrame:
        rng = np.random.default_rng(5)
        rows = []
        for segment, factor in self._factors.items():
            rows.append(pd.DataFrame({
                "day": pd.date_range(self.parameters.start, periods=DAYS), "channel": "email",
                "segment": f"acquisition_channel:{segment}", "contacts": 1_000,
                "human_clicks": rng.binomial(1_000, 0.05 * factor),
            }))  # fmt: skip
        everybody = sum(frame.set_index("day")[["contacts", "human_clicks"]] for frame in rows).reset_index()  # type: ignore[union-attr]
        return pd.concat([*rows, everybody.assign(channel="email", segment="all")], ignore_index=True)


def factors(first: int, last: int, factor: float) -> np.ndarray:
    values = np.ones(DAYS)
    values[first : last + 1] = factor
    return values


def score(store: np.ndarray, *incidents: tuple[object, ...]):  # type: ignore[no-untyped-def]
    return score_signals(MadeMarket({"store": store, "search": np.ones(DAYS)}, list(incidents)))  # type: ignore[arg-type]


def test_a_fault_is_found_with_its_delay_and_is_no_false_alarm() -> None:
    bars = score(factors(200, 225, 0.4), ("click_drop", "email", "store", 200, 225, 0.4, False))
    assert (bars.recall, bars.patterns, bars.outliers) == (1.0, 1, 0)
    assert 1 <= bars.median_delay <= 7
    assert bars.false_alarms == 0
    assert 1.0 < bars.series_years < 3 * DAYS / 365


def test_a_fall_nobody_injected_is_a_false_alarm_and_a_fault_elsewhere_is_not_found() -> None:
    bars = score(factors(200, 225, 0.4), ("click_drop", "sms", None, 200, 225, 0.4, False))
    assert bars.recall == 0
    assert set(bars.wrong["segment"]) >= {"acquisition_channel:store"}
    assert bars.by_sign.set_index("sign").loc["click_rate_falls", "false_alarms"] == len(bars.wrong)
    assert bars.wrong["day"].between(200, 214).all()


def test_a_fault_found_too_late_counts_as_missed() -> None:
    """The numbers fall three weeks after the day the truth gives."""
    bars = score(factors(200, 225, 0.4), ("click_drop", "email", "store", 180, 225, 0.4, False))
    assert bars.recall == 0
    assert np.isnan(bars.median_delay)


def test_an_outlier_raises_no_alarm_and_a_pattern_taken_for_one_does() -> None:
    one_day = score(factors(200, 200, 0.05), ("click_drop", "email", "store", 200, 200, 0.05, True))
    assert (one_day.outliers, one_day.outlier_alarms) == (1, 0.0)
    assert one_day.false_alarms == 0


def test_an_alarm_that_comes_back_within_a_week_is_the_same() -> None:
    alarm = np.zeros((1, 30), dtype=bool)
    alarm[0, [3, 4, 8, 20]] = True
    assert np.flatnonzero(first_rises(alarm)[0]).tolist() == [3, 20]


def test_every_sign_and_kind_of_the_truth_is_known() -> None:
    assert set(SIGNS_OF_KIND) | set(ALSO_MOVED) <= set(KINDS)
    assert {sign for kind in KINDS for sign in signs_moved(kind)} <= set(SIGN_OF)


def test_bars_of_markets_put_together_weigh_their_incidents() -> None:
    incidents = pd.DataFrame({
        "kind": "click_drop", "is_outlier": [False, False, False, True], "delay": [2.0, 6.0, np.nan, np.nan],
        "alarmed": [True, True, False, False],
    })  # fmt: skip
    by_sign = pd.DataFrame({"sign": ["a", "a"], "series_years": [10.0, 30.0], "false_alarms": [1, 1]})
    bars = summarise(incidents, by_sign, pd.DataFrame())
    assert bars.recall == pytest.approx(2 / 3)
    assert bars.median_delay == 4
    assert bars.false_alarms == pytest.approx(5.0)
    assert bars.outlier_alarms == 0


def test_an_alarm_of_a_pattern_is_not_the_outliers_that_falls_into_it() -> None:
    """Day 203, within a fault, is worse still: with the fault told the alarm is its own, without it the outlier's."""
    store = factors(200, 225, 0.4)
    store[203] = 0.02
    fault = ("click_drop", "email", "store", 200, 225, 0.4, False)
    outlier = ("click_drop", "email", "store", 203, 203, 0.02, True)
    told, untold = score(store, fault, outlier), score(store, outlier)
    assert told.outlier_alarms == 0
    assert (told.recall, told.outliers) == (1.0, 1)
    assert untold.outliers == 1
