"""The name of a database within a warehouse's URI."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit


def named(uri: str, name: str) -> str:
    """The URI with another database."""
    return urlunsplit(urlsplit(uri)._replace(path=f"/{name}"))


def database(uri: str) -> str:
    return urlsplit(uri).path.lstrip("/")
