"""Airflow's plugin loader takes millibar_plugin.py and nothing below millibar/, and shadows no module of Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"

# Loads the plugins as each Airflow process does, and tells what that brought in.
LOADER = """
import json, sys
from airflow import plugins_manager
before = set(sys.modules)
plugins_manager.ensure_plugins_loaded()
plugins, _ = plugins_manager._get_plugins()
folder = sys.argv[1]
def file_of(name):
    return getattr(sys.modules.get(name), "__file__", None) or ""
print("RESULT" + json.dumps({
    "plugins": [plugin.name for plugin in plugins],
    "errors": plugins_manager.get_import_errors(),
    "new": sorted(set(sys.modules) - before),
    "from_folder": sorted(name for name in sys.modules if file_of(name).startswith(folder)),
    "shadowed": sorted(name for name in sys.stdlib_module_names if file_of(name).startswith(folder)),
    "apps": [{key: str(value) for key, value in app.items()} for app in plugins_manager.get_fastapi_plugins()[0]],
    "views": plugins_manager._get_ui_plugins()[0],
}))
"""


def load(folder: Path, home: Path) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
    }
    command = [sys.executable, "-c", LOADER, str(folder)]
    result = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
    lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT")]
    assert lines, result.stdout + result.stderr
    return dict(json.loads(lines[0].removeprefix("RESULT")))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return load(PLUGINS, tmp_path_factory.mktemp("airflow"))


def test_only_the_plugin_file_is_loaded(loaded: dict[str, Any]) -> None:
    assert loaded["plugins"].count("millibar") == 1
    assert [path for path in loaded["errors"] if path.startswith(str(PLUGINS))] == []
    assert loaded["from_folder"] == ["millibar_plugin"]


def test_no_module_of_python_is_shadowed(loaded: dict[str, Any]) -> None:
    assert loaded["shadowed"] == []


def test_loading_is_light(loaded: dict[str, Any]) -> None:
    heavy = {"fastapi", "jinja2", "plotly", "psycopg2", "pyarrow", "pandas", "millibar"}
    assert heavy & {name.partition(".")[0] for name in loaded["new"]} == set()


def test_the_page_is_in_the_navigation(loaded: dict[str, Any]) -> None:
    view = next(view for view in loaded["views"] if view["name"] == "Millibar")
    assert (view["destination"], view["href"], view["url_route"]) == ("nav", "millibar/", "millibar")
    assert [app["url_prefix"] for app in loaded["apps"] if "CockpitAtFirstRequest" in app["app"]] == ["/millibar"]


def test_without_the_ignore_file_the_loader_would_shadow_python(tmp_path: Path) -> None:
    """The danger is real, and the check sees it: the same layout, with and without .airflowignore."""
    folder = tmp_path / "plugins"
    (folder / "millibar").mkdir(parents=True)
    (folder / "millibar" / "statistics.py").write_text("")
    shutil.copy(PLUGINS / "millibar_plugin.py", folder)
    home = tmp_path / "home"
    home.mkdir()
    assert load(folder, home)["shadowed"] == ["statistics"]
    shutil.copy(PLUGINS / ".airflowignore", folder)
    assert load(folder, home)["shadowed"] == []
