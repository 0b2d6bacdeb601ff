"""A real Airflow over the small market: its scheduler runs a backfill, its login guards the cockpit, a crash is survived."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.house import DAYS, LAST_OF_HISTORY
from millibar.services.airflow_client import AirflowClient
from millibar.services.airflow_processes import PROCESSES, AirflowServices
from millibar.settings import Settings
from millibar.warehouse.connect import Warehouse
from millibar.warehouse.embedded import EmbeddedServer

COCKPIT_ROUTES = ("/millibar/", "/millibar/figures.json", "/millibar/plotly.min.js", "/millibar/static/cockpit.js")


@pytest.fixture(scope="module")
def airflow(market: Path) -> Iterator[AirflowServices]:
    """PostgreSQL and Airflow in a state folder of their own, on free ports."""
    state = Path(tempfile.mkdtemp(prefix="millibar-airflow-"))
    environ = {"MILLIBAR_STATE": str(state), "MILLIBAR_LANDING": str(market / "landing")}
    server = EmbeddedServer(state / "postgres")
    server.start()
    services = AirflowServices(Settings.from_environment(environ), schedule_until=str(DAYS[-1]))
    services.start()
    yield services
    services.stop()
    server.stop()
    shutil.rmtree(state)


@pytest.fixture(scope="module")
def published(airflow: AirflowServices) -> AirflowClient:
    """The history and one ordinary day, run by the scheduler as a backfill."""
    client = AirflowClient(airflow.url, "admin", airflow.passwords["admin"])
    client.wait_for_dags(("millibar_ingest", "millibar_daily"))
    for dag_id in ("millibar_ingest", "millibar_daily"):
        client.unpause(dag_id)
    client.backfill("millibar_ingest", LAST_OF_HISTORY, DAYS[0])
    for day in (LAST_OF_HISTORY, DAYS[0]):
        client.wait_for_partition("millibar_daily", day, lambda: None, seconds=480)
    return client


def test_the_scheduler_runs_both_days_in_order_and_publishes(
    airflow: AirflowServices, published: AirflowClient
) -> None:
    with Warehouse.open(airflow.settings) as warehouse:
        assert warehouse.rows("select distinct as_of from bi.publication") == [{"as_of": DAYS[0]}]
        runs = warehouse.rows("select as_of, started_by, status from ops.pipeline_runs order by started_at")
        assert [run["as_of"] for run in runs] == [LAST_OF_HISTORY, DAYS[0]]
        assert {(run["started_by"], run["status"]) for run in runs} == {("airflow", "success")}
        overlaps = warehouse.value(
            "select count(*) from ops.pipeline_runs as a join ops.pipeline_runs as b "
            "on a.run_id < b.run_id and a.started_at < b.finished_at and b.started_at < a.finished_at"
        )
        assert overlaps == 0
        models = warehouse.rows("select node_id, rows, duration_seconds from ops.dbt_results where layer = 'core'")
        assert any(row["node_id"].endswith("fct_touchpoint") and row["rows"] for row in models)


def test_nothing_ran_by_itself_beyond_the_data(published: AirflowClient) -> None:
    runs = published.ask("GET", "/api/v2/dags/millibar_ingest/dagRuns?limit=50")["dag_runs"]
    assert sorted(run["partition_key"] for run in runs) == [str(LAST_OF_HISTORY), str(DAYS[0])]


def test_every_cockpit_route_wants_a_login(airflow: AirflowServices, published: AirflowClient) -> None:
    token = AirflowClient(airflow.url, "marketer", airflow.passwords["marketer"])
    token.ask("GET", "/api/v2/dags?limit=1")
    for route in COCKPIT_ROUTES:
        assert _status(f"{airflow.url}{route}") == 401, route
        assert _status(f"{airflow.url}{route}", token._token) == 200, route


def test_no_secret_in_any_log(airflow: AirflowServices, published: AirflowClient) -> None:
    secrets = {*EmbeddedServer(airflow.settings.state / "postgres").passwords.values(), *airflow.passwords.values()}
    secrets.add(airflow.settings.hash_key.hex())
    assert len(secrets) >= 7
    files = [path for path in airflow.home.rglob("*") if path.suffix == ".log"]
    assert any("millibar_daily" in str(path) for path in files)
    for path in files:
        text = path.read_text(errors="replace")
        assert [secret for secret in secrets if secret in text] == [], path


def test_a_second_start_is_quick_and_changes_nothing(airflow: AirflowServices, published: AirflowClient) -> None:
    port = airflow.port
    before = {name: (airflow.home / f"{name}.pid").read_text() for name in PROCESSES}
    airflow.start()
    assert airflow.port == port
    assert {name: (airflow.home / f"{name}.pid").read_text() for name in PROCESSES} == before


def test_a_crash_and_its_stale_pid_do_not_stop_a_start(airflow: AirflowServices, published: AirflowClient) -> None:
    airflow.stop()
    assert airflow.running() == []
    server = EmbeddedServer(airflow.settings.state / "postgres")
    pid_file = server.data / "postmaster.pid"
    content = pid_file.read_text()
    os.kill(int(content.splitlines()[0]), signal.SIGKILL)
    _wait_until_gone(server)
    # the pid of a living program that is not PostgreSQL, as after a restart of the machine
    pid_file.write_text("\n".join([str(os.getpid()), *content.splitlines()[1:]]) + "\n")
    server.start()
    with Warehouse.open(Settings.from_environment({"MILLIBAR_STATE": str(airflow.settings.state)})) as warehouse:
        assert warehouse.value("select count(*) from bi.publication") > 10


def _status(url: str, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as fault:
        return fault.code


def _wait_until_gone(server: EmbeddedServer) -> None:
    import time

    deadline = time.monotonic() + 30
    while server.is_running() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1)  # the children notice that their parent is gone and let the shared memory go
