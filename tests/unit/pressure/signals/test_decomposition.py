"""Customers x frequency x basket x channel: the parts sum to the gap, and each cause is found in its own part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millibar.pressure.signals.decomposition import PARTS, Trade, decompose

amounts = st.floats(0, 1e6, allow_nan=False)


@st.composite
def trades(draw: st.DrawFn) -> tuple[Trade, Trade]:
    channels = draw(st.integers(1, 5))
    made = []
    for _ in range(2):
        orders = np.array(draw(st.lists(st.integers(0, 5_000), min_size=channels, max_size=channels)), dtype=float)
        basket = np.array(draw(st.lists(st.floats(1, 500), min_size=channels, max_size=channels)))
        made.append(Trade(float(draw(st.integers(0, 100_000))), orders, orders * basket))
    return made[0], made[1]


@given(trades())
def test_the_parts_sum_to_the_gap(pair: tuple[Trade, Trade]) -> None:
    now, before = pair
    parts = decompose(now, before)
    assert set(parts) == set(PARTS)
    gap = now.revenue.sum() - before.revenue.sum()
    assert np.isfinite(list(parts.values())).all()
    assert sum(parts.values()) == pytest.approx(gap, abs=1e-6 * max(now.revenue.sum(), before.revenue.sum(), 1.0))


@given(trades())
def test_going_back_turns_every_part_around(pair: tuple[Trade, Trade]) -> None:
    """The index has no favourite period (time reversal)."""
    now, before = pair
    there, back = decompose(now, before), decompose(before, now)
    most = max(now.revenue.sum(), before.revenue.sum(), 1.0)
    if min(now.revenue.min(), before.revenue.min()) > 0:
        for part in PARTS:
            assert there[part] == pytest.approx(-back[part], abs=1e-6 * most)


BEFORE = Trade(1_000.0, np.array([100.0, 50.0]), np.array([6_000.0, 2_000.0]))


@pytest.mark.parametrize(
    ("now", "part", "gap"),
    [
        (Trade(800.0, BEFORE.orders * 0.8, BEFORE.revenue * 0.8), "customers", -1_600.0),
        (Trade(1_000.0, BEFORE.orders * 0.8, BEFORE.revenue * 0.8), "frequency", -1_600.0),
        (Trade(1_000.0, BEFORE.orders, BEFORE.revenue * 0.8), "basket", -1_600.0),
        (Trade(1_000.0, np.array([50.0, 100.0]), np.array([3_000.0, 4_000.0])), "channel", -1_000.0),
        (Trade(1_000.0, np.array([150.0, 0.0]), np.array([9_000.0, 0.0])), "channel", 1_000.0),
    ],
)
def test_what_changed_alone_is_all_of_the_gap(now: Trade, part: str, gap: float) -> None:
    parts = decompose(now, BEFORE)
    assert parts[part] == pytest.approx(gap, rel=0.01)
    for other in set(PARTS) - {part}:
        assert parts[other] == pytest.approx(0.0, abs=1e-6)


def test_nothing_sold_is_frequency_and_nobody_there_customers() -> None:
    nothing = Trade(1_000.0, np.zeros(2), np.zeros(2))
    assert decompose(nothing, BEFORE)["frequency"] == -8_000.0
    assert decompose(Trade(0.0, np.zeros(2), np.zeros(2)), BEFORE)["customers"] == -8_000.0
    assert decompose(nothing, nothing) == dict.fromkeys(PARTS, 0.0)
