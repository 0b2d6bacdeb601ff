"""The `millibar` command: one parser, each subcommand in the package it belongs to."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from millibar import __version__

PASSED_ON = ("psql", "dbt")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    from millibar.attribution.files import command as attribution
    from millibar.churn import command as churn
    from millibar.identity import command as identity
    from millibar.identity import decisions_command as decisions
    from millibar.pipeline import command as pipeline
    from millibar.pressure import command as pressure
    from millibar.privacy import command as privacy
    from millibar.services import command as services
    from millibar.simulation import command as simulation
    from millibar.sources import command as sources
    from millibar.warehouse import command as warehouse

    root = argparse.ArgumentParser(
        prog="millibar",
        description="One customer view, attribution, pressure and churn signals, on your own warehouse.",
    )
    root.add_argument("--version", action="version", version=f"millibar {__version__}")
    root.add_argument("-v", "--verbose", action="store_true", help="log what each step does")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    packages = (identity, decisions, attribution, pressure, churn, pipeline, sources, privacy, warehouse, services)
    for package in packages:
        package.add_arguments(commands)
    simulate = commands.add_parser("simulate", help="write the feeds of a simulated market, with its truth")
    simulation.add_arguments(simulate)
    simulate.set_defaults(run=simulation.main)
    return root


def pass_on(words: list[str]) -> list[str]:
    """Set off what is meant for another program (`millibar psql -c ...`, `millibar dbt build -s ...`) by a `--`."""
    if not words or words[0] not in PASSED_ON:
        return words
    head = 3 if words[1:2] == ["--role"] else 1
    if words[head : head + 1] in ([], ["--"], ["-h"], ["--help"]):
        return words
    return [*words[:head], "--", *words[head:]]


def main(words: list[str] | None = None) -> int:
    """Run a subcommand; an expected fault is one clear message, not a trace."""
    arguments = parser().parse_args(pass_on(sys.argv[1:] if words is None else words))
    logging.basicConfig(
        level=logging.INFO if arguments.verbose else logging.WARNING, format="%(asctime)s %(levelname)s %(message)s"
    )
    try:
        code = int(arguments.run(arguments))
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads the output, as `head`, has seen enough; nothing more can be written there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as fault:
        if arguments.verbose:
            raise
        print(f"millibar: {type(fault).__name__}: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
