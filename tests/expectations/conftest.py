"""The sound database of the suites' tests: made once, used by every case."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from databases import named
from expectations.sound_ground import Ground, build
from millibar.quality.validation import SuiteValidator
from millibar.settings import recorded_uri
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer


@pytest.fixture(scope="session")
def ground(server: EmbeddedServer) -> Iterator[Ground]:
    state = server.folder.parent
    name = "test_expectations"
    with Warehouse.open(recorded_uri(state, "superuser")) as admin:
        admin.execute(f"create database {name} owner millibar template millibar_template")
        uri = named(recorded_uri(state, "warehouse"), name)
        with Warehouse.open(uri) as warehouse, SuiteValidator.open(uri) as validator:
            build(warehouse)
            yield Ground(warehouse, validator)
        admin.execute(f"drop database {name} with (force)")
