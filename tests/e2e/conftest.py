"""A small simulated market for the end-to-end tests: three months of history and two more days, once a session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from databases import named
from e2e.house import CUSTOMERS, DAYS, HISTORY_DAYS, LAST_OF_HISTORY, PROJECT, START, House, HouseMaker
from millibar.settings import Settings, recorded_uri
from millibar.simulation.market import simulate
from millibar.simulation.parameters import MarketParameters
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with landing/ and truth/ of the small market."""
    folder = tmp_path_factory.mktemp("market")
    parameters = MarketParameters(customers=CUSTOMERS, start=START, days=HISTORY_DAYS + len(DAYS), seed=11)
    simulate(parameters, folder / "landing", folder / "truth")
    return folder


@pytest.fixture(scope="session")
def make_house(server: EmbeddedServer, market: Path, tmp_path_factory: pytest.TempPathFactory) -> HouseMaker:
    """Make houses by name; their databases live as long as the session."""
    state = server.folder.parent

    def make(name: str, like: str = "millibar_template") -> House:
        with Warehouse.open(recorded_uri(state, "superuser")) as admin:
            admin.execute(f"create database house_{name} owner millibar template {like}")
        base = Settings.from_environment(
            {"MILLIBAR_STATE": str(tmp_path_factory.mktemp(name)), "MILLIBAR_HASH_KEY": "0f" * 32}
        )
        return House(
            replace(
                base,
                landing=market / "landing",
                sources=PROJECT / "config" / "sources",
                warehouse_uri=named(recorded_uri(state, "warehouse"), f"house_{name}"),
                reader_uri=named(recorded_uri(state, "reader"), f"house_{name}"),
            ),
            recorded_uri(state, "superuser"),
        )

    return make


@pytest.fixture(scope="session")
def lived(make_house: HouseMaker) -> House:
    """A house that took the history in one load and then lived two ordinary days. Read it, do not change it.

    What it was after the history (house_history) and on the eve of the last day (house_eve) is kept to start from.
    """
    house = make_house("lived")
    house.run(LAST_OF_HISTORY)
    make_house("history", "house_lived")
    for day in DAYS[:-1]:
        house.run(day)
    make_house("eve", "house_lived")
    house.run(DAYS[-1])
    return house
