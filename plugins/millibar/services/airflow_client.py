"""A small client of Airflow's REST API: log in, unpause, ask for a backfill, watch its runs."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from datetime import date
from typing import Any

UNFINISHED = frozenset({"queued", "running"})


class AirflowRefused(RuntimeError):
    """Airflow answered with an error, or a run failed."""


class AirflowClient:
    """Talks to the API server at ``url`` as ``user``; the token is fetched once and again when it has expired."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._login = {"username": user, "password": password}
        self._token = ""

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request; returns the parsed answer, raises :class:`AirflowRefused` where it is an error."""
        for attempt in (1, 2):
            if not self._token:
                self._token = self._request("POST", "/auth/token", self._login, "")["access_token"]
            try:
                return self._request(method, path, body, self._token)
            except AirflowRefused as fault:
                if attempt == 2 or "401" not in str(fault):
                    raise
                self._token = ""
        raise AssertionError("unreachable")

    def wait_for_dags(self, dag_ids: tuple[str, ...], seconds: float = 120.0) -> None:
        """Wait until the DAG processor has read these DAGs; an import error is told at once."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            known = {dag["dag_id"] for dag in self.ask("GET", "/api/v2/dags?limit=100")["dags"]}
            if known.issuperset(dag_ids):
                return
            errors = self.ask("GET", "/api/v2/importErrors")["import_errors"]
            if errors:
                raise AirflowRefused(f"{errors[0]['filename']} cannot be imported:\n{errors[0]['stack_trace']}")
            time.sleep(1.0)
        raise AirflowRefused(f"Airflow has not read the DAGs {', '.join(dag_ids)} in {seconds:.0f} s")

    def unpause(self, dag_id: str) -> None:
        self.ask("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def backfill(self, dag_id: str, first: date, last: date) -> None:
        """Ask the scheduler for the runs of these business dates, one after the other."""
        self.ask(
            "POST",
            "/api/v2/backfills",
            {
                "dag_id": dag_id,
                "from_date": f"{first}T00:00:00Z",
                "to_date": f"{last}T23:59:00Z",
                "max_active_runs": 1,
                "reprocess_behavior": "completed",
            },
        )

    def wait_for_partition(
        self, dag_id: str, key: date, watch: Callable[[], None], since: str = "", seconds: float = 3600.0
    ) -> None:
        """Wait until the newest run of that partition succeeded; ``watch`` is called about once a second.

        Raises :class:`AirflowRefused` where the run failed or has not ended in time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            watch()
            run = self.newest_run(dag_id, key)
            if run and run["state"] not in UNFINISHED and run["run_after"] >= since:
                if run["state"] == "success":
                    return
                raise AirflowRefused(self._told(dag_id, run))
            time.sleep(1.0)
        raise AirflowRefused(f"the run of {dag_id} for {key} has not ended in {seconds:.0f} s")

    def newest_run(self, dag_id: str, key: date) -> dict[str, Any] | None:
        """The newest run of that DAG for that partition key."""
        runs = self.ask("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100&order_by=-start_date")["dag_runs"]
        return next((run for run in runs if run.get("partition_key") == str(key)), None)

    def _told(self, dag_id: str, run: dict[str, Any]) -> str:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run['dag_run_id'])}/taskInstances?limit=200"
        tasks = [task for task in self.ask("GET", path)["task_instances"] if task["state"] == "failed"]
        names = ", ".join(sorted({task["task_id"] for task in tasks})) or "no task"
        return f"the run of {dag_id} for {run['partition_key']} {run['state']}: {names} failed"

    def _request(self, method: str, path: str, body: dict[str, Any] | None, token: str) -> Any:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self._url}{path}", content, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                text = answer.read()
        except urllib.error.HTTPError as fault:
            detail = fault.read().decode(errors="replace")[:1000]
            raise AirflowRefused(f"{method} {path.split('?')[0]} answered {fault.code}: {detail}") from fault
        except urllib.error.URLError as fault:
            raise AirflowRefused(f"Airflow at {self._url} does not answer: {fault.reason}") from fault
        return json.loads(text) if text else None
