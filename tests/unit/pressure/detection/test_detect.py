"""Detection: patterns raise an alarm, single days never do, and the verdict depends on the counts alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.pressure.detection import Detection, DetectionParameters, detect, load_thresholds
from millibar.pressure.detection.evidence import _usual_gap

PARAMETERS = DetectionParameters()
THRESHOLDS = load_thresholds()
DAYS = PARAMETERS.history_days
WEEKDAYS = np.array([1.0, 0.9, 1.0, 1.05, 1.1, 1.3, 0.6])


def judge(
    counts: np.ndarray,
    exposure: np.ndarray | float = 1.0,
    direction: float = 1.0,
    family: str = "poisson",
    **more: object,
) -> Detection:
    counts = np.atleast_2d(np.asarray(counts, dtype=float))
    exposure = np.broadcast_to(np.asarray(exposure, dtype=float), counts.shape)
    size = len(counts)
    return detect(
        counts,
        exposure,
        np.full(size, direction),
        np.full(size, family),
        PARAMETERS,
        THRESHOLDS,
        watch_days=counts.shape[1],
        **more,
    )  # type: ignore[arg-type]


def noise(level: float, series: int = 40, days: int = DAYS, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(level * WEEKDAYS[np.arange(days) % 7], (series, days)).astype(float)


def changed(level: float, factor: float, days: int, series: int = 40, seed: int = 1) -> np.ndarray:
    """Series whose last days differ from the others by a factor."""
    rng = np.random.default_rng(seed)
    expected = np.tile(level * WEEKDAYS[np.arange(DAYS) % 7], (series, 1))
    expected[:, -days:] *= factor
    return rng.poisson(expected).astype(float)


@pytest.mark.parametrize(
    ("level", "factor", "days"),
    [
        (0.4, 6, 14),
        (2, 3, 10),
        (5, 2, 13),
        (20, 1.6, 10),
        (20, 0.5, 9),
        (100, 0.65, 10),
        (3_000, 0.6, 7),
        (1e6, 0.6, 7),
    ],
)
def test_a_step_raises_the_alarm_at_every_level(level: float, factor: float, days: int) -> None:
    direction = 1.0 if factor > 1 else -1.0
    found = judge(changed(level, factor, days), direction=direction)
    assert found.alarm[:, -1].mean() >= 0.9
    told = found.since[found.alarm[:, -1]]
    assert abs(np.median(told) - (days - 1)) <= 4
    # the other direction is no fault
    assert not judge(changed(level, factor, days), direction=-direction).alarm[:, -1].any()


def test_a_slow_decline_raises_the_alarm() -> None:
    """-1 % a day over 60 days."""
    rng = np.random.default_rng(5)
    level = np.full(DAYS, 60.0)
    level[-60:] *= 0.99 ** np.arange(60)
    found = judge(rng.poisson(level * WEEKDAYS[np.arange(DAYS) % 7], (40, DAYS)), direction=-1)
    assert found.rises[:, -60:].any(axis=1).mean() >= 0.95
    assert found.alarm[:, -1].mean() >= 0.9


@pytest.mark.parametrize("level", [0.3, 3.0, 40.0, 2_000.0])
@pytest.mark.parametrize("size", [4.0, 20.0, 1_000.0])
def test_one_wild_day_never_raises_an_alarm(level: float, size: float) -> None:
    counts = noise(level)
    for after in (0, 1, 3):  # the day itself, and with ordinary days behind it
        spiked = counts.copy()
        spiked[:, -1 - after] = level * size + 10
        usual = judge(counts)
        # a second day that is out by chance makes two wild days
        quiet = ~usual.alarm[:, -1 - after :].any(axis=1) & (usual.z[:, -28:].max(axis=1) < 3)
        assert quiet.mean() > 0.8
        assert not judge(spiked).alarm[quiet, -1 - after :].any(), after


def test_a_wild_day_is_logged_as_an_incident() -> None:
    counts = noise(40)
    counts[:, -1] = 200
    found = judge(counts)
    assert found.incident.all()
    assert not found.alarm[:, -1].any()
    assert not judge(noise(40)).incident.any()


def test_a_day_of_ten_times_the_exposure_is_no_alarm() -> None:
    exposure = np.full((40, DAYS), 1_000.0)
    exposure[:, -3] *= 10
    counts = np.random.default_rng(3).binomial(exposure.astype(int), 0.02).astype(float)
    bad = counts.copy()
    bad[:, -3] *= 3  # and a bad one at that
    quiet = ~judge(counts, exposure, 1, "binomial").alarm[:, -3:].any(axis=1)
    assert quiet.mean() > 0.9
    assert not judge(bad, exposure, 1, "binomial").alarm[quiet, -3:].any()


def test_two_wild_days_a_month_apart_are_two_incidents() -> None:
    counts = noise(40)
    spiked = counts.copy()
    spiked[:, [-31, -1]] = 400
    quiet = ~judge(counts).alarm[:, -31:].any(axis=1)
    assert not judge(spiked).alarm[quiet, -31:].any()


def test_a_long_fault_does_not_become_usual_while_it_lasts() -> None:
    """35 days: by then more than half of the baseline's newest month is the fault itself."""
    found = judge(changed(30, 0.5, 35), direction=-1)
    assert found.alarm[:, -28:].all(axis=1).mean() >= 0.95


