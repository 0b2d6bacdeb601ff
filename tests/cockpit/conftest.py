"""Fixtures of the cockpit's tests: Airflow's own login with tokens it really checks, and clients of the application."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

# Airflow makes its home when it is first imported: keep that out of the home of whoever runs the tests.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="millibar-cockpit-airflow-"))

import pytest
from airflow.api_fastapi.app import create_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.models.revoked_token import RevokedToken
from fastapi.testclient import TestClient

from cockpit.airflow_login import Login
from millibar.cockpit.application import build_application
from millibar.settings import Settings

SECRET = "a secret of the tests that is long enough to sign tokens with, sixty-four bytes"


@pytest.fixture
def login(monkeypatch: pytest.MonkeyPatch) -> Iterator[Login]:
    """Airflow's simple auth manager; its list of revoked tokens is in memory, where a server has a database."""
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", SECRET)
    monkeypatch.setenv(
        "AIRFLOW__CORE__AUTH_MANAGER", f"{SimpleAuthManager.__module__}.{SimpleAuthManager.__qualname__}"
    )
    purge_cached_app()
    login = Login(create_auth_manager())
    monkeypatch.setattr(RevokedToken, "is_revoked", lambda jti: jti in login.revoked)
    yield login
    purge_cached_app()


@pytest.fixture
def anonymous(settings: Settings, login: Login) -> TestClient:
    """A client of the cockpit that nobody logged in."""
    return TestClient(build_application(lambda: settings), raise_server_exceptions=False)


@pytest.fixture
def client(anonymous: TestClient, login: Login) -> TestClient:
    """A client of the cockpit with the token of a viewer, sent as a browser sends it."""
    anonymous.cookies.set("_token", login.token())
    return anonymous
