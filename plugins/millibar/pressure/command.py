"""`millibar pressure simulate`: the bars of the barometer on simulated markets, whose truth is known."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommand and what stands below it."""
    told = commands.add_parser("pressure", help="how right the pressure barometer is, on simulated markets")
    below = told.add_subparsers(dest="pressure_command", required=True, metavar="COMMAND")
    simulate = below.add_parser(
        "simulate", help="play markets and compare states and signals with their truth", allow_abbrev=False
    )
    simulate.add_argument("--customers", type=_positive, default=20_000, help="known persons a market (%(default)s)")
    simulate.add_argument("--seed", type=int, default=101, help="of the first market (%(default)s)")
    simulate.add_argument("--markets", type=_positive, default=5, help="seeds, one after another (%(default)s)")
    simulate.add_argument("--days", type=_year, default=372, help="days of each market, 365 at least (%(default)s)")
    simulate.add_argument(
        "--no-independent", action="store_true", help="leave out the markets whose tolerance knows no engagement"
    )
    simulate.add_argument("--json", type=Path, metavar="FILE", help="the same with every incident and false alarm")
    simulate.set_defaults(run=run_simulate)


def run_simulate(arguments: argparse.Namespace) -> int:
    """Print the bars; 0 whether or not they are met: the figures are what is asked for."""
    import pandas as pd

    from millibar.plain_json import plain
    from millibar.pressure.bars.report import as_json, lines, measure
    from millibar.settings import Settings
    from millibar.simulation.parameters import MarketParameters

    if arguments.json is not None and not arguments.json.resolve().parent.is_dir():
        print(f"--json {arguments.json}: there is no folder {arguments.json.resolve().parent}", file=sys.stderr)
        return 2
    profiles = pd.read_csv(Settings.from_environment().dbt_project / "seeds" / "channel_profiles.csv")
    markets = []
    for seed in range(arguments.seed, arguments.seed + arguments.markets):
        market = MarketParameters(customers=arguments.customers, days=arguments.days, seed=seed)
        markets.append(measure(market, profiles, independent=not arguments.no_independent))
        print(f"market of seed {seed} judged", file=sys.stderr, flush=True)
    print("\n".join(lines(markets)))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(plain(as_json(markets)), indent=2, default=str))
    return 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _year(text: str) -> int:
    if int(text) < 365:
        raise argparse.ArgumentTypeError(f"{text} days are too few: faults are spread over a year of 365")
    return int(text)