def test_an_alarm_ends_when_the_days_are_as_before() -> None:
    rng = np.random.default_rng(4)
    level = np.full(DAYS, 40.0)
    level[-35:-12] *= 0.5
    found = judge(rng.poisson(level, (40, DAYS)), direction=-1)
    assert found.alarm[:, -14].all()
    assert found.alarm[:, -1].mean() <= 0.05


def test_the_end_of_a_good_time_is_no_fault() -> None:
    rng = np.random.default_rng(4)
    level = np.full(DAYS, 40.0)
    level[-60:-14] *= 1.6
    found = judge(rng.poisson(level, (60, DAYS)), direction=-1)
    assert found.alarm[:, -14:].any(axis=1).mean() <= 0.1


def test_the_end_of_a_fault_longer_than_the_baseline_is_no_fault_of_the_other_side() -> None:
    """Every baseline of the last four months but the oldest knows the fault."""
    rng = np.random.default_rng(5)
    days = 400
    expected = np.broadcast_to(20.0 * WEEKDAYS[np.arange(days) % 7], (20, days)).copy()
    expected[:, 240:303] *= 2.2
    counts = rng.poisson(expected).astype(float)
    found = detect(counts, np.ones_like(counts), np.zeros(20), np.full(20, "poisson"), PARAMETERS, THRESHOLDS,
                   watch_days=days - 240)  # fmt: skip
    begin = found.alarm.shape[1] - (days - 240)
    assert (found.alarm & (found.sides > 0))[:, begin : begin + 14].any(axis=1).all()
    after = (found.alarm & (found.sides < 0))[:, begin + 63 :]
    assert after.any(axis=1).mean() <= 0.1


def test_the_gap_between_the_highest_of_normal_numbers() -> None:
    """Two numbers lie 2 / sqrt(pi) apart, the highest of three 3 / (2 sqrt(pi)) above the next; one has no next."""
    gap = _usual_gap(2)
    assert gap[1] == 0
    assert gap[2] == pytest.approx(2 / np.sqrt(np.pi), abs=1e-4)
    assert gap[3] == pytest.approx(1.5 / np.sqrt(np.pi), abs=1e-4)
    drawn = np.sort(np.random.default_rng(3).normal(size=(40_000, 21)), axis=1)
    assert _usual_gap(3)[21] == pytest.approx((drawn[:, -2:] - drawn[:, -3:-2]).mean(), abs=0.01)


def test_a_change_of_a_twentieth_is_none_however_sure() -> None:
    assert not judge(changed(100_000, 0.95, 21), direction=-1).alarm.any()
    assert judge(changed(100_000, 0.75, 21), direction=-1).alarm[:, -1].all()


def test_weekdays_are_no_news() -> None:
    """A strong week pattern raises nothing, on any day of the week."""
    rng = np.random.default_rng(6)
    level = 300 * np.array([1.5, 1.0, 0.8, 1.0, 1.2, 1.4, 0.1])[np.arange(DAYS) % 7]
    for direction in (1.0, -1.0):
        assert judge(rng.poisson(level, (40, DAYS)), direction=direction).alarm.mean() < 0.002


