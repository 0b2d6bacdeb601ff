"""Faults of the company itself and the readers who move: they strike where and when the truth says, and only there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from millibar.simulation.campaigns import THEME_PLANNED, promised_shares
from millibar.simulation.draws import Draws
from millibar.simulation.engine import play
from millibar.simulation.incidents import Incidents, draw_incidents
from millibar.simulation.ledger import EVENT_NUMBER, OUT, join
from millibar.simulation.parameters import CHANNEL_NUMBER, INCIDENTS, SEGMENTS, IncidentTemplate, MarketParameters
from millibar.simulation.persons import NEVER, populate
from millibar.simulation.reader_shifts import move_readers
from millibar.simulation.vocabulary import THEMES
from millibar.simulation.world import World, build_world
from millibar.sources.contracts import CHANNELS

from .conftest import Written

DAYS, FIRST, LAST = 110, 45, 94
QUIET = MarketParameters(customers=2_500, days=DAYS, seed=3, incidents=(), experiments=())


def fault(kind: str, factor: float, channel: str, **changes: object) -> MarketParameters:
    """A market in which one fault strikes from ``FIRST`` to ``LAST``."""
    template = IncidentTemplate(kind, FIRST, LAST - FIRST + 1, factor, (channel,) if channel else (), jitter_days=0)
    return replace(QUIET, incidents=(replace(template, **changes),))  # type: ignore[arg-type]


MASS = fault("mass_sending", 3.0, "push_app")
GENERIC = fault("generic_content", 1.0, "email")
DRIFT = fault("theme_drift", 1.0, "email")
COLLISION = fault("uncoordinated_plan", 0.9, "email", teams=("digital",))
SHIFT = fault("reader_shift", 0.85, "email", by_segment=True, length=14)


def acts(parameters: MarketParameters) -> pd.DataFrame:
    """Contacts and answers of the whole market, with what their campaign says."""
    return _acts(parameters.incidents)


@cache
def _acts(incidents: tuple[IncidentTemplate, ...]) -> pd.DataFrame:
    world = build_world(replace(QUIET, incidents=incidents))
    batches = list(play(world))
    happened = join([batch.events for batch in batches])
    campaigns = pd.DataFrame([c.__dict__ for c in world.calendar.campaigns], columns=["team", "targeting", "content"])
    campaigns["theme"] = [c.theme for c in world.calendar.campaigns]
    campaigns.loc[-1] = None
    frame = pd.DataFrame(
        {
            "person": happened.person,
            "day": np.repeat([batch.number for batch in batches], [len(batch.events) for batch in batches]),
            "channel": np.array(CHANNELS, object)[happened.channel],
            "message": happened.message,
            "is_contact": happened.direction == OUT,
            "is_click": (happened.kind == EVENT_NUMBER["click"]) & ~happened.is_machine,
        }
    )
    said = campaigns.loc[happened.campaign].reset_index(drop=True)
    return pd.concat([frame, said], axis=1)


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows before the fault and rows during it."""
    return frame[frame["day"] < FIRST], frame[frame["day"].between(FIRST, LAST)]


def contacts(parameters: MarketParameters, channel: str) -> pd.DataFrame:
    frame = acts(parameters)
    return frame[frame["is_contact"] & (frame["channel"] == channel) & (frame["targeting"] != "trigger")]


def test_a_mass_sending_goes_to_everybody_and_more_often() -> None:
    (before, during), (_, usual) = split(contacts(MASS, "push_app")), split(contacts(QUIET, "push_app"))
    assert set(during["targeting"]) == {"mass"}
    assert set(usual["targeting"]) != {"mass"}
    assert len(during) > 2.5 * len(usual)
    assert len(before) == len(split(contacts(QUIET, "push_app"))[0])
    persons = build_world(QUIET).persons
    there = persons.reachable[CHANNEL_NUMBER["push_app"]] & (persons.entry_day <= FIRST)
    assert np.isin(np.flatnonzero(there), during["person"]).mean() > 0.9


def test_generic_content_is_generic_and_reaches_as_many() -> None:
    before, during = split(contacts(GENERIC, "email"))
    assert set(during["content"]) == {"generic"}
    assert 0 < (before["content"] == "generic").mean() < 0.8
    _, usual = split(contacts(QUIET, "email"))
    assert len(during) == pytest.approx(len(usual), rel=0.05)


def test_a_share_below_one_strikes_that_share_of_the_blasts() -> None:
    half = fault("generic_content", 0.5, "email")
    usual = contacts(QUIET, "email").groupby("message")["content"].first()
    struck = contacts(half, "email").groupby("message")["content"].first()
    turned = (struck == "generic") & (usual != "generic")
    assert (
        0.3
        < turned.sum() / ((usual != "generic") & usual.index.isin(split(contacts(half, "email"))[1].message)).sum()
        < 0.7
    )


