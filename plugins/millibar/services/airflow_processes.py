"""Airflow on a single machine: its environment, its four processes, started once and stopped with their children."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from millibar.settings import Settings, recorded_uri, write_secret
from millibar.warehouse.ports import HOST, free_port

PROCESSES = ("api-server", "scheduler", "dag-processor", "triggerer")
PREFERRED_PORTS = {"api": 8080, "worker_logs": 8793, "trigger_logs": 8794}
USERS = {"admin": "admin", "marketer": "viewer"}


class AirflowDidNotStart(RuntimeError):
    """A process of Airflow ended early or did not answer; the message carries the end of its log."""


@dataclass(frozen=True)
class AirflowServices:
    """Airflow with its home in the state folder; metadata in the embedded server's database `airflow`."""

    settings: Settings
    schedule_until: str = ""

    @property
    def home(self) -> Path:
        return self.settings.state / "airflow"

    @property
    def port(self) -> int:
        return int(self._kept()["ports"]["api"])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def passwords(self) -> dict[str, str]:
        """User -> password of Airflow's login."""
        return dict(self._kept()["passwords"])

    def start(self) -> None:
        """Migrate the metadata database if it is new and start the processes that are not running."""
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.running():
            self._choose_ports()
        write_secret(self.home / "passwords.json", json.dumps(self.passwords))
        migrated = self.home / "migrated"
        version = _airflow_version()
        if not migrated.exists() or migrated.read_text() != version:
            self.command("db", "migrate")
            migrated.write_text(version)
        spawned = {name: self._spawn(name) for name in PROCESSES if self._pid(name) is None}
        self._wait_until_healthy(spawned)

    def stop(self) -> list[str]:
        """Stop the processes and all their children; returns the names of those that ran."""
        stopped = []
        for name in reversed(PROCESSES):
            pid = self._pid(name)
            if pid is not None:
                _end_session(pid)
                stopped.append(name)
            self._pid_file(name).unlink(missing_ok=True)
        return stopped

    def running(self) -> list[str]:
        return [name for name in PROCESSES if self._pid(name) is not None]

    def command(self, *arguments: str) -> str:
        """Run one `airflow` command and return what it printed; ``AirflowDidNotStart`` where it fails."""
        result = subprocess.run(
            [*_airflow(), *arguments],
            env=self.environment(),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if result.returncode != 0:
            raise AirflowDidNotStart(f"airflow {' '.join(arguments[:2])} failed:\n{result.stdout[-3000:]}")
        return result.stdout

    def environment(self) -> dict[str, str]:
        """The environment of every Airflow process."""
        kept = self._kept()
        ports = kept["ports"]
        uri = recorded_uri(self.settings.state, "airflow")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW__")}
        return inherited | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": uri.replace("postgresql://", "postgresql+psycopg2://"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.settings.project / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.settings.project / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__FERNET_KEY": kept["fernet_key"],
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{ports['api']}/execution/",
            "AIRFLOW__API__HOST": HOST,
            "AIRFLOW__API__PORT": str(ports["api"]),
            "AIRFLOW__API__BASE_URL": f"http://{HOST}:{ports['api']}",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": kept["secret_key"],
            "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt_secret"],
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports["worker_logs"]),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports["trigger_logs"]),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "MILLIBAR_SCHEDULE_UNTIL": os.environ.get("MILLIBAR_SCHEDULE_UNTIL", self.schedule_until),
            "MILLIBAR_PROJECT": str(self.settings.project),
            "MILLIBAR_STATE": str(self.settings.state),
            "MILLIBAR_LANDING": str(self.settings.landing),
            "MILLIBAR_SOURCES": str(self.settings.sources),
            "MILLIBAR_TIMEZONE": self.settings.timezone_name,
        }

    # ------------------------------------------------------------------ what is kept

    def _kept(self) -> dict[str, Any]:
        path = self.home / "millibar.json"
        if not path.exists():
            kept: dict[str, Any] = {
                "fernet_key": Fernet.generate_key().decode(),
                "secret_key": secrets.token_urlsafe(32),
                "jwt_secret": secrets.token_urlsafe(64),
                "passwords": {user: secrets.token_urlsafe(12) for user in USERS},
                "ports": PREFERRED_PORTS,
            }
            write_secret(path, json.dumps(kept))
        return dict(json.loads(path.read_text()))

    def _choose_ports(self) -> None:
        kept = self._kept()
        taken: set[int] = set()
        ports = {}
        for name, preferred in PREFERRED_PORTS.items():
            ports[name] = free_port(preferred, taken)
            taken.add(ports[name])
        write_secret(self.home / "millibar.json", json.dumps(kept | {"ports": ports}))

    # ------------------------------------------------------------------ processes

    def _pid_file(self, name: str) -> Path:
        return self.home / f"{name}.pid"

    def _pid(self, name: str) -> int | None:
        """Pid of the running process; none where it ended or its pid belongs to another program by now."""
        try:
            pid, started = self._pid_file(name).read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started == _start_time(int(pid)) else None

    def _spawn(self, name: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [*_airflow(), name],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.home,
            )
        self._pid_file(name).write_text(f"{process.pid} {_start_time(process.pid)}")
        return process

    def _wait_until_healthy(self, spawned: dict[str, subprocess.Popen[bytes]], seconds: float = 180.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for name, process in spawned.items():
                if process.poll() is not None:
                    raise AirflowDidNotStart(f"airflow {name} ended early:\n{self._log_tail(name)}")
            if self._healthy():
                return
            time.sleep(1.0)
        raise AirflowDidNotStart(f"Airflow did not answer at {self.url} in time:\n{self._log_tail('api-server')}")

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/api/v2/monitor/health", timeout=5) as answer:  # noqa: S310
                health = json.load(answer)
        except (urllib.error.URLError, OSError, ValueError):
            return False
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return all(health.get(part, {}).get("status") == "healthy" for part in parts)

    def _log_tail(self, name: str) -> str:
        path = self.home / f"{name}.log"
        return "\n".join(path.read_text(errors="replace").splitlines()[-25:]) if path.exists() else "(no log)"


def _airflow() -> list[str]:
    return [sys.executable, "-m", "airflow"]


def _airflow_version() -> str:
    from importlib.metadata import version

    return version("apache-airflow")


def _end_session(pid: int, seconds: float = 15.0) -> None:
    """End a process and everything in its session: politely, then not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        members = _session_members(pid)
        for member in members:
            try:
                os.kill(member, sign)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _session_members(pid):
                return
            time.sleep(0.2)


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the third (state) on; empty where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _start_time(pid: int) -> str:
    """When a process started, in clock ticks since boot: with its pid it names one process for good."""
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else ""


def _session_members(session: int) -> list[int]:
    members = []
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else []
        if fields and fields[0] != "Z" and int(fields[3]) == session:
            members.append(int(entry.name))
    return members