def test_a_known_season_is_no_news() -> None:
    rng = np.random.default_rng(7)
    season = np.ones((40, DAYS))
    season[:, -20:] = 0.6
    counts = rng.poisson(80 * season).astype(float)
    assert judge(counts, direction=-1).alarm[:, -1].all()
    assert judge(counts, direction=-1, season=season).alarm[:, -20:].mean() < 0.01


def test_mailings_once_a_week_alarm_on_the_second_bad_one() -> None:
    exposure = np.zeros((40, DAYS))
    exposure[:, ::-7] = 2_000.0
    rate = np.full(DAYS, 0.05)
    rate[-8:] = 0.02
    counts = np.random.default_rng(8).binomial(exposure.astype(int), rate).astype(float)
    assert judge(counts, exposure, -1, "binomial").alarm[:, -1].mean() >= 0.9
    assert not judge(counts[:, :-1], exposure[:, :-1], -1, "binomial").alarm[:, -1].any()


def test_both_directions_are_watched_where_both_are_bad() -> None:
    rises, falls = judge(changed(20, 1.8, 10), direction=0), judge(changed(20, 0.4, 10), direction=0)
    assert rises.alarm[:, -1].mean() >= 0.9
    assert (rises.side == 1).all()
    assert falls.alarm[:, -1].mean() >= 0.9
    assert (falls.side == -1).all()
    assert (falls.z[falls.alarm[:, -1], -5:].mean(axis=1) > 0).all()
    up, down = (judge(changed(20, 1.8, 10), direction=direction) for direction in (1, -1))
    assert rises.false_alarms == pytest.approx(up.false_alarms + down.false_alarms)


def test_recent_days_are_told_with_their_p() -> None:
    counts = noise(10, series=1)
    counts[:, -7:] = 20
    found = judge(counts)
    assert found.observed_recent[0] == 140
    assert found.exposure_recent[0] == 7
    assert found.expected_recent[0] == pytest.approx(70, rel=0.1)
    assert found.p_value[0] < 1e-4
    assert judge(counts, direction=-1).p_value[0] > 0.999
    usual = judge(noise(10, series=400))
    assert np.mean(usual.p_value < 0.05) == pytest.approx(0.05, abs=0.03)


def test_quiet_and_empty_series_are_not_judged() -> None:
    nothing = judge(np.zeros((2, DAYS)))
    assert not nothing.judged.any()
    assert not nothing.alarm.any()
    assert (nothing.p_value == 1).all()
    unexposed = judge(np.zeros((2, DAYS)), 0.0)
    assert not unexposed.judged.any()
    assert not judge(np.zeros((0, DAYS))).judged.any()
    assert not judge(np.ones((1, 10))).judged.any()
    assert judge(np.ones((1, 10))).alarm.shape == (1, 0)


def test_days_without_exposure_say_nothing() -> None:
    """Ten days of holiday are no fall, and the days before and after are judged without them."""
    counts, exposure = noise(30), np.ones((40, DAYS))
    counts[:, -12:-2] = exposure[:, -12:-2] = 0
    found = judge(counts, exposure, -1)
    assert found.alarm.mean() < 0.01
    assert (found.z[:, -12:-2] == 0).all()
    bad = counts.copy()
    bad[:, [-15, -14, -13, -2, -1]] *= 0.2
    assert judge(bad, exposure, -1).alarm[:, -1].mean() >= 0.9


def test_a_channel_that_starts_is_judged_after_a_month() -> None:
    exposure = np.zeros((40, DAYS))
    exposure[:, -50:] = 1.0
    found = judge(noise(20) * exposure, exposure, 1)
    months = PARAMETERS.minimum_baseline_days + PARAMETERS.baseline_lag_days - 1
    assert not found.mature[:, : -50 + months].any()
    assert found.mature[:, -50 + months + 1 :].all()
    assert found.alarm.mean() < 0.01