def test_a_theme_that_drifts_is_the_one_promised_least() -> None:
    _, during = split(contacts(DRIFT, "email"))
    promised = promised_shares(Draws(QUIET.seed), "email", 2025, 1)
    assert set(during["theme"]) == {THEMES[int(promised.argmin())]}
    assert promised.min() < 0.1


def test_a_drifting_theme_sells_as_much() -> None:
    """Themes have no effect in the market: only the words change."""
    plain = ["person", "day", "channel", "message", "is_contact", "is_click", "team", "targeting", "content"]
    pd.testing.assert_frame_equal(acts(DRIFT)[plain], acts(QUIET)[plain])


def collisions(parameters: MarketParameters) -> float:
    """Share of the digital team's mails to persons whom another team wrote to on the same day by mail or SMS."""
    frame = pd.concat([contacts(parameters, "email"), contacts(parameters, "sms")])
    _, during = split(frame)
    ours = during[during["team"] == "digital"][["person", "day"]]
    theirs = during[during["team"] != "digital"][["person", "day"]].drop_duplicates()
    return len(ours.merge(theirs, on=["person", "day"])) / len(ours)


def test_teams_without_a_shared_calendar_meet_at_the_same_customers() -> None:
    assert collisions(COLLISION) > 4 * collisions(QUIET)
    mails = [split(contacts(parameters, "email"))[1] for parameters in (COLLISION, QUIET)]
    assert len(mails[0]) == pytest.approx(len(mails[1]), rel=0.1)  # as many mails, on other days
    moved = [frame[frame["team"] != "digital"].groupby("message")["day"].first() for frame in mails]
    pd.testing.assert_series_equal(*moved)


@pytest.mark.parametrize("parameters", [MASS, GENERIC, DRIFT, COLLISION], ids=lambda p: p.incidents[0].kind)
def test_plan_faults_keep_the_plan_sound(parameters: MarketParameters) -> None:
    bent, plain = build_world(parameters).calendar, build_world(QUIET).calendar
    codes = Counter(campaign.campaign_id for campaign in bent.campaigns)
    assert codes.most_common(1)[0][1] == 1
    assert [campaign.number for campaign in bent.campaigns] == list(range(len(bent.campaigns)))
    for blasts in bent.blasts.values():
        for blast in blasts:
            campaign = bent.campaigns[blast.campaign]
            assert campaign.channel == blast.channel
            assert campaign.starts_on <= blast.day <= campaign.ends_on
    for calendar in (bent, plain):
        assert sum(map(len, calendar.blasts.values())) == sum(map(len, plain.blasts.values()))
    cost = [sum(campaign.planned_cost for campaign in calendar.campaigns) for calendar in (bent, plain)]
    assert cost[0] == pytest.approx(cost[1])


def test_before_the_fault_the_market_is_the_same() -> None:
    usual = acts(QUIET)
    for parameters in (MASS, GENERIC, COLLISION, SHIFT):
        struck = acts(parameters)
        columns = ["person", "day", "channel", "message", "is_contact", "is_click"]
        early = [frame[frame["day"] < FIRST][columns].reset_index(drop=True) for frame in (struck, usual)]
        pd.testing.assert_frame_equal(*early)


def movers(parameters: MarketParameters) -> tuple[World, np.ndarray]:
    """Persons whom the reader shift moves."""
    moved = build_world(parameters).persons.shift_day != build_world(QUIET).persons.shift_day
    return build_world(parameters), np.flatnonzero(moved)


def test_readers_of_one_segment_with_mail_and_app_move_within_two_weeks() -> None:
    world, moved = movers(SHIFT)
    persons, shift = world.persons, world.incidents.all[0]
    assert set(persons.segment[moved]) == {shift.segment}
    assert set(persons.shift_to[moved]) == {CHANNEL_NUMBER["push_app"]}
    assert persons.shift_day[moved].min() >= FIRST
    assert persons.shift_day[moved].max() <= FIRST + 13
    assert len(set(persons.shift_day[moved].tolist())) == 14
    both = persons.reachable[CHANNEL_NUMBER["email"]] & persons.reachable[CHANNEL_NUMBER["push_app"]]
    could = both & (persons.segment == shift.segment) & (persons.entry_day <= FIRST)
    assert len(moved) / could.sum() == pytest.approx(0.85, abs=0.08)


