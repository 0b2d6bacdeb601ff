"""`millibar attribute`: what each channel earned, from a file of paths or of events, with intervals."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from millibar.plain_table import aligned

if TYPE_CHECKING:
    import pandas as pd

    from millibar.attribution.files.attribute import Attribution, FileForm
    from millibar.attribution.result import Credits


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The subcommand."""
    told = commands.add_parser(
        "attribute",
        help="what each channel earned, from a CSV file of paths or events, without a warehouse",
        allow_abbrev=False,
    )
    told.add_argument("file", type=Path, metavar="PATHS.csv", help="path;conv;null;value, or customer,time,channel,...")
    told.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.csv", help="a row a model and channel")
    told.add_argument(
        "--reference",
        type=Path,
        metavar="PERIOD.csv",
        help="an earlier period: what moved since, and is it noise",
    )
    told.add_argument("--json", type=Path, metavar="FILE", help="the same with order scores, inputs, warnings, seconds")
    _model_arguments(told)
    _file_arguments(told)
    _column_arguments(told)
    told.set_defaults(run=run_attribute)


def _model_arguments(told: argparse.ArgumentParser) -> None:
    told.add_argument(
        "--models", metavar="A,B", help="markov_shapley, markov, shapley, shapley_ordered, first, last, "
        "last_non_direct, linear, position, j_shaped, inverse_j, participation (default: markov_shapley, markov, "
        "first, last, linear)",
    )  # fmt: skip
    told.add_argument(
        "--order", type=_order, default=1, metavar="auto|K",
        help="channels the chain remembers; auto: chosen on held-out journeys (default 1)",
    )  # fmt: skip
    told.add_argument(
        "--convention", choices=("exact", "channelattribution"), default="exact",
        help="channelattribution: what that package estimates by simulation, computed",
    )  # fmt: skip
    told.add_argument("--confidence", type=_confidence, default=0.95, help="of the intervals (default 0.95)")


def _file_arguments(told: argparse.ArgumentParser) -> None:
    form = told.add_mutually_exclusive_group()
    form.add_argument("--paths", dest="form", action="store_const", const="paths", help="the file holds paths")
    form.add_argument("--events", dest="form", action="store_const", const="events", help="the file holds events")
    told.add_argument("--separator", default=">", help="between the steps of a path (default >)")
    told.add_argument("--delimiter", help="between fields: , ; | or tab (default: what the header has most of)")
    told.add_argument("--decimal", choices=(".", ","), default=".", help="mark before decimals (default .)")
    told.add_argument("--encoding", default="utf-8", help="of the file (default utf-8; latin-1, cp1252)")
    told.add_argument(
        "--lookback-days", type=float, default=30.0, metavar="DAYS", help="events: how far a conversion reaches back"
    )
    told.add_argument("--drop-repeats", action="store_true", help="events: count rows that are wholly equal once")


def _column_arguments(told: argparse.ArgumentParser) -> None:
    paths = told.add_argument_group("columns of paths, where their names are not plain")
    for option in ("path", "conversions", "nulls", "value", "value-squared"):
        paths.add_argument(f"--{option}", metavar="COLUMN")
    events = told.add_argument_group("columns of events")
    for option in ("customer", "time", "channel", "conversion", "event-value"):
        events.add_argument(f"--{option}", metavar="COLUMN")


def run_attribute(arguments: argparse.Namespace) -> int:
    """Fit, write OUT.csv, print the tables; notes go to stderr."""
    from millibar.attribution.files.attribute import DEFAULT_MODELS, Request, attribute_file
    from millibar.sources.blocks import FileError

    for written in (arguments.output, arguments.json):
        if written is not None and not written.parent.is_dir():
            raise FileError(f"{written}: there is no folder {written.parent}; make it first")
        if written is not None and written.resolve() in {arguments.file.resolve(), _resolved(arguments.reference)}:
            raise FileError(f"{written}: it would be written over what is read; name another file")
    asked = [name.strip() for name in (arguments.models or "").split(",") if name.strip()]
    request = Request(asked or DEFAULT_MODELS, arguments.order, arguments.convention, arguments.confidence)
    found = attribute_file(arguments.file, _form(arguments), request, arguments.reference)
    table = found.table()
    table.to_csv(arguments.output, index=False, lineterminator="\n")
    if arguments.json:
        text = json.dumps(report(found, table), indent=2, ensure_ascii=False, allow_nan=False)
        arguments.json.write_text(text + "\n", encoding="utf-8")
    for note in found.warnings:
        print(f"note: {note}", file=sys.stderr)
    print("\n".join(lines(found, table)))
    return 0


def report(found: Attribution, table: pd.DataFrame) -> dict[str, Any]:
    """What `--json` writes; a number that is unknown is null."""
    return {
        "inputs": found.inputs,
        "confidence": found.confidence,
        "order_scores": None if found.order_scores is None else _records(found.order_scores),
        "credits": _records(table),
        "changes": None if found.changes is None else _records(found.changes),
        "warnings": found.warnings,
        "seconds": {name: round(seconds, 3) for name, seconds in found.seconds.items()},
    }


