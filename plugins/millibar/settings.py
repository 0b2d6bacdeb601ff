"""Settings: where things are, read once from the environment; nothing else in the library reads MILLIBAR_* itself."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
HASH_KEY_BYTES = 32


class SettingsError(ValueError):
    """A setting is missing or wrong; the message names the variable and the mend."""


@dataclass(frozen=True)
class Settings:
    """What a run needs to know of its surroundings.

    ``warehouse_uri`` is empty until a server is known: set ``MILLIBAR_WAREHOUSE_URI``, or start the embedded one.
    """

    project: Path
    state: Path
    landing: Path
    sources: Path
    warehouse_uri: str
    reader_uri: str
    timezone_name: str
    hash_key: bytes

    @property
    def timezone(self) -> tzinfo:
        """The business time zone: the day of an event is its date there."""
        return ZoneInfo(self.timezone_name)

    @property
    def dbt_project(self) -> Path:
        return self.project / "dbt_project"

    @property
    def expectations(self) -> Path:
        return self.project / "expectations"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read MILLIBAR_*; ``SettingsError`` where one is wrong."""
        project = Path(environ.get("MILLIBAR_PROJECT", PROJECT_ROOT))
        state = Path(environ.get("MILLIBAR_STATE", project / ".millibar")).absolute()
        timezone_name = environ.get("MILLIBAR_TIMEZONE", "Europe/Paris")
        try:
            ZoneInfo(timezone_name)
        except (ZoneInfoNotFoundError, ValueError) as fault:
            raise SettingsError(
                f"MILLIBAR_TIMEZONE is {timezone_name!r}, which is no IANA time zone; write one such as Europe/Paris"
            ) from fault
        given_uri = environ.get("MILLIBAR_WAREHOUSE_URI", "")
        # the embedded server's reader belongs to its own warehouse: beside another one it would show other numbers
        recorded_reader = "" if given_uri else recorded_uri(state, "reader")
        return cls(
            project=project,
            state=state,
            landing=Path(environ.get("MILLIBAR_LANDING", state / "landing")).absolute(),
            sources=Path(environ.get("MILLIBAR_SOURCES", project / "config" / "sources")).absolute(),
            warehouse_uri=given_uri or recorded_uri(state, "warehouse"),
            reader_uri=environ.get("MILLIBAR_READER_URI") or recorded_reader,
            timezone_name=timezone_name,
            hash_key=_hash_key(environ, state),
        )

    def require_warehouse(self) -> str:
        """The warehouse's URI; ``SettingsError`` where none is known."""
        if not self.warehouse_uri:
            raise SettingsError(
                "no warehouse is known: set MILLIBAR_WAREHOUSE_URI=postgresql://user:password@host:port/database, "
                "or start the embedded server with `millibar services start`"
            )
        return self.warehouse_uri


def uri_file(state: Path, name: str) -> Path:
    """Where the embedded server records a URI (owner-readable only)."""
    return state / "postgres" / f"{name}.uri"


def recorded_uri(state: Path, name: str) -> str:
    """The URI the embedded server recorded, or an empty string."""
    path = uri_file(state, name)
    return path.read_text().strip() if path.exists() else ""


def write_secret(path: Path, text: str) -> None:
    """Write a file only its owner can read; the whole file appears at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    os.replace(beside, path)


def _hash_key(environ: Mapping[str, str], state: Path) -> bytes:
    """Key of the identifier hashes: MILLIBAR_HASH_KEY (hex), or one made once and kept in the state folder."""
    given = environ.get("MILLIBAR_HASH_KEY", "")
    path = state / "hash.key"
    if not given and path.exists():
        given = path.read_text().strip()
    if not given:
        given = secrets.token_hex(HASH_KEY_BYTES)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:  # another process made it first
            given = path.read_text().strip()
        else:
            with os.fdopen(descriptor, "w") as file:
                file.write(given)
    try:
        key = bytes.fromhex(given)
    except ValueError as fault:
        raise SettingsError("MILLIBAR_HASH_KEY must be hexadecimal; make one with `openssl rand -hex 32`") from fault
    if len(key) < 16:
        raise SettingsError("MILLIBAR_HASH_KEY is shorter than 16 bytes; make one with `openssl rand -hex 32`")
    return key