def test_who_moves_reads_less_mail_and_more_in_the_app() -> None:
    _, moved = movers(SHIFT)
    rates = {}
    for parameters in (SHIFT, QUIET):
        frame = acts(parameters)
        late = frame[(frame["day"] >= FIRST + 14) & frame["person"].isin(moved)]
        for channel in ("email", "push_app"):
            rows = late[late["channel"] == channel]
            rates[parameters.incidents != (), channel] = rows["is_click"].sum() / rows["is_contact"].sum()
    assert rates[True, "email"] < 0.3 * rates[False, "email"]
    assert rates[True, "push_app"] > 1.7 * rates[False, "push_app"]


def test_who_left_the_newsletter_earlier_stays_where_he_went() -> None:
    persons = populate(replace(QUIET, people=replace(QUIET.people, shifts=3.0)), Draws(3))
    world_shift = draw_incidents(replace(SHIFT), Draws(3))
    moved = move_readers(persons, world_shift, Draws(3))
    assert (moved.shift_day <= persons.shift_day).all()
    early = persons.shift_day < FIRST
    assert early.sum() > 50
    assert (moved.shift_to[early] == persons.shift_to[early]).all()
    gone = (moved.shift_day < NEVER) & (moved.shift_to < 0)
    assert not gone.any()


def test_no_shift_leaves_the_persons_as_they_are() -> None:
    persons = populate(QUIET, Draws(3))
    moved = move_readers(persons, Incidents([]), Draws(3))
    assert (moved.shift_day == persons.shift_day).all()
    assert (moved.shift_to == persons.shift_to).all()


def test_a_turnover_empties_its_team_in_its_months(write_market: Callable[..., Written]) -> None:
    turnover = IncidentTemplate("team_turnover", 59, 61, 20.0, (), jitter_days=0, teams=("retail",))
    leavers = {}
    for incidents in ((), (turnover,)):
        written = write_market(customers=20, days=155, incidents=incidents)
        rows = pd.concat([pd.read_csv(path, sep="\t") for path in written.files("staffing.tsv")])
        leavers[incidents] = rows.set_index(["team", "month"])["leavers"].sort_index()
    more = leavers[turnover,] - leavers[()]
    assert set(more[more != 0].index) == {("retail", "2025-03-01"), ("retail", "2025-04-01")}
    assert (more[more != 0] > 0).all()


def test_the_truth_names_channel_segment_and_team(write_market: Callable[..., Written]) -> None:
    parameters = (*COLLISION.incidents, *SHIFT.incidents)
    rows = write_market(customers=20, days=50, incidents=parameters).true("incidents").to_pylist()
    assert [(row["kind"], row["channel"], row["team"]) for row in rows] == [
        ("uncoordinated_plan", "email", "digital"),
        ("reader_shift", "email", None),
    ]
    assert rows[0]["segment"] is None
    assert rows[1]["segment"] in SEGMENTS
    assert {row["first_on"].isoformat() for row in rows} == {"2025-02-15"}


def test_a_shorter_market_with_faults_is_the_beginning_of_a_longer_one(write_market: Callable[..., Written]) -> None:
    """The plan of a month is delivered before its faults strike: a market that ends before them knows them too."""
    soon = tuple(
        replace(template, first_day=35, length=40)
        for parameters in (MASS, GENERIC, DRIFT, COLLISION)
        for template in parameters.incidents
    )
    long = write_market(customers=40, days=75, incidents=soon)
    for days in (32, 40):
        short = write_market(customers=40, days=days, incidents=soon)
        for path in sorted(short.landing.rglob("*.*")):
            place: Path = path.relative_to(short.landing)
            assert path.read_bytes() == (long.landing / place).read_bytes(), place


def test_every_kind_of_company_fault_strikes_the_default_market() -> None:
    kinds = {template.kind for template in INCIDENTS}
    assert kinds >= {"mass_sending", "generic_content", "theme_drift", "uncoordinated_plan", "team_turnover"}
    for template in INCIDENTS:
        assert template.kind != "theme_drift" or set(template.channels) <= set(THEME_PLANNED)


def test_new_templates_do_not_move_the_draws_of_old_ones() -> None:
    parameters = MarketParameters()
    old = draw_incidents(replace(parameters, incidents=INCIDENTS[:18]), Draws(1)).all
    assert draw_incidents(parameters, Draws(1)).all[: len(old)] == old


@pytest.mark.parametrize(("kind", "teams"), [("click_drop", ("crm",)), ("uncoordinated_plan", ())])
def test_a_team_stands_where_one_is_struck_and_nowhere_else(kind: str, teams: tuple[str, ...]) -> None:
    wrong = IncidentTemplate(kind, 3, 10, 0.2, ("email",), teams=teams)
    with pytest.raises(ValueError, match=rf"{kind}.*teams"):
        draw_incidents(MarketParameters(incidents=(wrong,)), Draws(1))
