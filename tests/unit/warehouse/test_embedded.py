"""The embedded server itself: two that start at once, and a server for tests against one that keeps."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from millibar.warehouse import embedded
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer, EmbeddedServerError
from millibar.warehouse.ports import HOST, free_port


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder the server's account can reach, which pytest's are not; what runs in it is ended."""
    state = Path(tempfile.mkdtemp(prefix="millibar-test-"))
    yield state / "postgres"
    EmbeddedServer(state / "postgres").stop()
    shutil.rmtree(state)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port somebody listens on."""
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_a_port_taken_since_it_was_found_free_is_passed_over(
    folder: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([taken, free_port(0)])
    monkeypatch.setattr(embedded, "free_port", lambda preferred: next(answers))
    server = EmbeddedServer(folder)
    server.start()
    assert server.port() != taken
    with Warehouse.open(server.uri("postgres", "postgres")) as warehouse:
        assert warehouse.value("show fsync") == "on"


def test_a_port_that_stays_taken_is_told_with_the_log(
    folder: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(embedded, "free_port", lambda preferred: asked.append(preferred) or taken)
    with pytest.raises(EmbeddedServerError, match=r"Address already in use"):
        EmbeddedServer(folder, durable=False).start()
    assert len(asked) == embedded.PORT_TRIES


def test_another_fault_is_told_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(embedded, "free_port", lambda preferred: asked.append(preferred) or -1)
    with pytest.raises(EmbeddedServerError, match="port"):
        EmbeddedServer(folder).start()
    assert len(asked) == 1