def lines(found: Attribution, table: pd.DataFrame) -> list[str]:
    """The result for a terminal: totals, order scores where chosen, a table a model, the largest credit first."""
    inputs = found.inputs
    revenue = "" if inputs["value"] is None else f", value {inputs['value']:,.2f}"
    told = [
        f"{inputs['file']}: {inputs['rows']:,} rows of {inputs['form']}, {inputs['paths']:,} paths, "
        f"{inputs['channels']:,} channels",
        f"{inputs['journeys']:,.10g} journeys, {inputs['conversions']:,.10g} conversions{revenue}; "
        f"intervals {found.confidence:.4g}",
    ]
    if found.order_scores is not None:
        told += ["", *_order_lines(found.order_scores)]
    for credits, (_, rows) in zip(found.credits, table.groupby("model", sort=False), strict=True):
        told += ["", *_model_lines(credits, rows, found)]
    if found.changes is not None:
        for model, rows in found.changes.groupby("model", sort=False):
            told += ["", f"{model}, since the earlier period", *_change_lines(rows)]
    return told


def _model_lines(credits: Credits, rows: pd.DataFrame, found: Attribution) -> list[str]:
    order = "" if credits.order is None else f", order {credits.order}"
    more = "" if credits.sums_to_total else " (each channel gets all of a conversion it touched: no sum to the total)"
    rows = rows.sort_values("conversions", ascending=False, kind="stable")
    total = found.inputs["conversions"]
    columns = {"channel": rows["channel"].tolist(), "conversions": _numbers(rows["conversions"])}
    if rows["conversions_low"].notna().any():
        columns["low - high"] = _ranges(rows["conversions_low"], rows["conversions_high"])
    columns["share"] = [f"{value / total:.1%}" if total else "" for value in rows["conversions"]]
    if found.has_value:
        columns["revenue"] = _numbers(rows["revenue"])
        if rows["revenue_low"].notna().any():
            columns["low - high "] = _ranges(rows["revenue_low"], rows["revenue_high"])
    if rows["removal_effect"].notna().any():
        columns["removal effect"] = [f"{value:.4f}" for value in rows["removal_effect"]]
    return [f"{credits.model}{order}{more}", *aligned(columns)]


def _order_lines(scores: pd.DataFrame) -> list[str]:
    columns = {
        "order": [str(order) for order in scores["order"]],
        "held-out log-likelihood": [f"{value:,.1f}" for value in scores["held_out_log_likelihood"]],
        "a step": [f"{value:.5f}" for value in scores["per_step"]],
        "BIC": [f"{value:,.1f}" for value in scores["bic"]],
        "parameters": [f"{value:,}" for value in scores["parameters"]],
        "": ["chosen" if best else "" for best in scores["is_best"]],
    }
    return aligned(columns)


def _change_lines(rows: pd.DataFrame) -> list[str]:
    """Shares before and now in percent, their difference in points, the largest first."""
    rows = rows.loc[rows["change"].abs().sort_values(ascending=False, kind="stable").index]
    known = rows["change_low"].notna().any()
    columns = {
        "channel": [str(channel) for channel in rows["channel"]],
        "share before": [f"{share:.1%}" for share in rows["share_before"]],
        "now": [f"{share:.1%}" for share in rows["share_now"]],
        "change": [f"{100 * change:+.1f}" for change in rows["change"]],
    }
    if known:
        ends = zip(100 * rows["change_low"], 100 * rows["change_high"], strict=True)
        columns["low to high"] = [f"{low:+.1f} to {high:+.1f}" for low, high in ends]
        columns["q"] = [f"{q_value:.4f}" for q_value in rows["q_value"]]
        columns["more than noise"] = ["yes" if real else "no" for real in rows["is_real"]]
    return aligned(columns)


def _numbers(values: pd.Series) -> list[str]:
    places = _decimals(values)
    return [f"{value:,.{places}f}" for value in values]


def _ranges(low: pd.Series, high: pd.Series) -> list[str]:
    places = _decimals(high)
    return [f"{least:,.{places}f} - {most:,.{places}f}" for least, most in zip(low, high, strict=True)]


def _decimals(values: pd.Series) -> int:
    """Decimals that leave the largest value four digits or more."""
    most = float(values.max())
    return 1 if most >= 100 or not most > 0 else min(10, 3 - math.floor(math.log10(most)))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values, null where unknown."""
    return [
        {str(name): None if value is None or value != value else value for name, value in row.items()}
        for row in table.astype(object).where(table.notna(), None).to_dict("records")
    ]


def _form(arguments: argparse.Namespace) -> FileForm:
    from millibar.attribution.files.attribute import FileForm
    from millibar.attribution.files.event_files import EventColumns
    from millibar.attribution.files.path_files import PathColumns
    from millibar.sources.table_files import delimiter_of

    return FileForm(
        form=arguments.form,
        encoding=arguments.encoding,
        delimiter=delimiter_of(arguments.delimiter),
        decimal=arguments.decimal,
        separator=arguments.separator,
        paths=PathColumns(
            arguments.path, arguments.conversions, arguments.nulls, arguments.value, arguments.value_squared
        ),
        events=EventColumns(
            arguments.customer, arguments.time, arguments.channel, arguments.conversion, arguments.event_value
        ),
        lookback_days=arguments.lookback_days,
        drop_repeats=arguments.drop_repeats,
    )


def _resolved(path: Path | None) -> Path | None:
    return None if path is None else path.resolve()


def _order(written: str) -> int | Literal["auto"]:
    if written == "auto":
        return "auto"
    try:
        order = int(written)
    except ValueError:
        order = 0
    if order < 1:
        raise argparse.ArgumentTypeError(f"{written} is neither auto nor a whole number of 1 or more")
    return order


def _confidence(written: str) -> float:
    try:
        confidence = float(written)
    except ValueError:
        confidence = math.nan
    if not 0 < confidence < 1:
        raise argparse.ArgumentTypeError(f"{written} does not lie between 0 and 1; write 0.95 for 95 %")
    return confidence
