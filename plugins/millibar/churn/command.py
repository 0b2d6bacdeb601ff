"""`millibar churn`: who will order again, and what he will bring, from a file of orders, without a warehouse."""

from __future__ import annotations

import argparse
import json
import re
import sys
from datetime import date
from pathlib import Path

UNIT_DAYS = {"d": 1.0, "w": 7.0, "m": 365.25 / 12}
LONGEST_DAYS = 3_653


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommand."""
    told = commands.add_parser(
        "churn",
        help="who will order again and what he will bring, from a CSV file of orders, without a warehouse",
        allow_abbrev=False,
    )
    told.add_argument("file", type=Path, metavar="ORDERS.csv", help="customer_id,ordered_at,amount; below 0: a return")
    told.add_argument("-o", "--output", type=Path, metavar="SCORES.csv", help="a row a customer")
    told.add_argument("--json", type=Path, metavar="FILE", help="parameters, holdout, calibration, notes, seconds")
    told.add_argument(
        "--cut", type=_day, metavar="DATE", help="score as of the end of that day (default: the file's last)"
    )
    told.add_argument(
        "--horizon", type=horizon_days, default=91, metavar="13w|90d|3m", help="how far ahead (default 13w)"
    )
    form = told.add_argument_group("how the file is written")
    for role in ("customer", "time", "amount"):
        form.add_argument(f"--{role}-column", metavar="COLUMN", help="where its name is not plain")
    form.add_argument("--delimiter", help="between fields: , ; | or tab (default: what the header has most of)")
    form.add_argument("--decimal", choices=(".", ","), default=".", help="mark before decimals (default .)")
    form.add_argument("--encoding", default="utf-8", help="of the file (default utf-8; latin-1, cp1252)")
    form.add_argument("--date-format", metavar="FORMAT", help="as %%d/%%m/%%Y %%H:%%M (default: ISO 8601, or 20260131)")
    form.add_argument("--timezone", metavar="ZONE", help="of business days, where times tell theirs: Europe/Paris")
    form.add_argument("--drop-repeats", action="store_true", help="count rows that are wholly equal once")
    told.set_defaults(run=run_churn)


def run_churn(arguments: argparse.Namespace) -> int:
    """Fit, write SCORES.csv, print parameters and measures; notes go to stderr."""
    from millibar.churn.files.order_files import OrderForm
    from millibar.churn.files.report import as_json, lines
    from millibar.churn.files.score import score_file
    from millibar.sources.blocks import FileError
    from millibar.sources.table_files import delimiter_of

    for written in (arguments.output, arguments.json):
        if written is not None and not written.parent.is_dir():
            raise FileError(f"{written}: there is no folder {written.parent}; make it first")
        if written is not None and written.resolve() == arguments.file.resolve():
            raise FileError(f"{written}: it would be written over what is read; name another file")
    form = OrderForm(
        arguments.customer_column, arguments.time_column, arguments.amount_column,
        delimiter_of(arguments.delimiter), arguments.decimal, arguments.encoding, arguments.date_format,
        arguments.timezone, arguments.drop_repeats,
    )  # fmt: skip
    found = score_file(arguments.file, form, arguments.cut, arguments.horizon)
    if arguments.output is not None:
        found.scores.to_csv(arguments.output, index=False, lineterminator="\n")
    if arguments.json is not None:
        text = json.dumps(as_json(found), indent=2, ensure_ascii=False, allow_nan=False)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    for note in found.warnings:
        print(f"note: {note}", file=sys.stderr)
    print("\n".join(lines(found)))
    return 0


def horizon_days(written: str) -> int:
    """Days of ``13w``, ``90d`` or ``3m``; a month is a twelfth of a year."""
    said = re.fullmatch(r"(\d{1,5})([dwm])", written.strip().lower())
    days = round(int(said[1]) * UNIT_DAYS[said[2]]) if said else 0
    if not 1 <= days <= LONGEST_DAYS:
        raise argparse.ArgumentTypeError(
            f"{written} is no time of 1 day to 10 years; write 13w, 90d or 3m for weeks, days or months"
        )
    return days


def _day(written: str) -> date:
    try:
        return date.fromisoformat(written)
    except ValueError as fault:
        raise argparse.ArgumentTypeError(f"{written} is no day; write it as 1997-09-30") from fault
