"""docker-compose.yml and Dockerfile against the code: every service, command, mount and variable means something."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
MILLIBAR_SERVICES = sorted(name for name, service in SERVICES.items() if "command" in service)
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::[-?][^}]*)?\}")
LIBRARY = "\n".join(
    path.read_text()
    for folder in ("plugins", "dags", "docker")
    for path in (PROJECT / folder).rglob("*")
    if path.suffix in (".py", ".sh")
)


def test_every_part_of_the_house_has_its_service() -> None:
    assert set(SERVICES) == {
        "warehouse", "airflow-db", "init", "api-server", "scheduler", "dag-processor", "triggerer",
    }  # fmt: skip


@pytest.mark.parametrize("name", MILLIBAR_SERVICES)
def test_each_command_is_one_the_installed_programs_know(name: str) -> None:
    words = SERVICES[name]["command"]
    lines = words[2].split("&&") if words[:2] == ["sh", "-c"] else [" ".join(words)]
    for line in lines:
        program, *arguments = line.split()
        assert program in ("airflow", "millibar")
        result = subprocess.run(
            [Path(sys.executable).parent / program, *arguments, "--help"],
            capture_output=True,
            text=True,
            env=os.environ | {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        )
        assert result.returncode == 0, result.stderr
        assert arguments[-1] in result.stdout


def test_airflow_variables_are_options_airflow_has() -> None:
    code = """
import sys
from airflow.configuration import conf
for name in sys.stdin.read().split():
    _, section, option = name.split("__")
    if option.lower() not in conf.configuration_description.get(section.lower(), {}).get("options", {}):
        print(name)
"""
    names = {name for service in SERVICES.values() for name in service["environment"] if name.startswith("AIRFLOW__")}
    names |= set(re.findall(r"(AIRFLOW__\w+)=", (PROJECT / "Dockerfile").read_text()))
    assert len(names) > 10
    unknown = subprocess.run([sys.executable, "-c", code], input="\n".join(names), capture_output=True, text=True)
    assert unknown.returncode == 0, unknown.stderr
    assert unknown.stdout == ""


def test_millibar_variables_are_read_by_the_code() -> None:
    names = {name for service in SERVICES.values() for name in service["environment"] if name.startswith("MILLIBAR_")}
    names |= set(re.findall(r"(MILLIBAR_\w+)=", (PROJECT / "Dockerfile").read_text()))
    assert {name for name in names if name not in LIBRARY} == set()


def test_mounts_point_at_what_the_project_holds_or_a_named_volume() -> None:
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source = VARIABLE.sub("./landing", mount).split(":")[0]
            if source.startswith("./"):
                assert (PROJECT / source).exists() or source == "./landing", f"{name} mounts {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name} mounts the undeclared volume {source}"


def test_the_image_copies_what_the_project_holds() -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (PROJECT / "Dockerfile").read_text(), re.MULTILINE)
    sources = [source for line in copied for source in line.split()]
    assert len(sources) >= 8
    assert [source for source in sources if not (PROJECT / source).exists()] == []


def test_each_variable_of_the_file_is_explained_in_the_example() -> None:
    used = set(VARIABLE.findall((PROJECT / "docker-compose.yml").read_text()))
    explained = set(re.findall(r"^([A-Z_]+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert used == explained


def test_no_secret_has_a_default() -> None:
    text = (PROJECT / "docker-compose.yml").read_text()
    secrets = re.findall(r"\$\{([A-Z_]*(?:PASSWORD|KEY|SECRET)[A-Z_]*)(:.)?", text)
    assert secrets
    assert {name for name, form in secrets if form != ":?"} == set()


def test_no_millibar_service_runs_as_root() -> None:
    lines = (PROJECT / "Dockerfile").read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER")]
    assert users[-1:] == ["millibar"]
