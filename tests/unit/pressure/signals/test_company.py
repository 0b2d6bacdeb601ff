"""Signs of the company itself: trends of the plan, colliding teams, teams that empty; and what is no trend."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from millibar.pressure.signals import CompanyInputs, SignalInputs
from millibar.pressure.signals.company import company_findings
from millibar.pressure.signals.company.trend import Finding, weighted_trend
from unit.pressure.signals.stand_ins import LAST, PARAMETERS, drivers, find, health, signal

NOBODY = pd.DataFrame({name: [] for name in ("day", "channel", "segment")})


def campaigns(
    targetings: tuple[list[str | None], list[str | None]],
    channel: str = "email",
    team: str | None = "crm",
    **more: object,
) -> pd.DataFrame:
    """Campaigns of the older and of the newer eight weeks, each a week of 10,000 contacts."""
    rows = []
    for period, names in enumerate(targetings):
        for place, targeting in enumerate(names):
            week = 15 - place % 8 if period == 0 else 7 - place % 8
            rows.append({
                "campaign": f"{channel}-{period}-{place}", "name": f"Campaign {period}-{place}", "channel": channel,
                "team": team, "theme": "sale", "targeting": targeting, "content": "product", "week": week,
                "contacts": 10_000.0, "human_clicks": 300.0, "complaints": 5.0,
            } | more)  # fmt: skip
    return pd.DataFrame(rows)


def findings(**company: pd.DataFrame) -> dict[tuple[str, str, str], Finding]:
    inputs = SignalInputs(NOBODY, company=CompanyInputs(**company))
    return {(f.sign, f.channel, f.segment): f for f in company_findings(inputs, LAST, PARAMETERS)}


TARGETED, MASS = ["segment", "one_to_one"] * 4, ["mass"] * 6 + ["segment"] * 2


def test_a_turn_to_mass_sending_is_a_trend_with_its_campaigns() -> None:
    found = findings(plan=campaigns((TARGETED, MASS)))["mass_sending", "email", "all"]
    assert (found.verdict, found.observed, found.expected) == ("trend", 0.75, 0.0)
    assert found.p_value < 0.02
    assert "75 % of contacts went to everybody" in found.cause
    assert sum(driver.contribution for driver in found.drivers) == pytest.approx(found.gap)


def test_beyond_the_limit_it_is_an_alert_and_has_an_action() -> None:
    inputs = SignalInputs(health(contacts=100), company=CompanyInputs(plan=campaigns((TARGETED, ["mass"] * 8))))
    sheet = find(inputs)
    found = signal(sheet, "mass_sending")
    assert (found["verdict"], found["alert"]) == ("alert", True)
    assert found["action_code"].startswith("sign_mass_sending")
    assert len(drivers(sheet, "mass_sending"))


def test_one_large_campaign_is_no_trend() -> None:
    """A million contacts in one campaign are one decision, not a million."""
    plan = campaigns((TARGETED, ["mass", *TARGETED[:7]]))
    plan.loc[plan["targeting"] == "mass", "contacts"] = 1_000_000.0
    found = findings(plan=plan)["mass_sending", "email", "all"]
    assert found.observed > 0.9
    assert found.p_value > PARAMETERS.trend_p
    assert found.verdict != "trend"


def test_trends_by_chance_are_as_rare_as_they_say() -> None:
    random = np.random.default_rng(1)
    p_values = np.array([
        weighted_trend(random.integers(0, 2, 16).astype(float), random.lognormal(8, 1.5, 16), np.arange(16) >= 8,
                       str(round_number)).p_value
        for round_number in range(300)
    ])  # fmt: skip
    assert (p_values < 0.05).mean() < 0.08
    assert (p_values < 0.5).mean() > 0.3


def test_one_team_alone_is_named() -> None:
    plan = pd.concat([campaigns((TARGETED, TARGETED)), campaigns((TARGETED, MASS), "sms", "digital")])
    found = findings(plan=plan)
    assert found["mass_sending", "all", "team:digital"].verdict == "trend"
    assert found["mass_sending", "all", "team:crm"].verdict == "nothing"
    assert found["mass_sending", "email", "all"].verdict == "nothing"


def test_a_lower_targeting_level_counts_without_mass() -> None:
    found = findings(plan=campaigns((["one_to_one"] * 8, ["segment"] * 8)))["mass_sending", "email", "all"]
    assert found.p_value < 0.05
    assert "targeting level 1.0 against 3.0" in found.cause


def test_campaigns_nobody_planned_and_teams_nobody_named_are_left_out() -> None:
    plan = pd.concat([
        campaigns((TARGETED, MASS), team=None),
        campaigns(([None] * 8, [None] * 8), "sms", None, content=None, name=None, theme=None),
    ])  # fmt: skip
    found = findings(plan=plan)
    assert ("mass_sending", "email", "all") in found
    assert not {key for key in found if key[1] == "sms" or key[2].startswith("team:")}


def test_entropy_of_the_audience_is_told() -> None:
    days = 112
    late = np.arange(days) >= 56
    table = pd.concat([
        health("email", f"acquisition_channel:{name}", days=days, contacts=np.where(late, 100, early))
        for name, early in (("store", 300), ("search", 10), ("social", 10))
    ])  # fmt: skip
    inputs = SignalInputs(table, company=CompanyInputs(plan=campaigns((TARGETED, MASS))))
    cause = next(f.cause for f in company_findings(inputs, LAST, PARAMETERS) if f.channel == "email")
    assert "audience entropy 1.00 against 0.2" in cause


def test_content_that_turns_generic_is_a_trend() -> None:
    plan = campaigns((TARGETED, TARGETED))
    plan["content"] = np.where(plan["week"] < 8, "generic", "customer")
    found = findings(plan=plan)["generic_content", "email", "all"]
    assert found.verdict == "alert"
    assert "personal or contextual content 0 % against 100 %" in found.cause
    steady = plan.assign(content=["generic", "customer"] * 8)
    assert findings(plan=steady)["generic_content", "email", "all"].verdict == "nothing"


def themes(**shares: float) -> pd.DataFrame:
    return pd.DataFrame({
        "quarter": "2025-Q2", "channel": "email", "theme": list(shares), "committed_share": list(shares.values()),
    })  # fmt: skip


def test_themes_off_the_plan_are_told() -> None:
    plan = campaigns((TARGETED, TARGETED * 2))
    found = findings(plan=plan, themes=themes(sale=0.1, service=0.5, loyalty=0.4))[
        "generic_content", "email", "theme_plan"
    ]
    assert found.verdict == "alert"
    assert found.observed == pytest.approx(0.9)
    assert "sale: 100 % of contacts against 10 % planned" in found.cause
    assert sum(driver.contribution for driver in found.drivers) == pytest.approx(found.gap)


def test_a_few_campaigns_off_the_plan_are_chance() -> None:
    plan = campaigns((TARGETED, ["segment"] * 4), theme=None)
    plan.loc[plan["week"] < 8, "theme"] = ["sale", "sale", "service", "loyalty"]
    found = findings(plan=plan, themes=themes(sale=0.3, service=0.4, loyalty=0.3))
    assert found["generic_content", "email", "theme_plan"].verdict == "nothing"


def encounters(days: dict[str, list[int]], customers: int = 300, hours: float = 10.0) -> pd.DataFrame:
    """Each team writes to half of the customers on each of its days (counted from the window's begin)."""
    random = np.random.default_rng(2)
    begin = LAST + pd.Timedelta(days=1) - pd.Timedelta(weeks=PARAMETERS.plan_weeks)
    rows = [
        pd.DataFrame({
            "customer_id": [f"c{n}" for n in np.flatnonzero(random.random(customers) < 0.5)],
            "at": begin + pd.Timedelta(days=day, hours=hours), "team": team,
        })
        for team, when in days.items() for day in when
    ]  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def test_teams_that_write_on_the_same_days_collide() -> None:
    same = [1, 12, 16, 24, 33, 39, 44, 53]  # other weekdays each week
    found = findings(encounters=encounters({"crm": same, "digital": same}))["uncoordinated_plan", "all", "all"]
    assert found.verdict in ("trend", "alert")
    assert found.p_value < 0.01
    assert found.observed > 1.5 * found.expected
    assert found.drivers[0].driver == "crm and digital"
    assert sum(driver.contribution for driver in found.drivers) == pytest.approx(found.gap)


def test_teams_that_keep_apart_do_not() -> None:
    crm, digital = [1, 12, 16, 24, 33, 39, 44, 53], [4, 9, 19, 27, 30, 36, 47, 50]
    found = findings(encounters=encounters({"crm": crm, "digital": digital}))["uncoordinated_plan", "all", "all"]
    assert found.verdict == "nothing"
    assert found.p_value > 0.5


def test_independent_calendars_are_rarely_called_uncoordinated() -> None:
    random = np.random.default_rng(3)
    quick = replace(PARAMETERS, collision_rounds=40)
    wrong = 0
    for _ in range(60):
        days = {team: sorted(random.choice(56, 8, replace=False).tolist()) for team in ("crm", "digital", "brand")}
        company = CompanyInputs(encounters=encounters(days, customers=80))
        wrong += company_findings(SignalInputs(NOBODY, company=company), LAST, quick)[0].p_value < 0.05
    assert wrong <= 9


def test_one_team_or_a_handful_of_contacts_is_not_judged() -> None:
    assert findings(encounters=encounters({"crm": list(range(56))})) == {}
    assert findings(encounters=encounters({"crm": [3], "digital": [4]}, customers=20)) == {}
    nameless = encounters({"crm": [3, 9], "digital": [4, 10]}).assign(team=None)
    assert findings(encounters=nameless) == {}


def test_moments_with_a_time_zone_count_alike() -> None:
    rows = encounters({"crm": [1, 12, 16], "digital": [1, 12, 16]})
    zoned = rows.assign(at=rows["at"].dt.tz_localize("UTC"))
    one, other = findings(encounters=rows), findings(encounters=zoned)
    assert one["uncoordinated_plan", "all", "all"].p_value == other["uncoordinated_plan", "all", "all"].p_value


def staffing(leavers: dict[str, list[int]], heads: int = 10) -> pd.DataFrame:
    """Monthly leavers of each team, the newest month last."""
    rows = [
        {"month_on": (LAST - pd.DateOffset(months=len(counts) - 1 - place)).replace(day=1).date(), "team": team,
         "headcount": heads, "leavers": count}
        for team, counts in leavers.items() for place, count in enumerate(counts)
    ]  # fmt: skip
    return pd.DataFrame(rows)


QUIET = [0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0]


def test_a_team_that_empties_is_told_beside_its_results() -> None:
    plan = campaigns((TARGETED, TARGETED))
    plan.loc[plan["week"] < 8, "human_clicks"] = 100.0
    found = findings(staffing=staffing({"crm": [*QUIET[:9], 1, 2, 2], "brand": QUIET, "retail": QUIET}), plan=plan)
    crm = found["team_turnover", "all", "team:crm"]
    assert crm.verdict == "alert"
    assert "5 of 10 people of team crm left in 3 months" in crm.cause
    assert "clicks a contact 1 % against 3 %" in crm.cause
    assert found["team_turnover", "all", "team:brand"].verdict == "nothing"


@pytest.mark.parametrize("heads", [2, 5])
def test_one_leaver_of_a_small_team_is_chance(heads: int) -> None:
    found = findings(staffing=staffing({"crm": [*QUIET[:9], 0, 0, 1], "brand": QUIET}, heads))
    assert found["team_turnover", "all", "team:crm"].verdict == "nothing"


def test_a_team_that_always_turns_over_is_measured_against_itself() -> None:
    busy = [1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1]
    found = findings(staffing=staffing({"shop": busy, "brand": QUIET, "crm": QUIET}, heads=20))
    assert found["team_turnover", "all", "team:shop"].verdict == "nothing"


def test_the_first_months_and_empty_feeds_judge_nothing() -> None:
    assert findings(staffing=staffing({"crm": [0, 3]})) == {}
    assert findings() == {}
    nulls = pd.DataFrame({"month_on": [LAST.date()], "team": [None], "headcount": [None], "leavers": [None]})
    assert findings(staffing=nulls) == {}


def test_the_plan_alone_makes_a_sheet() -> None:
    sheet = find(SignalInputs(NOBODY, company=CompanyInputs(plan=campaigns((TARGETED, MASS)))))
    assert set(sheet.signals["sign"]) == {"mass_sending", "generic_content"}
    found = signal(sheet, "mass_sending")
    assert (found["verdict"], found["severity_level"]) == ("trend", "normal")
    assert found["severity"] == pytest.approx(found["probability_real"] * found["customers"] * found["value_at_risk"])
    assert found["action_code"] == "sign_mass_sending"


def test_a_rerun_draws_the_same() -> None:
    company = {
        "plan": campaigns((TARGETED, MASS)), "encounters": encounters({"crm": [1, 9, 20], "digital": [1, 9, 22]}),
    }  # fmt: skip
    assert findings(**company) == findings(**company)
