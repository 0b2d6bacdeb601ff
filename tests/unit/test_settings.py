"""Settings: clear errors, one hash key for good, secrets only their owner can read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from millibar.settings import Settings, SettingsError, uri_file, write_secret


def test_a_wrong_time_zone_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MILLIBAR_TIMEZONE is 'Europe/Pari', which is no IANA time zone"):
        Settings.from_environment({"MILLIBAR_STATE": str(tmp_path), "MILLIBAR_TIMEZONE": "Europe/Pari"})


@pytest.mark.parametrize("key", ["not hexadecimal", "abcd"])
def test_a_bad_hash_key_is_refused_without_being_told(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsError, match="openssl rand -hex 32") as fault:
        Settings.from_environment({"MILLIBAR_STATE": str(tmp_path), "MILLIBAR_HASH_KEY": key})
    assert key not in str(fault.value)


def test_the_hash_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = Settings.from_environment({"MILLIBAR_STATE": str(tmp_path)})
    second = Settings.from_environment({"MILLIBAR_STATE": str(tmp_path)})
    assert first.hash_key == second.hash_key
    assert len(first.hash_key) == 32
    assert stat.S_IMODE((tmp_path / "hash.key").stat().st_mode) == 0o600


def test_without_a_warehouse_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="MILLIBAR_WAREHOUSE_URI=postgresql://"):
        Settings.from_environment({"MILLIBAR_STATE": str(tmp_path)}).require_warehouse()


def test_another_warehouse_is_never_read_through_the_embedded_servers_reader(tmp_path: Path) -> None:
    for name in ("warehouse", "reader"):
        write_secret(uri_file(tmp_path, name), f"postgresql://embedded/{name}")
    state = {"MILLIBAR_STATE": str(tmp_path)}
    assert Settings.from_environment(state).reader_uri == "postgresql://embedded/reader"
    other = Settings.from_environment(state | {"MILLIBAR_WAREHOUSE_URI": "postgresql://other/warehouse"})
    assert other.warehouse_uri == "postgresql://other/warehouse"
    assert other.reader_uri == ""
    both = state | {"MILLIBAR_WAREHOUSE_URI": "postgresql://other/w", "MILLIBAR_READER_URI": "postgresql://other/r"}
    assert Settings.from_environment(both).reader_uri == "postgresql://other/r"


def test_a_secret_file_is_private_even_over_an_open_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_secret(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
