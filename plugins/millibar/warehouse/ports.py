"""Free ports on this machine: busy ones are passed over."""

from __future__ import annotations

import socket
from collections.abc import Collection

HOST = "127.0.0.1"
TRIES = 4


class NoFreePort(RuntimeError):
    """The machine gave no port that is free and not taken already."""


def free_port(preferred: int, taken: Collection[int] = ()) -> int:
    """``preferred`` where it is free and not among ``taken``, another free port of this machine otherwise."""
    for port in (preferred, *([0] * (TRIES - 1))):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            chosen = int(probe.getsockname()[1])
        if chosen not in taken:
            return chosen
    raise NoFreePort(f"no free port on {HOST}")
