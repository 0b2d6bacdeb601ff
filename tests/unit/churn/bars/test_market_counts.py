"""The columns of a played market's customers are what counting day by day gives."""

from __future__ import annotations

import pytest

from millibar.churn.bars.alive import score_alive
from millibar.churn.bars.market import ACTIVITY_DAYS, SPELL_DAYS, act_columns, answer_rates, buyers
from millibar.pressure.bars.market import PlayedMarket, play_market
from millibar.simulation.parameters import MarketParameters

CUT = 250


@pytest.fixture(scope="module")
def market() -> PlayedMarket:
    return play_market(MarketParameters(customers=400, days=372, seed=7))


def by_hand(market: PlayedMarket, person: int, rates: dict[str, float]) -> dict[str, float]:
    mine = market.daily[(market.daily["person"] == person) & (market.daily["day"] <= CUT)]
    bought = market.orders[(market.orders["person"] == person) & (market.orders["day"] <= CUT)]["day"]
    first = CUT - ACTIVITY_DAYS
    answers = mine[(mine["human_responses"] > 0) & (mine["day"] > first)]
    days = sorted({*answers["day"], *bought[bought > first]})
    observed = CUT - max(min([*mine["day"], *bought]), first)
    last = days[-1] if days else None
    exposure = [0.0, 0.0]
    for row in mine[mine["day"] > first].itertuples():
        if row.contacts:
            exposure[last is None or row.day > last] += row.contacts * rates[row.channel]
    return {
        "acts": sum(day - before > SPELL_DAYS for before, day in zip([-99, *days], days, strict=False))
        - (bool(days) and CUT - days[0] == observed < ACTIVITY_DAYS),
        "act_days": len(days),
        "pushed_act_days": len({row.day for row in answers.itertuples() if row.channel in rates}),
        "observed_days": observed,
        "days_since_act": CUT - last if last is not None else observed,
        "act_exposure": exposure[0],
        "silent_exposure": exposure[1],
    }


def test_every_column_is_what_counting_gives(market: PlayedMarket) -> None:
    persons = buyers(market, CUT)[:60]
    seen = market.daily[(market.daily["day"] <= CUT) & (market.daily["day"] > CUT - ACTIVITY_DAYS)]
    rates = answer_rates(seen)
    counted = act_columns(market, CUT, persons).to_dict("records")
    for person, row in zip(persons, counted, strict=True):
        assert row == pytest.approx(by_hand(market, person, rates)), person


def test_nothing_after_the_cut_is_counted(market: PlayedMarket) -> None:
    persons = buyers(market, CUT)
    before = act_columns(market, CUT, persons)
    cut_off = PlayedMarket(
        market.parameters,
        market.world,
        market.daily[market.daily["day"] <= CUT],
        market.campaign_days,
        market.orders[market.orders["day"] <= CUT],
        market.returns,
        market.states,
        market.death_day,
    )
    assert before.equals(act_columns(cut_off, CUT, persons))


def test_departures_are_told_better_than_by_silence_since_the_last_order(market: PlayedMarket) -> None:
    bars = score_alive(market)
    assert bars.auc > bars.auc_order
    assert 0 <= bars.told_departed <= 1
    assert bars.customers == len(buyers(market, market.days - 1))
