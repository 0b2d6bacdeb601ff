"""How dbt is called: its words and environment, and calls in this process that parse the project once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from millibar.settings import Settings

if TYPE_CHECKING:
    from dbt.cli.main import dbtRunnerResult

_PROGRAM = ["-c", "from dbt.cli.main import cli; cli()"]
_UNSEEN = ["--quiet", "--log-level", "none", "--no-write-json"]
_QUIET = ["--no-send-anonymous-usage-stats", "--no-version-check", "--no-use-colors", "--log-level-file", "none"]

# Parsed projects by environment and variables: parsing takes longer than most calls. dbt writes into the one it is
# given, which is harmless while no model is ephemeral (tests/dbt/test_project.py).
_parsed: dict[tuple[str, ...], Any] = {}


def invoke(settings: Settings, target: Path, verb: str, *arguments: str) -> dbtRunnerResult:
    """Call dbt in this process; nothing is printed, the result says it all.

    The project is parsed at the first call for a warehouse (and ``--vars``) and known to later ones: a process that
    edits models between its calls wants :func:`forget`.
    """
    with _environ(environment(settings)):
        manifest = _manifest(settings, target, _variables(arguments))
        return _call(manifest, _words(verb, settings, target, *arguments))


def forget() -> None:
    """Parse again at the next call."""
    _parsed.clear()


def command(verb: str, settings: Settings, target: Path, *arguments: str) -> list[str]:
    """The dbt command line, without anonymous statistics or version checks."""
    return [sys.executable, *_PROGRAM, *_words(verb, settings, target, *arguments)]


def environment(settings: Settings) -> dict[str, str]:
    """The environment profiles.yml reads, from the warehouse's URI."""
    parts = urlsplit(settings.require_warehouse())
    options = parse_qs(parts.query)
    return {
        "MILLIBAR_DBT_HOST": parts.hostname or "127.0.0.1",
        "MILLIBAR_DBT_PORT": str(parts.port or 5432),
        "MILLIBAR_DBT_USER": unquote(parts.username or ""),
        "MILLIBAR_DBT_PASSWORD": unquote(parts.password or ""),
        "MILLIBAR_DBT_DATABASE": parts.path.lstrip("/"),
        "MILLIBAR_DBT_SSLMODE": options.get("sslmode", ["prefer"])[0],
        "MILLIBAR_TIMEZONE": settings.timezone_name,
        "DBT_LOG_PATH": str(settings.state / "dbt"),
    }


def _words(verb: str, settings: Settings, target: Path, *arguments: str) -> list[str]:
    project = str(settings.dbt_project)
    return [
        *_QUIET, verb, "--project-dir", project, "--profiles-dir", project, "--target-path", str(target), *arguments,
    ]  # fmt: skip


def _manifest(settings: Settings, target: Path, variables: list[str]) -> Any:
    """The parsed project; ``None`` where it does not parse: the call itself will say why."""
    known = environment(settings)
    stated = (known[name] for name in sorted(known) if name != "DBT_LOG_PATH")
    key = (str(settings.dbt_project), *stated, *variables)
    if key not in _parsed:
        outcome = _call(None, _words("parse", settings, target, *variables))
        if not outcome.success:
            return None
        _parsed[key] = outcome.result
    return _parsed[key]


def _variables(arguments: tuple[str, ...]) -> list[str]:
    """``--vars`` and its value, where they are among the arguments."""
    at = arguments.index("--vars") if "--vars" in arguments else len(arguments)
    return list(arguments[at : at + 2])


def _call(manifest: Any, words: list[str]) -> dbtRunnerResult:
    from dbt.cli.main import dbtRunner  # takes seconds

    outcome = dbtRunner(manifest=manifest).invoke([*_UNSEEN, *words])
    if isinstance(outcome.exception, (KeyboardInterrupt, SystemExit)):  # dbt catches these, too
        raise outcome.exception
    return outcome


@contextmanager
def _environ(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
