"""Drift of inputs and of calibration: raised when large and more than chance, silent for a small or an ageing base."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.churn.risk import calibration_drift, drift_signals, input_drift, judge
from millibar.churn.risk.drift import stability_index
from millibar.churn.risk.signals import SIGNAL_COLUMNS


def base(count: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": np.arange(count).astype(str),
            "pressure_index": random.gamma(2.0, 0.7, count) + shift,
            "complaints": random.random(count) < 0.03,
            "mean_gap_days": np.where(random.random(count) < 0.5, np.nan, random.exponential(40, count)),
            "visits_90d": 0,
        }
    )


def verdicts(drift: pd.DataFrame) -> dict[str, str]:
    return dict(zip(drift["feature"], drift["verdict"], strict=True))


def test_equal_populations_are_stable_at_any_size() -> None:
    for count in (1, 2, 10, 100, 5_000):
        for seed in range(20):
            found = input_drift(base(count, 2 * seed), base(count, 2 * seed + 1))
            assert set(found["verdict"]) == {"stable"}, (count, seed)


def test_a_shift_is_found_and_named() -> None:
    found = input_drift(base(5_000, 0), base(5_000, 1, shift=1.0))
    assert verdicts(found) == {
        "complaints": "stable", "mean_gap_days": "stable", "pressure_index": "drifted", "visits_90d": "stable"
    }  # fmt: skip
    row = found.set_index("feature").loc["pressure_index"]
    assert row["current_mean"] - row["trained_mean"] == pytest.approx(1.0, abs=0.1)
    assert verdicts(input_drift(base(5_000, 0), base(5_000, 1, shift=0.2)))["pressure_index"] == "moved"
    assert verdicts(input_drift(base(10, 0), base(10, 1, shift=0.35)))["pressure_index"] == "stable"


def test_a_constant_that_changes_and_a_column_that_empties() -> None:
    then, now = base(2_000, 0), base(2_000, 1)
    now["visits_90d"] = 5
    now["mean_gap_days"] = np.nan
    found = verdicts(input_drift(then, now))
    assert found["visits_90d"] == found["mean_gap_days"] == "drifted"
    assert found["complaints"] == "stable"
    both_empty = input_drift(then.assign(mean_gap_days=np.nan), now)
    assert verdicts(both_empty)["mean_gap_days"] == "stable"


def test_a_base_that_only_grows_older_has_moved() -> None:
    random = np.random.default_rng(0)
    ages = random.uniform(0, 300, 4_000)
    cuts = [pd.DataFrame({"age_days": ages + 90 * step}) for step in range(3)]
    assert verdicts(input_drift(cuts[1], cuts[2]))["age_days"] == "drifted"
    assert verdicts(input_drift(cuts[1], cuts[2], before=cuts[0]))["age_days"] == "moved"


def test_the_index_by_hand() -> None:
    index, degrees = stability_index(np.repeat([0.0, 1.0], [50, 50]), np.repeat([0.0, 1.0], [80, 20]))
    p, q = np.array([50.5, 50.5]) / 101, np.array([80.5, 20.5]) / 101
    assert index == pytest.approx(float(((q - p) * np.log(q / p)).sum()))
    assert degrees == 1
    assert stability_index(np.empty(0), np.ones(3)) == (0.0, 0)


def quality(count: int, true_share: float, told: float, seed: int = 0):
    random = np.random.default_rng(seed)
    return judge(np.full(count, told), random.random(count) < true_share, np.zeros(count))


def test_calibration_is_raised_only_when_sure_and_large() -> None:
    assert calibration_drift(quality(5_000, 0.2, 0.2)).verdict == "nothing"
    assert calibration_drift(quality(5_000, 0.35, 0.2)).verdict == "alert"
    assert calibration_drift(quality(20, 0.35, 0.2)).verdict == "nothing"  # large, but may be chance
    sure = calibration_drift(quality(400_000, 0.21, 0.2))
    assert sure.p_value < 1e-6
    assert sure.verdict == "nothing"  # sure, but small
    lost = calibration_drift(quality(5_000, 0.85, 0.95))
    assert lost.verdict == "alert"  # of those expected to leave there are three times as many
    assert lost.level == pytest.approx(-0.1, abs=0.02)


def test_a_wrong_slope_with_the_right_level_is_seen() -> None:
    random = np.random.default_rng(2)
    truth = np.where(random.random(8_000) < 0.5, 0.35, 0.25)
    active = random.random(8_000) < truth
    found = calibration_drift(judge(np.where(truth > 0.3, 0.55, 0.05), active, np.zeros(8_000)))
    assert abs(found.level) < 0.02
    assert found.verdict == "alert"


def test_false_alarms_of_right_predictions_are_rare() -> None:
    random, raised = np.random.default_rng(4), 0
    for _ in range(500):
        chance = random.beta(1, 4, 300)
        raised += calibration_drift(judge(chance, random.random(300) < chance, chance)).verdict == "alert"
    assert raised <= 3


def test_signals_have_the_columns_and_words() -> None:
    drift = input_drift(base(5_000, 0), base(5_000, 1, shift=1.0))
    found = quality(5_000, 0.5, 0.2)
    rows = drift_signals(drift, calibration_drift(found), found).set_index("sign")
    assert list(rows.reset_index().columns) == SIGNAL_COLUMNS
    inputs, calibration = rows.loc["churn_inputs_drift"], rows.loc["churn_calibration_drift"]
    assert inputs["verdict"] == calibration["verdict"] == "alert"
    assert inputs["cause"].startswith(
        "1 of 4 inputs of the churn model are not what it was trained on: pressure index (mean"
    )
    assert inputs["observed"] == 1
    assert "20.0% were expected" in calibration["cause"]
    assert calibration["action_code"] == "sign_churn_calibration_drift_high"
    assert calibration["effect"] == pytest.approx(found.observed_share / 0.2 - 1)


def test_quiet_signals_have_no_cause_and_no_action() -> None:
    found = quality(500, 0.2, 0.2)
    rows = drift_signals(input_drift(base(500, 0), base(500, 1)), calibration_drift(found), found)
    assert list(rows["verdict"]) == ["nothing", "nothing"]
    assert not rows["alert"].any()
    assert rows[["cause", "action_code"]].isna().all(axis=None)
    assert drift_signals(pd.DataFrame()).empty
