"""Busy ports: another free one is chosen, and no two services are given the same."""

from __future__ import annotations

import socket

import pytest

from millibar.warehouse import embedded
from millibar.warehouse.ports import free_port


def test_a_busy_port_is_passed_over() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert free_port(port) != port
        assert free_port(port, set()) != port


def test_a_free_port_is_kept_and_not_given_twice() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert free_port(port) == port
    assert free_port(port, set()) == port
    assert free_port(port, {port}) != port


@pytest.mark.parametrize(("memory_gib", "shared"), [(1, "128MB"), (4, "512MB"), (24, "1024MB"), (512, "1024MB")])
def test_server_memory_follows_the_machine(memory_gib: int, shared: str) -> None:
    settings = embedded.server_settings(5432, memory_gib * 2**30)
    assert settings["shared_buffers"] == shared
    assert settings["listen_addresses"] == "127.0.0.1"
