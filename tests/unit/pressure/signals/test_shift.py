"""Weighing a fall against the same customers' other channels: who moved is no alarm, who is gone is one."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from millibar.pressure.signals import Shift, weigh_shift
from unit.pressure.signals.stand_ins import LAST, PARAMETERS

BASELINE, LAG, RECENT = 56, 7, 14
AGES = np.arange(BASELINE + RECENT)[::-1]


def acts(
    channel: str, mean: float, recent: float, random: np.random.Generator, *, reader: bool = True, contacts: float = 0.0
) -> pd.DataFrame:
    """Answers a day at ``mean``, at ``recent`` in the last two weeks; over-dispersed by days."""
    daily = np.where(AGES < RECENT, recent, mean) * random.gamma(20, 1 / 20, len(AGES))
    return pd.DataFrame({
        "day": LAST - pd.to_timedelta(AGES, unit="D"), "channel": channel, "is_reader": reader,
        "responses": random.poisson(daily).astype(float), "contacts": float(contacts), "orders": 0.0,
    })  # fmt: skip


def buys(mean: float, recent: float, random: np.random.Generator, reader: bool = True) -> pd.DataFrame:
    return acts("(orders)", mean, recent, random, reader=reader).rename(
        columns={"orders": "responses", "responses": "orders"}
    )


def weigh(*parts: pd.DataFrame) -> Shift:
    return weigh_shift(pd.concat(parts), "email", LAST, RECENT, BASELINE, LAG, PARAMETERS)


def newsletter(random: np.random.Generator, recent: float = 30.0) -> pd.DataFrame:
    return acts("email", 60, recent, random, contacts=1_000)


def test_readers_who_moved_to_the_app_are_shifted() -> None:
    random = np.random.default_rng(1)
    found = weigh(
        newsletter(random),
        acts("push_app", 20, 50, random, contacts=400),
        acts("push_app", 20, 20, random, contacts=400, reader=False),
        acts("direct", 30, 30, random),
    )
    assert found.is_shifted
    assert found.shifted_to == "push_app"
    assert found.lost == pytest.approx(14 * 30, rel=0.2)
    assert found.gained["push_app"] == pytest.approx(14 * 30, rel=0.3)
    assert found.total_low < 1 < found.total_high


def test_a_true_fall_beside_random_rises_is_rarely_called_a_shift() -> None:
    """Error of the first kind: below the 1 % the rule is set to, over eight other channels."""
    wrong = 0
    for seed in range(300):
        random = np.random.default_rng(seed)
        others = [acts(f"c{n}", 60, 60, random, contacts=2_000) for n in range(8)]
        wrong += weigh(newsletter(random, recent=45), *others).is_shifted
    assert wrong <= 7


def test_most_true_shifts_are_seen() -> None:
    """Error of the second kind: nine of ten where all that was lost came back."""
    seen = 0
    for seed in range(100):
        random = np.random.default_rng(1_000 + seed)
        others = [acts(f"c{n}", 10, 10, random, contacts=200) for n in range(8)]
        seen += weigh(newsletter(random), acts("push_app", 20, 50, random, contacts=400), *others).is_shifted
    assert seen >= 90


def test_a_rise_that_is_everybodys_moved_nobody() -> None:
    """An offer in the app: readers and the others answer it alike; the newsletter is lost all the same."""
    random = np.random.default_rng(2)
    app = [acts("push_app", 20, 50, random, contacts=400, reader=reader) for reader in (True, False)]
    assert not weigh(newsletter(random), *app).is_shifted


def test_sending_more_elsewhere_is_no_shift() -> None:
    random = np.random.default_rng(3)
    app = acts("push_app", 20, 50, random, contacts=400)
    app["contacts"] = np.where(AGES < RECENT, 1_000.0, 400.0)
    assert not weigh(newsletter(random), app).is_shifted


def test_a_small_rise_does_not_outweigh_a_large_loss() -> None:
    random = np.random.default_rng(4)
    found = weigh(newsletter(random, recent=10), acts("push_app", 60, 80, random, contacts=400))
    assert found.gained
    assert not found.is_shifted


def test_answers_that_stay_but_orders_that_fall_are_no_shift() -> None:
    moved = (acts("push_app", 20, 50, np.random.default_rng(5), contacts=400),)
    held = buys(15, 15, np.random.default_rng(6))
    fell = buys(15, 7, np.random.default_rng(6))
    everybody_fell = buys(15, 7, np.random.default_rng(7), reader=False)
    assert weigh(newsletter(np.random.default_rng(8)), *moved, held).is_shifted
    assert not weigh(newsletter(np.random.default_rng(8)), *moved, fell).is_shifted
    # August: the others buy less, too
    assert weigh(newsletter(np.random.default_rng(8)), *moved, fell, everybody_fell).is_shifted


def test_nothing_lost_or_nobody_known_is_no_shift() -> None:
    random = np.random.default_rng(9)
    assert not weigh(newsletter(random, recent=70), acts("push_app", 20, 50, random)).is_shifted
    empty = newsletter(random).iloc[:0]
    found = weigh(empty)
    assert not found.is_shifted
    assert (found.lost, found.gained) == (0.0, {})


def test_without_readers_told_apart_all_are_readers() -> None:
    random = np.random.default_rng(10)
    cohort = pd.concat([newsletter(random), acts("push_app", 20, 50, random, contacts=400)])
    bare = cohort.drop(columns=["is_reader", "orders"])
    assert weigh(bare).is_shifted
