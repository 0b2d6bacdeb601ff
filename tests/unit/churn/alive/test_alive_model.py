"""P(alive) from all acts: recovers a known market, is a probability whatever comes, and moves as silence does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from millibar.churn.alive import Acts, AliveModel, AliveParameters, fit_alive, p_alive

DAYS, SHAPE, DEPARTURE = 365, 2.0, 1 / 500
DAY_RATE, CONTACT_RATE = 0.02, 1.0


def played(customers: int, seed: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of the model itself, day by day: columns of ``Acts.of`` and who has left by the last day."""
    random = np.random.default_rng(seed)
    rates, stays = random.gamma(SHAPE, 1 / SHAPE, customers), random.exponential(1 / DEPARTURE, customers)
    contacts = random.poisson(random.gamma(1.0, 0.15, customers)[:, None], (customers, DAYS)) * 0.05
    there = np.arange(DAYS) < stays[:, None]
    pushed = there & (random.random((customers, DAYS)) < rates[:, None] * contacts * CONTACT_RATE)
    acted = pushed | (there & (random.random((customers, DAYS)) < rates[:, None] * DAY_RATE))
    last = np.where(acted.any(axis=1), DAYS - 1 - acted[:, ::-1].argmax(axis=1), 0)
    before = np.arange(DAYS) <= last[:, None]
    silent = np.where(acted.any(axis=1)[:, None], ~before, True)
    frame = pd.DataFrame(
        {
            "acts": acted.sum(axis=1),
            "act_days": acted.sum(axis=1),
            "pushed_act_days": pushed.sum(axis=1),
            "observed_days": DAYS,
            "days_since_act": np.where(acted.any(axis=1), DAYS - 1 - last, DAYS),
            "act_exposure": (contacts * ~silent).sum(axis=1),
            "silent_exposure": (contacts * silent).sum(axis=1),
        }
    )
    return frame, stays < DAYS


def customer(**columns: float) -> pd.DataFrame:
    usual = {
        "acts": 10,
        "pushed_act_days": 4,
        "observed_days": 365,
        "days_since_act": 30,
        "act_exposure": 3.0,
        "silent_exposure": 0.3,
    }
    return pd.DataFrame([{"act_days": max(columns.get("acts", 10), 0)} | usual | columns])


MODEL = AliveModel(2.0, 2.0, 1 / 500, 0.02, 1.0, customers=1_000, fitted=True)


def test_a_known_market_is_recovered_and_the_chances_come_true() -> None:
    frame, left = played(12_000)
    acts = Acts.of(frame)
    model = fit_alive(acts, AliveParameters())
    assert model.fitted
    assert model.low["departure_rate_a_day"] < DEPARTURE * 1.1
    assert model.high["departure_rate_a_day"] > DEPARTURE * 0.9
    assert model.shape == pytest.approx(SHAPE, rel=0.15)
    gone = 1 - p_alive(acts, model)
    for part in np.array_split(np.argsort(gone), 10):
        assert gone[part].mean() == pytest.approx(left[part].mean(), abs=0.05)
    told = pd.Series(gone).corr(pd.Series(left.astype(float)), method="spearman")
    silence = frame["days_since_act"].corr(pd.Series(left.astype(float)), method="spearman")
    assert told > silence


def test_the_integral_over_the_moment_of_leaving_is_exact() -> None:
    acts = Acts.of(customer(acts=40, days_since_act=200, silent_exposure=5.0, act_exposure=9.0))
    reached, silent = 0.02 * 165 + 9.0, 0.02 * 200 + 5.0

    def path(share: float) -> float:
        stays = np.exp(-200 / 500 * share)
        return float(stays * ((2.0 + reached) / (2.0 + reached + silent * share)) ** 42)

    gone = quad(lambda share: 200 / 500 * path(share), 0, 1)[0]
    assert p_alive(acts, MODEL)[0] == pytest.approx(path(1) / (path(1) + gone), rel=1e-9)


def test_silence_counts_by_what_was_sent_in_it() -> None:
    written_to, left_alone = customer(silent_exposure=4.0), customer(silent_exposure=0.0)
    assert p_alive(Acts.of(written_to), MODEL)[0] < p_alive(Acts.of(left_alone), MODEL)[0] - 0.1


def test_the_lively_are_missed_sooner() -> None:
    lively, slow = customer(acts=60, days_since_act=90), customer(acts=2, pushed_act_days=1, days_since_act=90)
    assert p_alive(Acts.of(lively), MODEL)[0] < p_alive(Acts.of(slow), MODEL)[0] - 0.3


def test_who_acted_today_is_there() -> None:
    assert p_alive(Acts.of(customer(days_since_act=0, silent_exposure=0.0)), MODEL)[0] == 1.0


@given(
    acts=st.integers(0, 400),
    silence=st.integers(0, 365),
    more=st.integers(1, 300),
    exposure=st.floats(0, 1e6),
    silent=st.floats(0, 1e6),
)
def test_longer_silence_never_helps(acts: int, silence: int, more: int, exposure: float, silent: float) -> None:
    """The same customer, later: nothing happened but days and contacts."""
    observed = max(silence, 365)
    base = {"acts": acts, "pushed_act_days": 0, "act_exposure": exposure}
    now = customer(**base, observed_days=observed, days_since_act=silence, silent_exposure=silent)
    later = customer(
        **base, observed_days=observed + more, days_since_act=silence + more, silent_exposure=silent + more * 0.01
    )
    first, then = p_alive(Acts.of(now), MODEL)[0], p_alive(Acts.of(later), MODEL)[0]
    assert 0 <= then <= first + 1e-12 <= 1 + 2e-12


@pytest.mark.parametrize("customers", [0, 1, 10])
def test_a_handful_gets_the_prior_and_says_so(customers: int) -> None:
    frame, _ = played(max(customers, 1))
    acts = Acts.of(frame.head(customers))
    model = fit_alive(acts, AliveParameters())
    assert not model.fitted
    alive = p_alive(acts, model)
    assert alive.shape == (customers,)
    assert np.isfinite(alive).all()


def test_nobody_ever_acted() -> None:
    frame = pd.concat(
        [customer(acts=0, pushed_act_days=0, days_since_act=365, act_exposure=0.0)] * 500, ignore_index=True
    )
    acts = Acts.of(frame)
    alive = p_alive(acts, fit_alive(acts, AliveParameters()))
    assert ((alive > 0) & (alive < 1)).all()


def test_everybody_acts_every_day() -> None:
    """No silence anywhere: the hazard lies at its limit, has no interval, and nobody is told gone."""
    frame = pd.concat(
        [customer(acts=365, pushed_act_days=0, days_since_act=0, act_exposure=0.0, silent_exposure=0.0)] * 500,
        ignore_index=True,
    )
    acts = Acts.of(frame)
    model = fit_alive(acts, AliveParameters())
    assert np.isnan(model.high["departure_rate_a_day"])
    assert (p_alive(acts, model) == 1).all()


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        ({"acts": -1}, "acts -1"),
        ({"silent_exposure": float("nan")}, "silent_exposure nan"),
        ({"days_since_act": 400}, "days_since_act 400"),
        ({"pushed_act_days": 11}, "pushed_act_days 11"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(columns: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Acts.of(pd.concat([customer(), customer(**columns)], ignore_index=True))
