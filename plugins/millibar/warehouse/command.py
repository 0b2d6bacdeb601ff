"""`millibar init`, `warehouse-uri` and `psql`: make a warehouse ready and reach it."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

from millibar.settings import Settings, write_secret
from millibar.warehouse import setup
from millibar.warehouse.embedded import EmbeddedServer


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = commands.add_parser("init", help="make the warehouse ready: schemas, tables, the reader's rights")
    init.set_defaults(run=initialise)
    uri = commands.add_parser("warehouse-uri", help="print the URI a BI tool connects with (it holds a password)")
    uri.add_argument("--role", choices=("reader", "pipeline"), default="reader")
    uri.set_defaults(run=print_uri)
    prompt = commands.add_parser("psql", help="open psql on the warehouse")
    prompt.add_argument("--role", choices=("reader", "pipeline"), default="reader")
    prompt.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to psql, as -c 'select 1'")
    prompt.set_defaults(run=open_prompt)


def initialise(arguments: argparse.Namespace) -> int:
    """Make the warehouse ready; write the login file of Airflow's simple auth manager where its passwords are given.

    ``MILLIBAR_AIRFLOW_PASSWORDS`` holds them as JSON, user -> password; the file is the one
    ``AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE`` names.
    """
    del arguments
    setup.prepare(Settings.from_environment())
    passwords = os.environ.get("MILLIBAR_AIRFLOW_PASSWORDS")
    file = os.environ.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
    if passwords and file:
        write_secret(Path(file), json.dumps(json.loads(passwords)))
    print("the warehouse is ready")
    return 0


def uri_of(settings: Settings, role: str) -> str:
    """URI of the role; where no reader is set up, the pipeline's."""
    if role == "reader" and settings.reader_uri:
        return settings.reader_uri
    return settings.require_warehouse()


def print_uri(arguments: argparse.Namespace) -> int:
    print(uri_of(Settings.from_environment(), arguments.role))
    return 0


def open_prompt(arguments: argparse.Namespace) -> int:
    settings = Settings.from_environment()
    program = str(EmbeddedServer(settings.state / "postgres").binaries / "psql")
    if not os.path.exists(program):
        program = shutil.which("psql") or "psql"
    rest = [word for word in arguments.arguments if word != "--"]
    os.environ["PGOPTIONS"] = "-c search_path=bi,public"
    os.execvp(program, [program, uri_of(settings, arguments.role), *rest])  # noqa: S606 - the prompt replaces us