def test_a_channel_that_stops_is_neither_alarm_nor_incident() -> None:
    exposure = np.ones((40, DAYS))
    exposure[:, -20:] = 0.0
    found = judge(noise(20) * exposure, exposure, -1)
    assert not found.alarm[:, -20:].any()
    assert not found.incident.any()
    assert not found.judged.any()


def test_older_days_change_nothing() -> None:
    counts = changed(15, 1.7, 9)
    older = noise(90, days=100, seed=9)
    short, long = judge(counts), judge(np.hstack([older, counts]))
    for name in ("alarm", "statistic", "threshold", "z", "expected"):
        np.testing.assert_allclose(getattr(short, name)[:, -1], getattr(long, name)[:, -1], err_msg=name)
    for name in ("p_value", "since", "false_alarms", "judged", "side"):
        np.testing.assert_allclose(getattr(short, name), getattr(long, name), err_msg=name)


def test_the_last_day_needs_no_more_days_watched_than_are_by_itself() -> None:
    counts = changed(15, 1.7, 25)
    size = len(counts)
    found = detect(counts, np.ones_like(counts), np.ones(size), np.full(size, "poisson"), PARAMETERS, THRESHOLDS)
    assert found.alarm.shape == (size, PARAMETERS.verdict_days)
    everything = judge(counts)
    np.testing.assert_array_equal(found.alarm[:, -1], everything.alarm[:, -1])
    np.testing.assert_array_equal(found.since, everything.since)


def test_a_year_at_once_is_what_the_days_would_have_given() -> None:
    rng = np.random.default_rng(11)
    exposure = rng.binomial(1, 0.4, (30, DAYS + 40)) * rng.lognormal(6, 0.5, (30, DAYS + 40)).round()
    rate = np.where(np.arange(DAYS + 40) > DAYS + 8, 0.06, 0.02)
    counts = rng.binomial(exposure.astype(int), rate).astype(float)
    whole = judge(counts, exposure, 0, "binomial")
    assert whole.rises[:, -40:].any()
    for back in range(20):
        until = DAYS + 40 - back
        window = slice(until - DAYS, until)
        daily = judge(counts[:, window], exposure[:, window], 0, "binomial")
        place = whole.alarm.shape[1] - back - 1
        for name in ("alarm", "statistic", "threshold", "z", "expected", "sides", "mature"):
            np.testing.assert_allclose(
                getattr(daily, name)[:, -1], getattr(whole, name)[:, place], rtol=1e-9, atol=1e-9, err_msg=name
            )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.2, 4.0, 60.0]))
def test_series_do_not_know_each_other(seed: int, level: float) -> None:
    counts = changed(level, 2.0, 8, series=6, seed=seed)
    order = np.random.default_rng(seed).permutation(6)
    together, shuffled = judge(counts), judge(counts[order])
    np.testing.assert_allclose(together.statistic[order], shuffled.statistic)
    np.testing.assert_array_equal(together.alarm[order], shuffled.alarm)
    alone = judge(counts[2])
    np.testing.assert_allclose(alone.statistic[0], together.statistic[2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": np.array([[1.0, np.nan]])}, r"counts\[0, 1\] is nan"),
        ({"counts": np.array([[1.0, -2.0]])}, r"counts\[0, 1\] is -2"),
        ({"exposure": np.array([[np.inf, 1.0]])}, r"exposure\[0, 0\] is inf"),
        ({"exposure": np.ones((1, 3))}, r"exposure has shape \(1, 3\), counts \(1, 2\)"),
        ({"counts": np.ones(2)}, "one row a series"),
        ({"direction": [2]}, "give -1, 0 or 1"),
        ({"family": ["normal"]}, "binomial or poisson"),
        ({"season": np.ones((1, 3))}, r"season has shape \(1, 3\)"),
    ],
)
def test_wrong_input_is_refused_with_its_place(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "counts": np.ones((1, 2)), "exposure": np.ones((1, 2)), "direction": [1], "family": ["poisson"],
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        detect(**(given | change), parameters=PARAMETERS, thresholds=THRESHOLDS)  # type: ignore[arg-type]


def test_parameters_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="minimum_baseline_days"):
        replace(PARAMETERS, baseline_days=20)
    with pytest.raises(ValueError, match="recent_days is 0"):
        replace(PARAMETERS, recent_days=0)
