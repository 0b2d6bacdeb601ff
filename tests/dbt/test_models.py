"""Unit tests of the models, and an empty warehouse: every model builds and every test passes without a single row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse


@pytest.mark.slow
def test_models_without_rows_and_their_unit_tests(
    warehouse: Warehouse, settings: Settings, run_day: Callable[..., None], dbt: Callable[..., None]
) -> None:
    run_day(date(2025, 3, 1), checked=True)
    built = warehouse.rows(
        "select table_schema, count(*) as relations from information_schema.tables "
        "where table_schema in ('marts', 'reporting') group by 1"
    )
    relations = {row["table_schema"]: row["relations"] for row in built}
    models = settings.dbt_project / "models"
    assert relations["marts"] >= len(list((models / "marts").rglob("*.sql")))
    assert relations["reporting"] == len(list((models / "reporting").rglob("*.sql")))
    assert warehouse.value("select customers from reporting.rpt_key_figures") == 0
    dbt("test", "--select", "test_type:unit")
