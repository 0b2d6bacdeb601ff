"""`millibar services` and `millibar demo`: start and stop what runs on a single machine."""

from __future__ import annotations

import argparse
import os

from millibar.services.airflow_processes import PROCESSES, AirflowServices
from millibar.settings import Settings
from millibar.warehouse.embedded import EmbeddedServer

DEFAULT_CUSTOMERS = 20_000


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    services = commands.add_parser("services", help="the embedded PostgreSQL and Airflow of this machine")
    services.add_argument("verb", choices=("start", "stop", "status", "warehouse"))
    services.set_defaults(run=run_services)
    demo = commands.add_parser("demo", help="simulated market, historical load and two days, end to end")
    demo.add_argument(
        "--customers", type=int, default=int(os.environ.get("DEMO_CUSTOMERS") or DEFAULT_CUSTOMERS), metavar="N"
    )
    demo.set_defaults(run=run_demo)


def run_services(arguments: argparse.Namespace) -> int:
    """start: all; warehouse: PostgreSQL alone; stop; status."""
    settings = Settings.from_environment()
    server = EmbeddedServer(settings.state / "postgres")
    airflow = AirflowServices(settings)
    if arguments.verb in ("start", "warehouse"):
        server.start()
        print(f"PostgreSQL listens on 127.0.0.1:{server.port()}")
    if arguments.verb == "start":
        airflow.start()
        print(f"Airflow answers at {airflow.url}, user admin, password {airflow.passwords['admin']}")
    if arguments.verb == "stop":
        stopped = airflow.stop() + (["postgres"] if server.stop() else [])
        print(f"stopped: {', '.join(stopped) or 'nothing ran'}")
    if arguments.verb == "status":
        running = airflow.running()
        for name in PROCESSES:
            print(f"airflow {name:<14}{'running' if name in running else 'stopped'}")
        print(f"postgres{'':<14}{'running' if server.is_running() else 'stopped'}")
    return 0


def run_demo(arguments: argparse.Namespace) -> int:
    from millibar.services.demo import demo

    return demo(arguments.customers)
