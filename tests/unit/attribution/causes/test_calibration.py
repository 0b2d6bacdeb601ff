"""Calibrated credits: totals, coverage in invented markets, the limits of no and of much evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.attribution.causes.calibration import BASE, calibrate
from millibar.attribution.causes.experiments import IncrementalShare
from millibar.attribution.parameters import CalibrationParameters
from millibar.attribution.paths import Floats
from millibar.attribution.result import Credits

TOTAL = 10_000.0
FEW = CalibrationParameters(draws=1000)
CHANNELS = ("chat", "direct", "email", "mail", "push", "search", "sms", "social")


def credits_of(portion: Floats, channels: tuple[str, ...] = CHANNELS) -> Credits:
    conversions = portion / portion.sum() * TOTAL
    return Credits(
        "markov_shapley", channels, conversions, conversions * 50, np.ones(len(portion)), np.ones(len(portion))
    )


def evidence(channel: str, share: float, error: float) -> IncrementalShare:
    return IncrementalShare(channel, share, error, 1, 0.0)


CREDITS = credits_of(np.array([3.0, 30.0, 12.0, 8.0, 4.0, 33.0, 5.0, 5.0]))


@given(
    st.lists(st.floats(0.1, 100), min_size=8, max_size=8),
    st.lists(st.tuples(st.floats(-0.1, 0.4), st.floats(0.005, 0.1)), min_size=1, max_size=4),
)
@settings(max_examples=15, deadline=None)
def test_totals_hold_and_nothing_is_negative(portion: list[float], shown: list[tuple[float, float]]) -> None:
    credits = credits_of(np.asarray(portion))
    known = [evidence(channel, *values) for channel, values in zip(CHANNELS[2:], shown, strict=False)]
    found = calibrate(credits, known, FEW)
    assert found.credits.channels == (*CHANNELS, BASE)
    assert found.credits.conversions.sum() == pytest.approx(TOTAL)
    assert found.credits.revenue.sum() == pytest.approx(TOTAL * 50)
    for values in (found.credits.conversions, found.credits.revenue, found.low, found.revenue_low):
        assert (values >= -1e-6).all()
    assert (found.low <= found.high).all()
    assert found.credits.conversions[CHANNELS.index("direct")] == 0.0


def test_a_precise_experiment_is_believed() -> None:
    found = calibrate(CREDITS, [evidence("email", 0.07, 0.001), evidence("sms", 0.02, 0.0005)])
    place = CHANNELS.index("email")
    assert found.credits.conversions[place] / TOTAL == pytest.approx(0.07, abs=0.002)
    assert found.low[place] / TOTAL == pytest.approx(0.068, abs=0.001)
    assert found.high[place] / TOTAL == pytest.approx(0.072, abs=0.001)


def test_a_vague_experiment_hardly_moves_the_others() -> None:
    firm = [evidence("email", 0.07, 0.005), evidence("mail", 0.05, 0.005)]
    without, with_it = calibrate(CREDITS, firm), calibrate(CREDITS, [*firm, evidence("push", 0.5, 10.0)])
    place = CHANNELS.index("social")
    assert with_it.credits.conversions[place] == pytest.approx(without.credits.conversions[place], rel=0.15)


def test_a_channel_without_experiment_has_the_wider_interval() -> None:
    known = [evidence(name, 0.3 * float(part), 0.01) for name, part in zip(CHANNELS, CREDITS.conversions / TOTAL, strict=True)
             if name not in ("direct", "social")]  # fmt: skip
    found = calibrate(CREDITS, known)
    social, sms = CHANNELS.index("social"), CHANNELS.index("sms")
    assert found.high[social] - found.low[social] > found.high[sms] - found.low[sms]
    assert found.credits.conversions[social] == pytest.approx(0.3 * CREDITS.conversions[social], rel=0.3)


def test_an_effect_below_nothing_is_told() -> None:
    found = calibrate(CREDITS, [evidence("sms", -0.05, 0.02), evidence("email", 0.08, 0.02)])
    assert found.truncated == ("sms",)
    assert 0 <= found.credits.conversions[CHANNELS.index("sms")] < 0.02 * TOTAL


def test_intervals_cover_the_truth_in_markets_like_the_prior() -> None:
    """Effects drawn around a power of the credit; experiments of five of eight channels, with their noise."""
    random = np.random.default_rng(11)
    hits, count, nearer = 0, 0, 0
    for _ in range(60):
        portion = random.dirichlet(np.full(8, 1.5))
        credits = credits_of(portion)
        slope, spread, scale = random.uniform(0, 1), abs(random.normal(0, 1)) + 0.1, np.exp(random.normal(-1, 0.5))
        middle = np.exp(np.log(portion).mean())
        truth = scale * middle * (portion / middle) ** slope * random.gamma(1 / spread**2, spread**2, 8)
        truth[CHANNELS.index("direct")] = 0.0
        if truth.sum() > 0.9:
            continue
        known = [evidence(name, random.normal(truth[CHANNELS.index(name)], 0.01), 0.01)
                 for name in ("email", "mail", "push", "sms", "chat")]  # fmt: skip
        found = calibrate(credits, known, FEW)
        inside = (found.low / TOTAL - 1e-4 <= np.r_[truth, 1 - truth.sum()]) & (
            np.r_[truth, 1 - truth.sum()] <= found.high / TOTAL + 1e-4
        )
        mine = np.arange(9) != CHANNELS.index("direct")
        hits, count = hits + int(inside[mine].sum()), count + int(mine.sum())
        error = [
            np.abs(values[:8] / TOTAL - truth).sum() for values in (found.credits.conversions, credits.conversions)
        ]
        nearer += error[0] < error[1]
    assert count > 200
    assert 0.92 < hits / count < 0.985
    assert nearer > 0.9 * count / 8


def test_more_than_everything_leaves_no_base() -> None:
    found = calibrate(CREDITS, [evidence("email", 0.9, 0.001), evidence("search", 0.8, 0.001)], FEW)
    assert found.credits.conversions.sum() == pytest.approx(TOTAL)
    assert found.credits.conversions[-1] < 0.01 * TOTAL


def test_the_same_again() -> None:
    known = [evidence("email", 0.07, 0.02)]
    one, other = calibrate(CREDITS, known, FEW), calibrate(CREDITS, known, FEW)
    assert one.credits.conversions.tolist() == other.credits.conversions.tolist()


@pytest.mark.parametrize("known", [[], [evidence("direct", 0.1, 0.01)], [evidence("unheard", 0.1, 0.01)]])
def test_without_experiments_of_these_channels_there_is_nothing_to_say(known: list[IncrementalShare]) -> None:
    with pytest.raises(ValueError, match="nothing to calibrate with"):
        calibrate(CREDITS, known)
