"""Who is leaving: bands worst first, quality in one sentence, movers told from leavers, moments weighed by customers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.testclient import TestClient

from cockpit.published_rows import band, best, judged, leaver, listens, publish, whole
from millibar.cockpit import leaving
from millibar.warehouse.connect import Warehouse

PARIS = ZoneInfo("Europe/Paris")
AS_OF = {"as_of": date(2025, 3, 14)}


def test_bands_come_worst_first_and_only_those_somebody_is_in() -> None:
    lines = leaving.band_table([band("low", 8_020, 41_200.0), band("high", 1_004, 1_161_300.0, action=None)], "EUR")
    assert [line["word"] for line in lines] == ["High", "Low"]
    assert lines[0]["at_risk"] == "€1.16 M"
    assert lines[0]["action"] == "Watch them; no plan is written for this band."
    assert lines[1]["customers"] == "8,020"


def test_quality_names_the_baseline_and_what_came() -> None:
    words = leaving.quality_words([judged("churn_risk", 0.756) | AS_OF, judged("recency", 0.684) | AS_OF])
    assert "75.6% of all pairs (days since the last order alone: 68.4%)" in words
    assert "expected 42.7% to order; 41.3% did" in words
    assert "In the 90 days to 14 March 2025" in words


def test_nothing_is_claimed_before_a_period_is_complete_or_where_everybody_ordered() -> None:
    assert leaving.quality_words([]) == ""
    assert leaving.quality_words([judged("churn_risk", float("nan")) | AS_OF]) == ""


def test_a_customer_comes_with_reasons_and_the_moment_in_local_time() -> None:
    moment = datetime(2025, 3, 30, 1, 30, tzinfo=UTC)  # the hour after the clocks went forward
    first, second = leaving.first_to_keep(
        [leaver(1, 812.0, next_moment_at=moment), leaver(2, 64.5, next_moment_at=None)], "EUR", PARIS
    )
    assert first["moment"] == "Text message, 30 March 2025, 03:30"
    assert first["reasons"] == ["no order for 143 days, usually every 31", "answered 0 of 22 messages in 90 days"]
    assert second["moment"] == "not now"


def test_movers_are_counted_apart_from_those_who_are_gone() -> None:
    (mail,) = leaving.attrition_table(
        [
            listens("email", "active", 60),
            listens("email", "shifted", 30, "push_app"),
            listens("email", "shifted", 5, "sms"),
            listens("email", "gone", 5),
        ]
    )
    assert (mail["active"]["share"], mail["shifted"]["text"], mail["gone"]["share"]) == ("60.0%", "35", "5.0%")
    assert mail["moved_to"] == "App push 30, Text message 5"
    assert mail["drifting"]["text"] == "0"


def test_moments_are_weighed_by_customers() -> None:
    rows: list[dict[str, Any]] = [
        best("email", 8, 300, expected_response=0.08, usual_response=0.05),
        best("email", 18, 100, expected_response=0.04, usual_response=0.05),
    ]
    (mail,) = leaving.moment_table(rows)
    assert (mail["hours"], mail["best"], mail["usual"], mail["gain"]) == ("8 h, 18 h", "7.0%", "5.0%", "+40%")
    assert mail["personal"] == "60.0%"


def test_a_channel_nobody_answers_has_no_gain() -> None:
    (mail,) = leaving.moment_table([best("email", 8, 3, expected_response=0.0, usual_response=0.0)])
    assert mail["gain"] == ""


def test_the_page_shows_bands_movers_and_moments(warehouse: Warehouse, client: TestClient) -> None:
    publish(warehouse, whole())
    text = client.get("/").text
    for told in (
        "Who is leaving",
        "€161,300",
        "App push 310, Text message 45",
        "no order for 143 days",
        "18 h, 8 h, 12 h",
    ):
        assert told in text
    # the band of a segment is not that of all, and an old judgement is not the newest
    assert "€9,000" not in text
    assert "70.0% of all pairs" not in text


def test_a_hostile_reason_stays_text(warehouse: Warehouse, client: TestClient) -> None:
    tables = whole() | {"rpt_churn_customer": [leaver(1, 5.0, main_reason="<script>alert(1)</script>")]}
    publish(warehouse, tables)
    assert "<script>alert(1)" not in client.get("/").text


def test_without_scores_the_page_says_so(warehouse: Warehouse, client: TestClient) -> None:
    tables = ("rpt_churn_risk", "rpt_churn_quality", "rpt_churn_customer", "rpt_channel_attrition", "rpt_best_moment")
    publish(warehouse, whole() | {table: [] for table in tables})
    text = client.get("/").text
    assert "No customer has a churn score in this publication." in text
    assert "No channel attrition is part of this publication." in text
