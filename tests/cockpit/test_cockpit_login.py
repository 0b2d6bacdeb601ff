"""Every address of the cockpit asks Airflow's login first, those that do not exist included."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount
from starlette.websockets import WebSocketDisconnect

from cockpit.airflow_login import Login
from cockpit.published_rows import publish, whole
from millibar.cockpit.application import SECURITY_HEADERS, build_application
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

NOT_THERE = ["/docs", "/redoc", "/openapi.json", "/nothing", "/static/nothing.js", "/static/../login.py"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]


def addresses(application: FastAPI) -> Iterator[str]:
    """Every address the application answers: its routes, and each file of the folders it mounts."""
    for route in application.routes:
        if isinstance(route, Mount):
            folder = Path(route.app.directory)
            files = [path for path in folder.rglob("*") if path.is_file()]
            assert files, f"{route.path} serves no file: the walk would pass without asking anything"
            yield from (f"{route.path}/{path.relative_to(folder)}" for path in files)
        else:
            assert isinstance(route, APIRoute), f"the walk does not know how to ask {route!r}"
            assert "{" not in route.path, f"give the walk an address for {route.path}"
            yield route.path


def broken_tokens(login: Login) -> dict[str, str]:
    good = login.token()
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    revoked = login.token()
    login.revoked.add(jwt.decode(revoked, options={"verify_signature": False})["jti"])
    return {
        "expired": login.token(lives_seconds=-3600),
        "revoked": revoked,
        "signed by another": jwt.encode(claims, "x" * 64, algorithm=header["alg"], headers=header),
        "unsigned": jwt.encode(claims, "", algorithm="none", headers={"kid": header.get("kid", "")}),
        "truncated": good[:-4],
        "garbage": "garbage",
        "three parts": "a.b.c",
        "empty": "",
    }


@pytest.fixture
def application(settings: Settings) -> FastAPI:
    return build_application(lambda: settings)


def test_the_walk_meets_every_kind_of_address(application: FastAPI) -> None:
    found = set(addresses(application))
    assert {"/", "/figures.json", "/plotly.min.js", "/static/cockpit.js", "/static/cockpit.css"} <= found


def test_anonymous_gets_401_everywhere(application: FastAPI, login: Login) -> None:
    client = TestClient(application, follow_redirects=False)
    for address in [*addresses(application), *NOT_THERE]:
        for method in METHODS:
            answer = client.request(method, address)
            assert answer.status_code == 401, f"{method} {address} answered {answer.status_code} to nobody"
            for name, value in SECURITY_HEADERS.items():
                assert answer.headers[name] == value


def test_broken_tokens_get_401_everywhere(application: FastAPI, login: Login) -> None:
    for kind, token in broken_tokens(login).items():
        for address in addresses(application):
            bearer = TestClient(application).get(address, headers={"Authorization": f"Bearer {token}"})
            browser = TestClient(application, cookies={COOKIE_NAME_JWT_TOKEN: token}).get(address)
            assert (bearer.status_code, browser.status_code) == (401, 401), f"a token {kind} opens {address}"


def test_a_good_token_opens_every_address(application: FastAPI, login: Login, warehouse: Warehouse) -> None:
    publish(warehouse, whole())
    token = login.token(role="VIEWER")
    for address in addresses(application):
        bearer = TestClient(application).get(address, headers={"Authorization": f"Bearer {token}"})
        browser = TestClient(application, cookies={COOKIE_NAME_JWT_TOKEN: token}).get(address)
        assert (bearer.status_code, browser.status_code) == (200, 200), address


def test_a_broken_bearer_is_not_rescued_by_a_good_cookie(application: FastAPI, login: Login) -> None:
    client = TestClient(application, cookies={COOKIE_NAME_JWT_TOKEN: login.token()})
    assert client.get("/figures.json", headers={"Authorization": "Bearer garbage"}).status_code == 401


def test_descriptions_of_the_interface_are_switched_off(client: TestClient) -> None:
    assert [client.get(address).status_code for address in NOT_THERE] == [404] * len(NOT_THERE)


def test_a_route_added_later_is_behind_the_login_too(application: FastAPI, login: Login) -> None:
    @application.get("/added-later")
    def added() -> str:
        return "figures"

    assert TestClient(application).get("/added-later").status_code == 401
    opened = TestClient(application, cookies={COOKIE_NAME_JWT_TOKEN: login.token()}).get("/added-later")
    assert opened.json() == "figures"


def test_no_websocket_is_opened(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/"):
        pass


def test_a_browser_is_told_where_to_sign_in(anonymous: TestClient, warehouse: Warehouse) -> None:
    publish(warehouse, whole())
    answer = anonymous.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert answer.status_code == 401
    assert 'href="/api/v2/auth/login?next=%2Fplugin%2Fmillibar"' in answer.text
    assert "12,377" not in answer.text


def test_a_fault_of_the_login_opens_nothing(
    client: TestClient, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(warehouse, whole())

    async def broken(*_: object) -> None:
        raise RuntimeError("metadata database is down, password hunter2")

    monkeypatch.setattr("millibar.cockpit.login.get_user", broken)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "12,377" not in answer.text
    assert "hunter2" not in answer.text
    assert answer.headers["Content-Security-Policy"] == SECURITY_HEADERS["Content-Security-Policy"]
