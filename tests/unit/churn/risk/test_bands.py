"""Bands: by expected loss, lost apart, never lower for a customer worth more."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millibar.churn.risk import RiskParameters, risk_bands
from millibar.churn.risk.bands import BANDS

PARAMETERS = RiskParameters()
CHANCE = st.floats(0, 1)
LOSS = st.floats(0, 1e9)


def band(alive: float, active: float, loss: float, order: float = 40.0) -> str:
    return str(risk_bands([alive], [active], [loss], order, PARAMETERS)[0])


def test_the_edges() -> None:
    assert band(0.9, 0.5, 9.99) == "low"
    assert band(0.9, 0.5, 10.0) == "medium"
    assert band(0.9, 0.5, 39.99) == "medium"
    assert band(0.9, 0.5, 40.0) == "high"
    assert band(0.05, 0.01, 1000.0) == "lost"
    assert band(0.2, 0.16, 1000.0) == "high"  # may order yet, though the model of purchases gave him up
    assert band(0.3, 0.01, 1000.0) == "high"


@given(CHANCE, CHANCE, LOSS, st.floats(1, 10), st.floats(0.01, 1e6))
def test_more_to_lose_is_never_a_lower_band(
    alive: float, active: float, loss: float, times: float, order: float
) -> None:
    worth_more = BANDS.index(band(alive, active, loss * times, order))
    assert worth_more >= BANDS.index(band(alive, active, loss, order))


def test_odd_amounts() -> None:
    nan = float("nan")
    found = risk_bands([0.9, nan, 0.9, 0.9], [0.5, nan, 0.5, nan], [nan, 5.0, 1e9, np.inf], 40.0, PARAMETERS)
    assert list(found) == ["low", "lost", "high", "high"]
    for order in (0.0, -5.0, nan):
        assert band(0.9, 0.5, 1e9, order) == "low"
    assert len(risk_bands([], [], [], 40.0, PARAMETERS)) == 0


def test_the_currency_does_not_matter() -> None:
    random = np.random.default_rng(0)
    loss = random.lognormal(3, 1, 500)
    yen = risk_bands(random.random(500) * 0 + 1, np.ones(500), loss * 160, 40.0 * 160, PARAMETERS)
    assert list(yen) == list(risk_bands(np.ones(500), np.ones(500), loss, 40.0, PARAMETERS))
    assert set(yen) == {"low", "medium", "high"}
