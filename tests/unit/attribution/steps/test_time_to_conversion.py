"""The additive hazard: likelihood that rises, a planted hazard found again, shrinkage, weights."""

from __future__ import annotations

import numpy as np
import pytest

from millibar.attribution.paths import Floats
from millibar.attribution.steps.time_to_conversion import ANY_CHANNEL, TouchAges, age_exposure, fit_hazard

EDGES = (6.0, 24.0, 96.0)
HORIZON = 240.0
# conversions an hour by channel and age: `fast` works at once, `slow` later, `idle` never
PLANTED = np.array([[0.0150, 0.0060, 0.0008, 0.0], [0.0004, 0.0012, 0.0030, 0.0009], [0.0, 0.0, 0.0, 0.0]])
BASELINE = 0.0008


def simulated(customers: int, seed: int, baseline: float = BASELINE) -> TouchAges:
    """Customers with two touches in ten days, who convert at the planted hazard or not until their time is up."""
    random = np.random.default_rng(seed)
    channel = random.integers(0, 3, (customers, 2))
    start = np.sort(random.uniform(0, 120, (customers, 2)), axis=1)
    lower, upper = np.r_[0.0, EDGES], np.r_[EDGES, HORIZON]
    # hazards are constant between these times: thinning by the largest total is exact
    most = 2 * PLANTED.max() + baseline
    time, converted = np.zeros(customers), np.zeros(customers, dtype=bool)
    active = np.ones(customers, dtype=bool)
    while active.any():
        time[active] += random.exponential(1 / most, active.sum())
        active &= time < HORIZON + 120
        age = time[:, None] - start
        place = np.clip(np.searchsorted(EDGES, age, side="right"), 0, 3)
        rate = np.where((age >= 0) & (age < HORIZON), PLANTED[channel, place], 0.0).sum(axis=1) + baseline
        hit = active & (random.random(customers) < rate / most)
        converted |= hit
        active &= ~hit
    end = np.where(converted, time, HORIZON + 120)
    age = np.minimum(end[:, None] - start, HORIZON)
    seen = age >= 0
    exposure = np.zeros((3, 4))
    inside = np.clip(age[..., None], lower, upper) - lower
    for number in range(3):
        exposure[number] = inside[(channel == number) & seen].sum(axis=0)
    alive = converted[:, None] & seen & (end[:, None] - start < HORIZON)
    customer, touch = np.nonzero(alive)
    cell = channel[customer, touch] * 4 + np.searchsorted(EDGES, age[customer, touch], side="right")
    number = np.cumsum(converted) - 1
    return TouchAges(
        ("fast", "slow", "idle"), 4, number[customer], cell, np.ones(len(cell)), int(converted.sum()), exposure,
        float(end.sum()),
    )  # fmt: skip


def test_a_planted_hazard_is_found_again() -> None:
    found = fit_hazard(simulated(60_000, 1), prior_conversions=0.0)
    large = PLANTED > 0.0005
    assert found.by_cell[large] == pytest.approx(PLANTED[large], rel=0.12)
    assert (found.by_cell[~large] < 0.0006).all()
    assert found.by_cell[2].max() < 0.0003
    assert found.baseline == pytest.approx(BASELINE, rel=0.06)


def test_each_round_raises_the_likelihood() -> None:
    for prior in (0.0, 20.0):
        track = np.asarray(fit_hazard(simulated(3_000, 2), prior).log_likelihoods)
        assert len(track) > 3
        assert (np.diff(track) > -1e-7 * np.abs(track[:-1])).all()


def test_conversions_are_credited_whole() -> None:
    ages = simulated(5_000, 3)
    found = fit_hazard(ages, prior_conversions=0.0)
    assert found.credits.sum() + found.baseline_credit == pytest.approx(ages.conversions, rel=1e-3)
    without = fit_hazard(simulated(5_000, 3, baseline=0.0), prior_conversions=0.0)
    assert without.baseline_credit < 0.02 * without.credits.sum()


def test_without_a_baseline_touches_have_everything() -> None:
    ages = simulated(5_000, 4)
    none = TouchAges(**(ages.__dict__ | {"baseline_hours": 0.0}))
    found = fit_hazard(none, prior_conversions=0.0)
    assert found.baseline == 0.0
    touched = len(np.unique(ages.conversion))
    assert found.credits.sum() == pytest.approx(touched)


def test_a_channel_seldom_seen_is_near_the_pooled_hazard() -> None:
    ages = simulated(20_000, 5)
    rare = TouchAges(
        **(ages.__dict__ | {"channels": (*ages.channels, "rare"), "exposure": _with_row(ages.exposure, 10.0)})
    )
    found = fit_hazard(rare, prior_conversions=20.0)
    assert found.by_cell[3] == pytest.approx(found.pooled, rel=0.05)
    weak, strong = (fit_hazard(ages, prior).by_cell[0, 0] / found.pooled[0] for prior in (1.0, 1e6))
    assert weak > 1.5
    assert strong == pytest.approx(1.0, abs=0.02)


def test_weights_are_relative_hazards_with_a_row_for_the_others() -> None:
    found = fit_hazard(simulated(20_000, 6))
    table = found.weights(floor=0.02).pivot(index="channel", columns="place", values="weight")
    assert list(table.columns) == ["0", "1", "2", "3"]
    pooled = table.loc[ANY_CHANNEL]
    assert np.average(pooled, weights=found.touches) == pytest.approx(1.0)
    assert (table >= 0.02 * pooled - 1e-12).all(axis=None)
    assert table.loc["fast", "0"] > 5 * table.loc["slow", "0"]
    # ages keep their distance however far apart they are
    assert pooled["0"] / pooled["3"] == pytest.approx(found.pooled[0] / found.pooled[3])


def test_nothing_seen_weighs_one() -> None:
    none = np.zeros(0, dtype=np.int64)
    ages = TouchAges(("a",), 2, none, none, np.zeros(0), 0, np.zeros((1, 2)))
    assert fit_hazard(ages).weights()["weight"].tolist() == [1.0] * 4


def test_exposure_is_the_time_touches_were_at_risk() -> None:
    ages = np.array([[2.0, 7.0, 30.0, 200.0]])
    place = np.searchsorted(EDGES, ages[0], side="right")
    touches, total = np.bincount(place, minlength=4)[None].astype(float), np.bincount(place, ages[0], minlength=4)[None]
    found = age_exposure(total, touches, EDGES, np.array([1.0]), HORIZON)
    bounds = [(0, 6), (6, 24), (24, 96), (96, 240)]
    by_hand = [sum(max(min(age, high) - low, 0) for age in (*ages[0], HORIZON)) for low, high in bounds]
    assert found[0] == pytest.approx(by_hand)


def _with_row(exposure: Floats, hours: float) -> Floats:
    return np.vstack([exposure, np.full(exposure.shape[1], hours)])
