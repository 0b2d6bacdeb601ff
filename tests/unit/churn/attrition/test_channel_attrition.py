"""Channel attrition: silence counts in missed acts, a move is no loss, a season and a silent brand are nobody's fault."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millibar.churn.attrition import ATTRITION_COLUMNS, AttritionParameters, block_of, judge_attrition
from millibar.churn.attrition.departure import change_logs

PARAMETERS = AttritionParameters(minimum_customers=50)
AS_OF = date(2025, 6, 29)  # the last day of its block
BLOCKS = PARAMETERS.blocks
LAST = block_of(AS_OF, PARAMETERS)


def rows(customer: str, channel: str, contacts: list[int], acts: list[int]) -> pd.DataFrame:
    """One customer and channel: contacts and acts of the last blocks, the newest last."""
    blocks = np.arange(LAST - len(contacts) + 1, LAST + 1)
    ends = [AS_OF - timedelta(days=int(LAST - block) * PARAMETERS.block_days) for block in blocks]
    frame = pd.DataFrame({
        "customer_id": customer, "channel": channel, "block": blocks, "contacts": contacts, "acts": acts,
        "last_act_on": [end if act else None for end, act in zip(ends, acts, strict=True)],
    })  # fmt: skip
    return frame[(frame["contacts"] > 0) | (frame["acts"] > 0)]


def crowd(size: int = 80, rate: float = 0.25, season: np.ndarray | None = None, channel: str = "email") -> pd.DataFrame:
    """Readers who stay: four contacts a block, answered with ``rate`` times the season."""
    random = np.random.default_rng(7)
    season = np.ones(BLOCKS) if season is None else season
    return pd.concat([
        rows(f"r{number:03d}", channel, [4] * BLOCKS, random.binomial(4, np.minimum(rate * season, 1)).tolist())
        for number in range(size)
    ])  # fmt: skip


def judge(*frames: pd.DataFrame, **more: object) -> pd.DataFrame:
    return judge_attrition(pd.concat(frames, ignore_index=True), AS_OF, parameters=PARAMETERS, **more)  # type: ignore[arg-type]


def one(found: pd.DataFrame, customer: str, channel: str = "email") -> pd.Series:
    chosen = found.query("customer_id == @customer and channel == @channel")
    assert len(chosen) == 1
    return chosen.iloc[0]


def until(quiet: int, number: int = 1) -> list[int]:
    """Acts in every block but the last ``quiet``."""
    return [number] * (BLOCKS - quiet) + [0] * quiet


def test_who_keeps_answering_is_active_and_who_stopped_is_gone() -> None:
    found = judge(crowd(), rows("ann", "email", [4] * BLOCKS, until(10)), rows("bob", "email", [4] * BLOCKS, until(0)))
    ann, bob = one(found, "ann"), one(found, "bob")
    assert (ann["verdict"], ann["shifted_to"]) == ("gone", None)
    assert bob["verdict"] == "active"
    assert bob["p_disengaged"] < 0.05 < 0.8 < ann["p_disengaged"]
    assert ann["silence_days"] == 140
    assert (ann["responses"], ann["recent_responses"]) == (17, 0)
    assert ann["expected_responses"] > 3
    assert 10 < bob["rhythm_days"] < 20
    crowd_verdicts = found[found["customer_id"].str.startswith("r")]["verdict"]
    assert (crowd_verdicts == "active").mean() > 0.95


def test_silence_weighs_as_many_acts_as_were_missed() -> None:
    """The same days of silence: nothing to miss where contacts are rare, drifting, gone where they are many."""
    chances = []
    for after in (0, 1, 4, 12):
        contacts = [4] * (BLOCKS - 6) + [after] * 6
        found = one(judge(crowd(), rows("ann", "email", contacts, until(6))), "ann")
        chances.append(found["p_disengaged"])
    assert chances == sorted(chances)
    assert chances[0] < 0.3 < 0.8 < chances[-1]


def test_a_channel_the_brand_left_is_no_loss() -> None:
    contacts = [4] * (BLOCKS - 12) + [0] * 12
    found = one(judge(crowd(), rows("ann", "email", contacts, until(12))), "ann")
    assert (found["verdict"], found["basis"]) == ("active", "uncontacted")
    assert np.isnan(found["rhythm_days"])
    assert found["expected_responses"] == 0


def test_a_reader_who_moved_to_the_app_is_shifted() -> None:
    email = rows("ann", "email", [4] * BLOCKS, until(12, 2))
    app = rows("ann", "push_app", [4] * BLOCKS, [0] * (BLOCKS - 12) + [2] * 12)
    found = judge(crowd(), crowd(channel="push_app"), email, app)
    moved = one(found, "ann")
    assert (moved["verdict"], moved["shifted_to"]) == ("shifted", "push_app")
    assert one(found, "ann", "push_app")["verdict"] == "active"


def test_who_fell_everywhere_is_gone_and_sooner_seen() -> None:
    """Each channel alone tells little; together they tell that he left."""
    email = rows("ann", "email", [4] * BLOCKS, until(7))
    others = [rows("ann", channel, [4] * BLOCKS, until(7)) for channel in ("push_app", "sms")]
    crowds = [crowd(channel=channel) for channel in ("email", "push_app", "sms")]
    alone = one(judge(*crowds, email), "ann")["p_disengaged"]
    found = judge(*crowds, email, *others)
    assert (found[found["customer_id"] == "ann"]["verdict"] == "gone").all()
    assert one(found, "ann")["p_disengaged"] > alone
    # elsewhere as lively as ever: he did not leave for good
    stays = [rows("ann", channel, [4] * BLOCKS, until(0)) for channel in ("push_app", "sms")]
    assert one(judge(*crowds, email, *stays), "ann")["p_disengaged"] < alone


def test_a_season_of_all_is_nobodys_departure() -> None:
    """The base answers a fifth as often since ten blocks, and so does he."""
    season = np.where(np.arange(BLOCKS) < BLOCKS - 10, 1.5, 0.1)
    acts = [1] * (BLOCKS - 10) + [0] * 10
    same = one(judge(crowd(400, season=season), rows("ann", "email", [4] * BLOCKS, acts)), "ann")
    other = one(judge(crowd(), rows("ann", "email", [4] * BLOCKS, acts)), "ann")
    assert same["verdict"] == "active"
    assert same["p_disengaged"] < 0.4 < 0.8 < other["p_disengaged"]


def test_a_segment_with_a_season_of_its_own_keeps_it() -> None:
    season = np.where(np.arange(BLOCKS) < BLOCKS - 8, 1.5, 0.05)
    quiet = crowd(season=season).assign(customer_id=lambda frame: "q" + frame["customer_id"])
    ann = rows("ann", "email", [4] * BLOCKS, until(8))
    names = pd.unique(pd.concat([quiet, crowd(), ann])["customer_id"])
    segment = ["quiet" if name.startswith("q") or name == "ann" else "even" for name in names]
    told = judge(quiet, crowd(), ann, segments=pd.DataFrame({"customer_id": names, "segment": segment}))
    assert one(told, "ann")["p_disengaged"] < one(judge(quiet, crowd(), ann), "ann")["p_disengaged"]


def test_on_channels_people_seek_the_clock_is_days() -> None:
    visits = (
        crowd(channel="direct").assign(contacts=0, acts=lambda frame: frame["acts"].clip(upper=1)).query("acts > 0")
    )
    ann, bob = rows("ann", "direct", [0] * BLOCKS, until(14)), rows("bob", "direct", [0] * BLOCKS, until(1))
    found = judge(visits, ann, bob, sought=["direct"])
    assert one(found, "ann", "direct")["verdict"] == "gone"
    assert one(found, "bob", "direct")["verdict"] == "active"
    assert set(found["basis"]) == {"customer"}


def test_rows_are_those_who_acted_in_order() -> None:
    never = rows("never", "email", [4] * BLOCKS, [0] * BLOCKS)
    old = rows("old", "email", [4], [1]).assign(block=LAST - BLOCKS)
    found = judge(crowd(10), never, old)
    assert list(found.columns) == ATTRITION_COLUMNS
    assert set(found["customer_id"]) == {f"r{number:03d}" for number in range(10)}
    assert judge(crowd(1).iloc[:0]).empty


def test_one_customer_alone_and_an_act_of_tomorrow() -> None:
    ahead = rows("ann", "email", [4, 4], [1, 1])
    ahead.loc[ahead.index[-1], "last_act_on"] = AS_OF + timedelta(days=1)
    found = one(judge(ahead), "ann")
    assert (found["silence_days"], found["verdict"]) == (0, "active")


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    frame = pd.concat([crowd(20), rows("ann", "email", [4] * BLOCKS, until(9))], ignore_index=True)
    pd.testing.assert_frame_equal(judge(frame), judge(frame.sample(frac=1, random_state=seed)))


@settings(max_examples=25, deadline=None)
@given(
    counts=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=BLOCKS, max_size=BLOCKS),
)
def test_any_history_is_judged(counts: list[tuple[int, int]]) -> None:
    frame = rows("x", "email", [contacts for contacts, _ in counts], [acts for _, acts in counts])
    found = judge(crowd(20), frame).query("customer_id == 'x'")
    assert found["p_disengaged"].between(0, 1).all()
    assert np.isfinite(found["expected_responses"]).all()
    assert set(found["verdict"]) <= {"active", "drifting", "shifted", "gone"}


def test_the_change_point_agrees_with_numerical_integration() -> None:
    """Gamma-Poisson likelihood ratio with theta summed out on a fine grid."""
    from scipy.stats import gamma, poisson

    acts, due, shape, factor, k = np.array([2.0, 1.0, 0.0, 1.0]), np.array([0.5, 1.0, 0.7, 1.5]), 1.3, 0.2, 2
    theta = np.linspace(1e-6, 40, 400_001)
    weight = gamma.pdf(theta, shape, scale=1 / shape)

    def likelihood(factors: np.ndarray) -> float:
        chance = np.prod([poisson.pmf(a, theta * d * f) for a, d, f in zip(acts, due, factors, strict=True)], axis=0)
        return float(np.trapezoid(chance * weight, theta))

    ratio = likelihood(np.where(np.arange(4) >= k, factor, 1.0)) / likelihood(np.ones(4))
    assert change_logs(acts[None], due[None], shape, factor)[0, k] == pytest.approx(np.log(ratio), abs=1e-5)


@pytest.mark.parametrize(("column", "value"), [("contacts", -1.0), ("acts", np.nan), ("acts", np.inf)])
def test_an_impossible_count_is_named(column: str, value: float) -> None:
    frame = rows("ann", "email", [4, 4], [1, 1]).reset_index(drop=True).astype({"contacts": float, "acts": float})
    frame.loc[1, column] = value
    with pytest.raises(ValueError, match=rf"row 1 \(customer_id ann.*{column} is"):
        judge(frame)


def test_an_act_without_its_day_is_named() -> None:
    frame = rows("ann", "email", [4, 4], [1, 1]).assign(last_act_on=None)
    with pytest.raises(ValueError, match="acts without last_act_on"):
        judge(frame)


@pytest.mark.parametrize("wrong", [{"drifting": 0.9, "gone": 0.8}, {"residual": 1.5}, {"recent_blocks": 27}])
def test_parameters_without_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="give"):
        AttritionParameters(**wrong)  # type: ignore[arg-type]
