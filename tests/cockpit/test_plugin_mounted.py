"""The plugin's application as the API server mounts it: built at the first request, behind the login there too."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from cockpit.airflow_login import Login
from cockpit.published_rows import publish, whole
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse

PLUGIN = Path(__file__).resolve().parents[2] / "plugins" / "millibar_plugin.py"


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("millibar_plugin", PLUGIN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "millibar_plugin", module)
    spec.loader.exec_module(module)
    return module


def test_mounted_under_its_prefix(
    plugin: ModuleType, login: Login, settings: Settings, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(warehouse, whole())
    monkeypatch.setenv("MILLIBAR_STATE", str(settings.state))
    monkeypatch.setenv("MILLIBAR_WAREHOUSE_URI", settings.warehouse_uri)
    monkeypatch.setenv("MILLIBAR_READER_URI", settings.reader_uri)
    server = FastAPI()
    for entry in plugin.MillibarPlugin.fastapi_apps:
        server.mount(entry["url_prefix"], entry["app"])
    client = TestClient(server)
    view = plugin.MillibarPlugin.external_views[0]
    assert client.get(f"/{view['href']}").status_code == 401
    assert client.get(f"/{view['icon']}").status_code == 401
    client.cookies.set("_token", login.token())
    assert "12,377" in client.get(f"/{view['href']}").text
    assert client.get(f"/{view['icon']}").headers["content-type"].startswith("image/svg")
