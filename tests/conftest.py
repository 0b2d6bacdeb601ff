"""Fixtures shared by all tests: an embedded server for the session, an empty warehouse for each test that asks."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from databases import database, named
from millibar.settings import Settings, recorded_uri
from millibar.warehouse import schema
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer
from millibar.warehouse.roles import grant_reader

PROJECT = Path(__file__).resolve().parents[1]
HOUSES = ("test_pipeline.py", "test_erasure.py")
TEMPLATE = "millibar_template"


class ByFile(LoadScopeScheduling):
    """Under `-n`, a file's tests stay in one process, and those that read the same houses: what they share is costly."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return "houses" if file.endswith(HOUSES) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByFile(config, log)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Public reference data beside the project; tests that want it skip without it."""
    folder = Path(os.environ.get("MILLIBAR_REFERENCE_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no reference data: set MILLIBAR_REFERENCE_DATA to its folder")
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[EmbeddedServer]:
    """One embedded PostgreSQL for the whole session.

    Its folder is not pytest's: a second pytest of the same user closes that one to the server's account.
    """
    state = Path(tempfile.mkdtemp(prefix="millibar-test-"))
    folder = state / "postgres"
    server = EmbeddedServer(folder, durable=False)
    server.start()
    with Warehouse.open(recorded_uri(folder.parent, "superuser")) as admin:
        admin.execute(f"create database {TEMPLATE} owner millibar")
        admin.execute("grant millibar to postgres")
    with Warehouse.open(named(recorded_uri(folder.parent, "warehouse"), TEMPLATE)) as template:
        schema.create(template)
        grant_reader(template)
    yield server
    server.stop()
    shutil.rmtree(state)


@pytest.fixture
def warehouse_name() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def warehouse_uri(server: EmbeddedServer, warehouse_name: str) -> Iterator[str]:
    """URI of a fresh database in which every schema and table of Millibar exists and is empty."""
    state = server.folder.parent
    with Warehouse.open(recorded_uri(state, "superuser")) as admin:
        admin.execute(f"create database {warehouse_name} owner millibar template {TEMPLATE}")
        yield named(recorded_uri(state, "warehouse"), warehouse_name)
        admin.execute(f"drop database {warehouse_name} with (force)")


@pytest.fixture
def warehouse(warehouse_uri: str) -> Iterator[Warehouse]:
    with Warehouse.open(warehouse_uri) as warehouse:
        yield warehouse


@pytest.fixture
def reader_uri(server: EmbeddedServer, warehouse_uri: str) -> str:
    """The same fresh database, as the role that may read schema bi only."""
    return named(recorded_uri(server.folder.parent, "reader"), database(warehouse_uri))


@pytest.fixture
def settings(tmp_path: Path, warehouse_uri: str, reader_uri: str) -> Settings:
    """Settings of a project checkout whose state, landing and sources are empty folders of the test."""
    (tmp_path / "landing").mkdir()
    (tmp_path / "sources").mkdir()
    base = Settings.from_environment({"MILLIBAR_STATE": str(tmp_path / "state"), "MILLIBAR_HASH_KEY": "0f" * 32})
    return replace(
        base,
        landing=tmp_path / "landing",
        sources=tmp_path / "sources",
        warehouse_uri=warehouse_uri,
        reader_uri=reader_uri,
    )
