"""Reading: few queries, one publication at a time, and a fault of the warehouse told without its secrets."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg2
import pytest
from fastapi.testclient import TestClient

from cockpit.airflow_login import Login
from cockpit.published_rows import figures, publish, whole
from millibar.cockpit import reading
from millibar.cockpit.application import build_application
from millibar.cockpit.reading import CHECK_SECONDS, QUERIES, RETRY_SECONDS, FiguresUnavailableError, PublishedFigures
from millibar.settings import Settings, SettingsError
from millibar.warehouse.connect import Warehouse


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """For each connection the cockpit opens, the queries it sends."""
    connections: list[list[str]] = []
    real = Warehouse.open

    @contextmanager
    def counting(*arguments: Any, **options: Any) -> Iterator[Warehouse]:
        assert options == {"read_only": True}
        with real(*arguments, **options) as warehouse:
            queries: list[str] = []
            connections.append(queries)
            rows = warehouse.rows
            monkeypatch.setattr(warehouse, "rows", lambda sql, *rest: queries.append(sql) or rows(sql, *rest))
            yield warehouse

    monkeypatch.setattr(reading, "Warehouse", type("Counting", (), {"open": staticmethod(counting)}))
    return connections


def test_a_crowd_of_requests_is_one_reading(warehouse: Warehouse, client: TestClient, opened: list[list[str]]) -> None:
    publish(warehouse, whole())
    for _ in range(20):
        assert client.get("/").status_code == 200
        assert client.get("/figures.json").status_code == 200
    assert len(opened) == 1
    assert len(opened[0]) == 1 + len(QUERIES)


def test_the_same_publication_is_not_read_twice(
    warehouse: Warehouse, settings: Settings, opened: list[list[str]]
) -> None:
    publish(warehouse, whole())
    clock = Clock()
    published = PublishedFigures(lambda: settings, clock)
    first = published.current()
    clock.seconds = CHECK_SECONDS + 1
    assert published.current() is first
    assert [len(queries) for queries in opened] == [1 + len(QUERIES), 1]


def test_a_new_publication_shows_up_after_the_check(warehouse: Warehouse, settings: Settings) -> None:
    clock = Clock()
    published = PublishedFigures(lambda: settings, clock)
    assert published.current() is None
    publish(warehouse, whole() | {"rpt_key_figures": [figures(touchpoints=1)]}, run_id="first")
    clock.seconds = CHECK_SECONDS - 1
    assert published.current() is None
    clock.seconds = CHECK_SECONDS + 1
    first = published.current()
    assert first is not None
    assert first.rows("rpt_key_figures")[0]["touchpoints"] == 1
    publish(warehouse, whole() | {"rpt_key_figures": [figures(touchpoints=2)]}, run_id="second")
    clock.seconds = 2 * CHECK_SECONDS + 2
    second = published.current()
    assert second is not None
    assert second.publication.run_id == "second"
    assert second.rows("rpt_key_figures")[0]["touchpoints"] == 2


def test_a_publication_in_the_middle_of_a_reading_is_not_mixed_in(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(warehouse, whole(), run_id="old")
    real = Warehouse.rows

    def rows(self: Warehouse, sql: Any, parameters: Any = None) -> Any:
        result = real(self, sql, parameters)
        if sql == reading.PUBLICATION:
            changed = {table: [] for table in whole()} | {"rpt_key_figures": [figures(touchpoints=99)]}
            publish(warehouse, changed, run_id="new")
        return result

    monkeypatch.setattr(Warehouse, "rows", rows)
    snapshot = PublishedFigures(lambda: settings).current()
    assert snapshot is not None
    assert snapshot.publication.run_id == "old"
    assert snapshot.rows("rpt_key_figures")[0]["touchpoints"] == 1_042_311
    assert len(snapshot.rows("rpt_alert")) == 4


def test_only_schema_bi_is_read_and_nothing_is_written(warehouse: Warehouse, reader_uri: str) -> None:
    publish(warehouse, whole())
    with Warehouse.open(reader_uri, read_only=True) as reader:
        for query in (*reading.QUERIES.values(), reading.PUBLICATION):
            assert "bi." in query
            reader.rows(query, {"alerts_shown": 1, "customers_shown": 1})
        for statement in ("delete from bi.rpt_alert", "select * from pii.identifier_values"):
            with pytest.raises(psycopg2.Error):
                reader.execute(statement)


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://millibar_reader:s3cr3t%21pass@127.0.0.1:1/millibar",
        "postgresql://millibar_reader:s3cr3t%zzpass@127.0.0.1:5432/millibar",  # libpq repeats the password
        "postgresql://millibar_reader:s3cr3t@[127.0.0.1/millibar",  # libpq repeats the whole address
    ],
)
def test_an_unreachable_warehouse_is_503_without_secrets(
    uri: str, settings: Settings, login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(settings, reader_uri=uri)
    client = TestClient(build_application(lambda: broken), cookies={"_token": login.token()})
    with caplog.at_level(logging.DEBUG):
        page, body = client.get("/"), client.get("/figures.json")
    assert (page.status_code, body.status_code) == (503, 503)
    assert "The warehouse cannot be read at the moment." in page.text
    assert "The warehouse cannot be read at the moment." in body.json()["detail"]
    assert page.headers["retry-after"] == "10"
    assert "The cockpit cannot read the warehouse" in caplog.text
    for text in (page.text, body.text, caplog.text):
        assert "s3cr3t" not in text
    for text in (page.text, body.text):
        assert "127.0.0.1" not in text


def test_a_warehouse_that_failed_is_left_alone_for_a_while(
    warehouse: Warehouse, settings: Settings, opened: list[list[str]]
) -> None:
    publish(warehouse, whole())
    clock = Clock()
    current = [replace(settings, reader_uri="postgresql://nobody@127.0.0.1:1/none")]
    asked: list[float] = []
    published = PublishedFigures(lambda: asked.append(clock.seconds) or current[0], clock)
    for clock.seconds in (0, 1, RETRY_SECONDS - 1):
        with pytest.raises(FiguresUnavailableError):
            published.current()
    assert asked == [0]
    current[0] = settings
    clock.seconds = RETRY_SECONDS
    assert published.current() is not None


def test_wrong_settings_are_503(login: Login) -> None:
    def wrong() -> Settings:
        raise SettingsError("MILLIBAR_HASH_KEY must be hexadecimal")

    client = TestClient(build_application(wrong), cookies={"_token": login.token()})
    answer = client.get("/")
    assert answer.status_code == 503
    assert "Millibar's settings are wrong" in answer.text.replace("&#39;", "'")


def test_tables_of_another_version_are_503_and_say_so(warehouse: Warehouse, client: TestClient) -> None:
    publish(warehouse, whole())
    warehouse.execute("alter table bi.rpt_alert drop column severity")
    answer = client.get("/figures.json")
    assert answer.status_code == 503
    assert "not those this version of the cockpit reads" in answer.json()["detail"]


def test_a_slow_reading_does_not_hold_up_the_others(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(warehouse, whole())
    monkeypatch.setattr(reading, "WAIT_SECONDS", 0.01)
    fresh = PublishedFigures(lambda: settings)
    with fresh._reading, pytest.raises(FiguresUnavailableError, match="slow to answer"):
        fresh.current()
    known = fresh.current()
    with fresh._reading:
        assert fresh.current() is known
