"""The command `millibar simulate`: writes a simulated market's feeds and truth."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path

from millibar.simulation.market import simulate
from millibar.simulation.parameters import MarketParameters

_DEFAULTS = MarketParameters()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command, on a parser the caller made."""
    parser.add_argument("--customers", type=int, default=_DEFAULTS.customers, help="known persons (%(default)s)")
    parser.add_argument("--start", type=date.fromisoformat, default=_DEFAULTS.start, help="first day (%(default)s)")
    parser.add_argument("--days", type=int, default=_DEFAULTS.days, help="days to deliver (%(default)s)")
    parser.add_argument("--seed", type=int, default=_DEFAULTS.seed, help="same seed, same bytes (%(default)s)")
    parser.add_argument("--volume", type=float, default=1.0, help="factor on how often the brand speaks (%(default)s)")
    parser.add_argument(
        "--effect-sample",
        type=int,
        default=_DEFAULTS.effect_sample,
        help="persons the channels' causal effects are measured on, 0 for none (%(default)s)",
    )
    parser.add_argument("--landing", type=Path, required=True, help="folder for the feeds, a folder a day inside")
    parser.add_argument("--truth", type=Path, required=True, help="folder for the truth, outside the landing folder")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def main(args: argparse.Namespace) -> int:
    """Run the command; 0 when the market was written, 2 when an argument is wrong."""
    landing, truth = args.landing.resolve(), args.truth.resolve()
    if truth.is_relative_to(landing) or landing.is_relative_to(truth):
        print(
            f"--truth {truth} and --landing {landing} overlap: keep the truth in a folder of its own", file=sys.stderr
        )
        return 2
    try:
        parameters = MarketParameters(
            customers=args.customers,
            start=args.start,
            days=args.days,
            seed=args.seed,
            volume=args.volume,
            effect_sample=args.effect_sample,
        )
    except ValueError as error:
        print(f"wrong argument: {error}", file=sys.stderr)
        return 2
    began = time.monotonic()
    report = simulate(parameters, landing, truth, None if args.quiet else _show)
    for feed, rows in report.rows_by_feed().items():
        print(f"{feed:<16}{rows:>12,} rows")
    print(
        f"{report.touchpoints:,} touchpoints, {report.orders:,} orders, {report.revenue:,.0f} EUR "
        f"in {report.files:,} files, {time.monotonic() - began:.1f} s"
    )
    return 0


def _show(what: str, done: int, of: int) -> None:
    if done == of or done % 30 == 0:
        print(f"simulated {done} of {of} {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="millibar simulate", description=__doc__)
    add_arguments(_parser)
    sys.exit(main(_parser.parse_args()))
