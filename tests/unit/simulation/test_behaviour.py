"""How persons answer: hours, pressure, holdouts, incidents."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from millibar.simulation.campaigns import season_of_day
from millibar.simulation.draws import Draws
from millibar.simulation.engine import play
from millibar.simulation.experiments import HOLDOUT, TREATED
from millibar.simulation.incidents import Incident, Incidents, draw_incidents
from millibar.simulation.ledger import EVENT_NUMBER, OUT, Events, join
from millibar.simulation.parameters import CHANNEL_NUMBER, ExperimentTemplate, IncidentTemplate, MarketParameters
from millibar.simulation.responses import hour_fit
from millibar.simulation.world import World, build_world

EMAIL = CHANNEL_NUMBER["email"]


def events_of(world: World) -> tuple[Events, np.ndarray]:
    """All events of a market, and the day each was played on."""
    days = list(play(world))
    number = np.concatenate([np.full(len(day.events), day.number) for day in days])
    return join([day.events for day in days]), number


@pytest.fixture(scope="module")
def quiet() -> MarketParameters:
    return MarketParameters(customers=2_000, days=90, seed=3, incidents=(), experiments=())


def test_the_best_hour_is_best() -> None:
    world = build_world(MarketParameters(customers=50, days=1))
    index = np.arange(len(world.persons))
    seconds = [np.full(len(index), hour * 3600.0) for hour in range(24)]
    fit = np.array([hour_fit(world, index, second, is_weekend=False) for second in seconds])
    gap = np.abs(fit.argmax(axis=0) - world.persons.best_hour)
    assert (np.minimum(gap, 24 - gap) <= 0.51).all()
    assert fit.mean(axis=0).mean() == pytest.approx(1.0, abs=0.15)


def test_a_holdout_gets_nothing_and_the_treated_do(quiet: MarketParameters) -> None:
    experiments = (ExperimentTemplate("email", 10, 40, assigned=1.0),)
    world = build_world(replace(quiet, experiments=experiments))
    happened, day = events_of(world)
    arm = world.experiments.all[0].arm[happened.person]
    sent = (happened.channel == EMAIL) & (happened.direction == OUT)
    running = (day >= 10) & (day < 50)
    assert (sent & running & (arm == TREATED)).sum() > 500
    assert (sent & running & (arm == HOLDOUT)).sum() == 0
    assert (sent & ~running & (arm == HOLDOUT)).sum() > 500


def test_the_frequency_test_halves_contacts(quiet: MarketParameters) -> None:
    world = build_world(replace(quiet, experiments=(ExperimentTemplate("", 0, 90, assigned=1.0),)))
    happened, _ = events_of(world)
    arm = world.experiments.all[0].arm
    sent = (happened.channel == EMAIL) & (happened.direction == OUT)
    rates = [(sent & (arm[happened.person] == side)).sum() / (arm == side).sum() for side in (HOLDOUT, TREATED)]
    assert rates[0] / rates[1] == pytest.approx(0.5, abs=0.06)


def test_more_writing_makes_more_people_leave(quiet: MarketParameters) -> None:
    def leaving(volume: float) -> float:
        happened, _ = events_of(build_world(replace(quiet, volume=volume)))
        sends = ((happened.kind == EVENT_NUMBER["send"]) & (happened.channel == EMAIL)).sum()
        return float(((happened.kind == EVENT_NUMBER["unsubscribe"]) & (happened.channel == EMAIL)).sum() / sends)

    assert leaving(4.0) > 1.5 * leaving(0.5)


def test_brands_write_more_to_those_who_click_more(quiet: MarketParameters) -> None:
    world = build_world(quiet)
    happened, _ = events_of(world)
    sent = happened.person[(happened.channel == EMAIL) & (happened.direction == OUT)]
    sends = np.bincount(sent, minlength=len(world.persons))
    listed = world.persons.reachable[EMAIL]
    keen = world.persons.engagement > np.median(world.persons.engagement)
    assert sends[listed & keen].mean() > 1.2 * sends[listed & ~keen].mean()


def test_an_unsubscribed_person_gets_no_more_mail(quiet: MarketParameters) -> None:
    behaviour = replace(quiet.behaviour, back_to_the_list=0.0)
    happened, day = events_of(build_world(replace(quiet, behaviour=behaviour, volume=2.0)))
    mail = happened.channel == EMAIL
    left = mail & (happened.kind == EVENT_NUMBER["unsubscribe"])
    left_day = dict(zip(happened.person[left].tolist(), day[left].tolist(), strict=True))
    sent = mail & (happened.kind == EVENT_NUMBER["send"])
    assert len(left_day) > 20
    after = [
        person
        for person, when in zip(happened.person[sent].tolist(), day[sent].tolist(), strict=True)
        if when > left_day.get(person, 10**6)
    ]
    assert after == []


def test_four_in_ten_mail_opens_are_made_by_machines(quiet: MarketParameters) -> None:
    happened, _ = events_of(build_world(quiet))
    opens = (happened.kind == EVENT_NUMBER["open"]) & (happened.channel == EMAIL)
    assert happened.is_machine[opens].mean() == pytest.approx(0.40, abs=0.06)


def test_an_incident_drops_the_clicks_of_its_days(quiet: MarketParameters) -> None:
    fault = IncidentTemplate("click_drop", 30, 40, 0.2, ("email",), jitter_days=0)
    clicks = []
    for incidents in ((), (fault,)):
        happened, day = events_of(build_world(replace(quiet, incidents=incidents)))
        human = (happened.kind == EVENT_NUMBER["click"]) & (happened.channel == EMAIL) & ~happened.is_machine
        clicks.append([(human & (day < 30)).sum(), (human & (day >= 30) & (day < 70)).sum()])
    assert clicks[0][0] == clicks[1][0]
    assert clicks[1][1] < 0.35 * clicks[0][1]


def test_factors_multiply_and_spare_other_segments() -> None:
    incidents = Incidents([Incident("click_drop", 5, 9, 0.5, EMAIL, 2), Incident("click_drop", 9, 9, 0.1, -1, -1)])
    segments = np.array([1, 2])
    assert incidents.factor("click_drop", 4, EMAIL, segments) == 1.0
    assert np.asarray(incidents.factor("click_drop", 5, EMAIL, segments)).tolist() == [1.0, 0.5]
    assert np.asarray(incidents.factor("click_drop", 9, EMAIL, segments)).tolist() == pytest.approx([0.1, 0.05])
    assert incidents.factor("open_drop", 9, EMAIL, segments) == 1.0
    assert [incident.is_outlier for incident in incidents.all] == [False, True]


def test_an_unknown_kind_of_incident_is_refused() -> None:
    fault = IncidentTemplate("cick_drop", 3, 10, 0.2, ("email",))
    with pytest.raises(ValueError, match=r"cick_drop.*click_drop"):
        draw_incidents(MarketParameters(incidents=(fault,)), Draws(1))


def test_incidents_differ_by_seed_and_lie_in_the_market() -> None:
    parameters = MarketParameters(days=372)
    one, other = (draw_incidents(parameters, Draws(seed)).all for seed in (1, 2))
    assert one != other
    assert all(0 <= incident.first_day < 372 for incident in one)


def test_black_friday_is_the_peak_of_the_year() -> None:
    year = [date(2025, 1, 1) + timedelta(days=day) for day in range(365)]
    factors = {day: season_of_day(day) for day in year}
    assert max(year, key=factors.__getitem__) in {date(2025, 11, 28), date(2025, 11, 29)}
    assert np.mean([factors[date(2025, 8, day)] for day in range(1, 32)]) < 0.8
