"""Unit tests of the models, and an empty warehouse: every model builds and every test passes without a single row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from millibar.warehouse.connect import Warehouse


@pytest.mark.slow
def test_models_without_rows_and_their_unit_tests(
    warehouse: Warehouse, run_day: Callable[..., None], dbt: Callable[..., None]
) -> None:
    run_day(date(2025, 3, 1))
    built = warehouse.rows(
        "select table_schema, count(*) as relations from information_schema.tables "
        "where table_schema in ('marts', 'reporting') group by 1"
    )
    relations = {row["table_schema"]: row["relations"] for row in built}
    assert relations["marts"] >= 49
    assert relations["reporting"] == 27
    assert warehouse.value("select customers from reporting.rpt_key_figures") == 0
    dbt("test", "--select", "test_type:unit")
