"""Fixtures of the source tests: the shop of shop.py on an empty warehouse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from unit.sources.shop import Shop, make_source


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings) -> Shop:
    return Shop(warehouse, settings, make_source(settings.sources))


@pytest.fixture
def only_reason(shop: Shop) -> Callable[[], str]:
    """The reason of the one rejected row."""

    def reason() -> str:
        (rejected,) = shop.rejected()
        return str(rejected["reason"])

    return reason
